"""Where a script of the queue stands: frozen values that cross threads and go onto the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SCHEDULER = "scheduler"
"""User of the scripts that the scheduler itself queues."""


class ScriptState(StrEnum):
    """The Rubin Observatory's script states that a script without a process can have.

    A script is checked before it enters the queue, so it is never UNCONFIGURED; a thread is neither
    PAUSED nor ENDING.
    """

    CONFIGURED = "CONFIGURED"  # waits in the queue
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    FAILING = "FAILING"  # its deadline has passed, it was told to end
    DONE = "DONE"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    CONFIGURE_FAILED = "CONFIGURE_FAILED"  # it could not be made; it never was in the queue


FINAL_STATES = frozenset(
    {
        ScriptState.DONE,
        ScriptState.STOPPED,
        ScriptState.FAILED,
        ScriptState.CONFIGURE_FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class ScriptMetadata:
    """What a script announces before it runs, so that others can plan around it.

    Parameters
    ----------
    duration_s
        Estimated sky seconds; 0.0 when it is not known.
    ra_deg, dec_deg
        Where the telescope will point, ICRS; None when it stays where it is or is moved otherwise.
    filter_name
        Filter it leaves in the beam, as the profile names it; None when it does not touch it.
    parameters
        As it was configured.
    """

    duration_s: float = 0.0
    ra_deg: float | None = None
    dec_deg: float | None = None
    filter_name: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)

    def to_wire(self) -> dict[str, object]:
        """Keys as they stand in a reply, without the parameters; what is not known is missing."""
        wire: dict[str, object] = {"Duration": self.duration_s}
        if self.ra_deg is not None and self.dec_deg is not None:
            wire |= {"RA": self.ra_deg, "Dec": self.dec_deg}
        if self.filter_name is not None:
            wire["Filter"] = self.filter_name
        return wire


class Outcome:
    """Base of results that say themselves how their script ended; DONE unless overridden."""

    __slots__ = ()

    @property
    def script_state(self) -> ScriptState:
        """DONE, STOPPED or FAILED."""
        return ScriptState.DONE

    @property
    def script_reason(self) -> str:
        """Why it is not DONE."""
        return ""


@dataclass(frozen=True, slots=True)
class End:
    """How a script ended."""

    state: ScriptState
    reason: str
    result: object = None


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """Where one script stands; a new value at every change.

    Parameters
    ----------
    index
        Unique within the queue's life, growing.
    subject
        What the script is about: an attempt's id, or "".
    reason
        Why it stopped or failed; "" otherwise.
    result
        What the script handed back, where its end is told; None before its end, for scripts that
        have none, and in the history.
    is_overrun
        True when it was stopped because its deadline had passed.
    user
        Who put it into the queue; "scheduler" for the scheduler's own.
    block
        Observing block it belongs to; "" when to none.
    group
        One carrying out of a block: scripts of a group stand and fall together. "" for none.
    """

    index: int
    name: str
    subject: str
    state: ScriptState
    queued_utc: datetime
    started_utc: datetime | None = None
    ended_utc: datetime | None = None
    reason: str = ""
    result: object = None
    is_overrun: bool = False
    metadata: ScriptMetadata = ScriptMetadata()
    user: str = SCHEDULER
    block: str = ""
    group: str = ""

    @property
    def is_final(self) -> bool:
        """True when the script has ended."""
        return self.state in FINAL_STATES

    def to_wire(self) -> dict[str, object]:
        """Keys as they stand in a Status reply."""
        return {
            "Index": self.index,
            "Script": self.name,
            "Subject": self.subject,
            "State": self.state.value,
            "Queued": _iso(self.queued_utc),
            "Started": _iso(self.started_utc),
            "Ended": _iso(self.ended_utc),
            "Reason": self.reason,
            "User": self.user,
            "Block": self.block,
            "Group": self.group,
            **self.metadata.to_wire(),
        }


def _iso(utc: datetime | None) -> str:
    return "" if utc is None else utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")

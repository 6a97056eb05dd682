"""The one table that makes a Tango State and Status out of what a service says. Pure.

Rows are read from above; the first that holds is the State, its words begin the Status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ctmo_indi.tango.picture import Seen


class State(StrEnum):
    """Those of Tango's ``DevState`` that we use; the names are Tango's."""

    INIT = "INIT"
    UNKNOWN = "UNKNOWN"
    OFF = "OFF"
    ON = "ON"
    STANDBY = "STANDBY"
    DISABLE = "DISABLE"
    MOVING = "MOVING"
    RUNNING = "RUNNING"
    OPEN = "OPEN"
    CLOSE = "CLOSE"
    ALARM = "ALARM"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a row asks about: one device at one moment.

    Parameters
    ----------
    part
        Its key in ``Devices`` of the reply; empty for the scheduler.
    """

    seen: Seen
    part: str
    now_machine_s: float

    @property
    def device(self) -> Mapping[str, Any]:  # Any: as on the wire
        """What the device says."""
        return self.seen.part(self.part)

    @property
    def verdict(self) -> Mapping[str, Any]:  # Any: as on the wire
        """Safety's verdict as the service knows it."""
        found = self.seen.at("Verdict")
        return found if isinstance(found, Mapping) else {}

    def says(self, key: str, value: object = True) -> bool:
        """Whether the device says so; what it does not say is not so."""
        return bool(self.device.get(key) == value)

    def lost(self) -> str:
        """Say why nothing is known now; empty when something is."""
        reason = self.seen.lost(self.now_machine_s)
        if reason or self.seen.is_new:
            return reason
        has_no_link = self.seen.at("Link") == "DOWN" or "indi_link" in self.rules
        return "no link to the INDI server" if self.part and has_no_link else ""

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of safety's rules that make the verdict UNSAFE."""
        found = self.verdict.get("Rules", ())
        return tuple(str(each["Rule"]) for each in found if each.get("Level") == "UNSAFE")

    @property
    def is_refused(self) -> bool:
        """Whether a motion that is not toward safe would be refused now."""
        held = self.verdict.get("Lock") or self.verdict.get("Latch")
        return bool(held) or self.verdict.get("Level", "SAFE") != "SAFE"

    @property
    def is_unsafe(self) -> bool:
        """Whether the observatory must be closed."""
        return bool(self.verdict.get("Level") == "UNSAFE")

    @property
    def summary(self) -> str:
        """Summary state of the scheduler."""
        return str(self.seen.at("Summary State") or "")


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Parameters
    ----------
    device_class
        For which class; empty for all.
    words
        What it means, as the Status begins.
    """

    device_class: str
    state: State
    words: str
    holds: Callable[[Facts], bool]


def _connected(facts: Facts) -> bool:
    return not facts.part or facts.says("Connected")


def _once(facts: Facts) -> bool:
    return facts.part in facts.seen.once_connected


STATE_TABLE: tuple[Row, ...] = (
    Row("", State.INIT, "not asked yet", lambda f: f.seen.is_new),
    Row("", State.UNKNOWN, "link lost", lambda f: bool(f.lost())),
    Row("", State.UNKNOWN, "connection lost", lambda f: not _connected(f) and _once(f)),
    Row("", State.OFF, "not connected yet", lambda f: not _connected(f)),
    Row("Mount", State.MOVING, "slewing", lambda f: f.says("Slewing")),
    Row("Mount", State.STANDBY, "parked", lambda f: f.says("Parked")),
    Row(
        "Mount", State.ALARM, "not parked, the observatory is in alarm",
        lambda f: f.seen.at("Observatory") == "ALARM",
    ),
    Row("Mount", State.DISABLE, "motion is refused", lambda f: f.is_refused),
    Row("Mount", State.ON, "tracking", lambda f: f.says("Tracking")),
    Row("Mount", State.ON, "standing still", lambda f: f.says("Slewing", False)),
    Row("Camera", State.RUNNING, "exposing", lambda f: f.says("Exposing")),
    Row("Camera", State.ON, "idle", lambda f: f.says("Exposing", False)),
    Row("FilterWheel", State.MOVING, "turning", lambda f: f.says("Moving")),
    Row("FilterWheel", State.ON, "filter in place", lambda f: f.says("Moving", False)),
    Row(
        "Dome", State.ALARM, "the observatory is in alarm",
        lambda f: f.seen.at("Observatory") == "ALARM",
    ),
    Row(
        "Dome", State.MOVING, "rotating, or the shutter moves",
        lambda f: f.says("Moving") or f.device.get("Shutter") in ("OPENING", "CLOSING"),
    ),
    Row(
        "Dome", State.ALARM, "open while it must be closed",
        lambda f: f.says("Shutter", "OPEN") and f.is_unsafe,
    ),
    Row("Dome", State.OPEN, "open", lambda f: f.says("Shutter", "OPEN")),
    Row("Dome", State.CLOSE, "closed", lambda f: f.says("Shutter", "CLOSED")),
    Row("Dome", State.STANDBY, "parked, no shutter is known", lambda f: f.says("Parked")),
    Row("Dome", State.DISABLE, "motion is refused", lambda f: f.is_refused),
    Row("Weather", State.ALARM, "the station is in alarm", lambda f: f.says("State", "Alert")),
    Row(
        "Weather", State.ALARM, "not safe",
        lambda f: any(name.startswith("weather") for name in f.rules),
    ),
    Row("Weather", State.ON, "readings come", lambda f: f.says("State", "Ok")),
    Row("Weather", State.ON, "in the warning zone", lambda f: f.says("State", "Busy")),
    Row("Scheduler", State.FAULT, "FAULT", lambda f: f.summary == "FAULT"),
    Row(
        "Scheduler", State.INIT, "starting",
        lambda f: f.seen.command == ("start", "IN_PROGRESS") and f.summary == "STANDBY",
    ),
    Row("Scheduler", State.STANDBY, "STANDBY", lambda f: f.summary == "STANDBY"),
    Row("Scheduler", State.DISABLE, "DISABLED", lambda f: f.summary == "DISABLED"),
    Row(
        "Scheduler", State.RUNNING, "ENABLED, observing",
        lambda f: f.summary == "ENABLED" and f.seen.at("Running") is True,
    ),
    Row("Scheduler", State.ON, "ENABLED, not resumed", lambda f: f.summary == "ENABLED"),
    Row("Scheduler", State.OFF, "OFFLINE", lambda f: f.summary == "OFFLINE"),
    Row("", State.UNKNOWN, "it does not say", lambda _: True),
)  # fmt: skip


def judged(device_class: str, facts: Facts) -> tuple[State, str]:
    """Return State and Status of a device."""
    row = next(
        row for row in STATE_TABLE if row.device_class in ("", device_class) and row.holds(facts)
    )
    return row.state, "; ".join([row.words, *_details(facts)])


def _details(facts: Facts) -> list[str]:
    """Say what belongs to any state: why it is lost, in whose hands it is, whether it is safe."""
    lost = facts.lost()
    if lost or facts.seen.is_new:
        return [lost] if lost else []
    found = []
    for key, words in (("Lock", "locked"), ("Latch", "stopped")):
        held = facts.verdict.get(key)
        if isinstance(held, Mapping) and held:
            found.append(f"{words} by {held.get('Owner', '')}: {held.get('Reason', '')}")
    level = facts.verdict.get("Level", "SAFE")
    if level != "SAFE":
        reasons = ", ".join(str(reason) for reason in facts.verdict.get("Reasons", ()))
        found.append(f"{level}: {reasons}" if reasons else str(level))
    told = ("Error Report", "Message") if not facts.part else ("Alarm", "Held")
    found += [str(text) for key in told if (text := facts.seen.at(key))]
    return found

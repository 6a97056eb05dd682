"""Hands off after another INDI client moved something: a human took over, do not fight them.

Attempts and the scheduler's own control orders are refused until the takeover is released, or for
a time the site names, counted anew at each further foreign motion; orders given by hand through our
desks are not refused. Safety and the limits go on as always.

It is kept in a small file, so that a crash of ours does not hand the telescope back while the human
is at it; a file that cannot be read counts as a takeover.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.errors import Locked
from ctmo_indi.kept_value import KeptValue

_log = logging.getLogger(__name__)


class Takeover:
    """Written in the engine's thread, read from any.

    Parameters
    ----------
    hands_off_s
        Elapsed seconds after the last foreign motion; 0 goes on at once, None not before a release.
    path
        Where it outlives the process; None: it does not.
    """

    def __init__(self, clock: Clock, hands_off_s: float | None, path: Path | None = None) -> None:
        self._clock = clock
        self._hands_off_s = hands_off_s
        self._file = KeptValue(path) if path is not None else None
        self._what = ""
        self._utc = ""
        self._until_utc = ""
        self._until_elapsed_s: float | None = None
        self._read()

    def begin(self, what: str) -> dict[str, object]:
        """Note a foreign motion and return it as a struct; the first one that counts is kept."""
        now_utc = self._clock.utc()
        if not self.is_active:
            self._what = what
            self._utc = now_utc.isoformat(timespec="seconds")
        if self._hands_off_s is None:
            is_known = self._until_elapsed_s == math.inf
            self._until_utc, self._until_elapsed_s = "", math.inf
        else:
            is_known = False
            until_utc = now_utc + timedelta(seconds=self._hands_off_s)
            self._until_utc = until_utc.isoformat(timespec="seconds")
            self._until_elapsed_s = self._clock.elapsed_s() + self._hands_off_s
        if not is_known:
            self._write()
        return {**self.to_wire(), "What": what}

    def release(self) -> bool:
        """End it: the human is done; False when there was none."""
        was_active = self.is_active
        self._until_elapsed_s = None
        if was_active:
            self._write()
        return was_active

    @property
    def is_active(self) -> bool:
        """Whether hands are to be kept off now."""
        until_s = self._until_elapsed_s
        return until_s is not None and self._clock.elapsed_s() < until_s

    @property
    def reason(self) -> str:
        """Who holds the telescope, since when and until when; empty while nobody does."""
        if not self.is_active:
            return ""
        until = f"{self._until_utc}, or until released" if self._until_utc else "released"
        return f"another INDI client took over ({self._what}, {self._utc}): hands off until {until}"

    def refusal(self) -> Locked | None:
        """Why a motion of the manager's own is refused now; None when it is not."""
        reason = self.reason
        return Locked(reason) if reason else None

    def to_wire(self) -> dict[str, object]:
        """The first motion of the last takeover; empty when there was none."""
        if not self._what:
            return {}
        wire: dict[str, object] = {"What": self._what, "UTC": self._utc}
        if self.is_active:
            wire["Hands Off Until"] = self._until_utc or "released"
            wire["Reason"] = self.reason
        return wire

    def trouble(self, timeout_s: float) -> str:
        """Wait until what was said last is durable; why not, empty when it is."""
        return self._file.trouble(timeout_s) if self._file is not None else ""

    def close(self, timeout_s: float) -> None:
        """Write what waits; blocks that many machine seconds at most."""
        if self._file is not None:
            self._file.close(timeout_s)

    def _read(self) -> None:
        if self._file is None:
            return
        try:
            data = self._file.read()
            if not isinstance(data, Mapping):
                raise ValueError(f"{data!r}, expected an object")  # noqa: TRY004, TRY301
            if not data["is_active"]:
                return
            self._what, self._utc = str(data["what"]), str(data["utc"])
            until = str(data["until_utc"])
            left_s = math.inf
            if until:
                end_utc = datetime.fromisoformat(until)
                left_s = (end_utc - self._clock.utc()).total_seconds()
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("takeover_unreadable path=%s error=%r", self._file.path, error)
            self._what = f"unknown: {self._file.path.name} cannot be read"
            self._utc = self._clock.utc().isoformat(timespec="seconds")
            until, left_s = "", math.inf
        self._until_utc, self._until_elapsed_s = until, self._clock.elapsed_s() + left_s
        _log.warning("takeover_goes_on what=%r since=%s", self._what, self._utc)

    def _write(self) -> None:
        if self._file is None:
            return
        self._file.write(
            {
                "is_active": self.is_active,
                "what": self._what,
                "utc": self._utc,
                "until_utc": self._until_utc,
            }
        )

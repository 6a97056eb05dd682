"""The telemetry loop: once a second asks the telescope, feeds the streams, tells what it saw.

Asked for by a cycle, done in a thread of its own: neither the engine nor the driver ever waits for
it. A telescope that does not answer is no fault here: the streams grow old, one warning is logged,
and whoever decides something sees it in the values' ages.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.scheduler.worker import Worker
from ctmo_indi.scheduling.driver import Value
from ctmo_indi.scheduling.errors import UpdateTelemetryError
from ctmo_indi.scheduling.telemetry_streams import (
    Sample,
    StreamParameters,
    TelemetryStreamHandler,
)
from ctmo_indi.script_queue.peer import FrontDesk

_log = logging.getLogger(__name__)

TELEMETRY_TIMEOUT_S = 5.0
"""Machine seconds the desk it is given should wait at most; afterwards a round is overrun."""

SHORTEST_PERIOD_S = 0.9
"""Machine seconds between two rounds, whoever asks: never faster than the heartbeat."""

MOST_PROPERTIES = 64  # that one Status order may ask for

Publish = Callable[[str, str, dict[str, object]], object]


@dataclass(frozen=True, slots=True)
class TelemetryNews:
    """What the telescope said last.

    Parameters
    ----------
    status
        Its reply to Status.
    asked_machine_s
        When it was asked, machine seconds of this process' clock.
    """

    status: Mapping[str, object]
    asked_machine_s: float


class TelemetryLoop:
    """Telemetry of the telescope; every method from any thread, none blocks but :meth:`stop`.

    Parameters
    ----------
    telescope
        Its desk, with a time-out of its own (:data:`TELEMETRY_TIMEOUT_S`).
    publish
        Of the board: kind, subject, data.
    general_info
        Data of ``generalInfo`` for an instant; called in the loop's thread.
    """

    def __init__(
        self,
        telescope: FrontDesk,
        clock: Clock,
        publish: Publish,
        general_info: Callable[[datetime], dict[str, object]],
    ) -> None:
        self._telescope = telescope
        self._clock = clock
        self._publish = publish
        self._general_info = general_info
        self._worker = Worker("scheduler-telemetry")
        self._lock = threading.Lock()
        self._handler = TelemetryStreamHandler(())
        self._began_machine_s: float | None = None
        self._asked_machine_s = float("-inf")
        self._trouble_machine_s = 0.0
        self._is_overrun = False
        self._told: tuple[object, object, object] | None = None
        self.latest: TelemetryNews | None = None
        self.trouble: UpdateTelemetryError | None = None
        self.rounds = 0
        self.skipped = 0
        self.overruns = 0
        self.failures = 0

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread; nothing is asked before :meth:`ask`."""
        self._worker.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread; waits ``timeout_s`` machine seconds for a round under way."""
        self._worker.stop(timeout_s)

    def open(self, streams: Sequence[StreamParameters]) -> Mapping[str, Value]:
        """Gather these streams from now on, and no others; what was gathered is forgotten.

        Returns
        -------
        Mapping
            Always the newest values, for any thread; unknown once others are gathered.

        Raises
        ------
        ConfigError
            Names everything wrong with ``streams``; nothing is changed.
        """
        handler = TelemetryStreamHandler(streams)
        with self._lock:
            self._handler = handler
        return _LiveValues(handler, self._lock, self._clock)

    def forget(self) -> None:
        """Gather nothing more: what a component in STANDBY remembers."""
        self.open(())

    # -- what others read --------------------------------------------------------------------------

    def values(self) -> Mapping[str, Value]:
        """Value of each stream now; its fill value, or NaN, where it is not known."""
        with self._lock:
            return self._handler.values(self._clock.elapsed_s())

    def ages(self) -> Mapping[str, float]:
        """Sky seconds since each stream was measured; infinite before the first time."""
        with self._lock:
            return self._handler.ages(self._clock.elapsed_s())

    def to_wire(self) -> dict[str, object]:
        """Return counters, values and ages for a status; what is not known is left out."""
        trouble = self.trouble
        return {
            "Rounds": self.rounds,
            "Skipped": self.skipped,
            "Overruns": self.overruns,
            "Failures": self.failures,
            "Trouble": "" if trouble is None else str(trouble),
            "Values": dict(self.values()),
            "Ages (s)": dict(self.ages()),
        }

    # -- the loop ----------------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask for a round; skipped while one is under way. For a cycle of one machine second."""
        now_s = self._clock.machine_s()
        with self._lock:
            began_s = self._began_machine_s
            is_too_soon = now_s - self._asked_machine_s < SHORTEST_PERIOD_S
            if began_s is None and not is_too_soon:
                self._began_machine_s = self._asked_machine_s = now_s
        if began_s is not None:
            self.skipped += 1
            self._tell_overrun(now_s - began_s)
        elif not is_too_soon:
            self._worker.ask(self._round)

    def _tell_overrun(self, lasts_s: float) -> None:
        if lasts_s <= TELEMETRY_TIMEOUT_S or self._is_overrun:
            return
        self._is_overrun = True
        self.overruns += 1
        self._failed(f"the telescope has not answered for {lasts_s:.0f} s")

    def _round(self) -> None:
        """In the worker: one round; whatever happens, the next one may come."""
        try:
            try:
                self._look()
            finally:
                self._publish("generalInfo", "", self._general_info(self._clock.utc()))
            self._recovered()
        except CtmoError as error:
            self._failed(str(error))
        except Exception as error:
            self._failed(repr(error))
            raise
        finally:
            self.rounds += 1
            self._is_overrun = False
            with self._lock:
                self._began_machine_s = None

    def _look(self) -> None:
        with self._lock:
            handler = self._handler
        names = handler.properties
        samples: dict[str, Sample] = {}
        for first in range(0, max(1, len(names)), MOST_PROPERTIES):
            asked_machine_s = self._clock.machine_s()
            status = self._status(names[first : first + MOST_PROPERTIES])
            samples |= _samples(status)
        with self._lock:
            handler.update(samples, self._clock.elapsed_s())
        self.latest = TelemetryNews(status, asked_machine_s)
        state = observatory_state(status)
        self._tell_change(state["Observatory"], state["Link"], "")
        self._publish("observatoryState", "observatory", state)

    def _status(self, names: Sequence[str]) -> Mapping[str, object]:
        order: dict[str, object] = {"WOType": "Status", "User": "scheduler"}
        if names:
            order["Properties"] = list(names)
        return self._telescope.front_desk(order)

    def _tell_change(self, observatory: object, link: object, silence: str) -> None:
        """Publish a change in words of the history: what comes every second is kept for days."""
        told = (observatory, link, not silence)
        if told != self._told:
            self._told = told
            data = {"Observatory": observatory, "Link": link, "Answers": not silence}
            self._publish("observatory", "telescope", {**data, "Reason": silence})

    def _failed(self, reason: str) -> None:
        self.failures += 1
        is_new, self.trouble = self.trouble is None, UpdateTelemetryError(reason)
        if is_new:
            self._trouble_machine_s = self._clock.machine_s()
            _log.warning("telemetry not updated error=%s", reason)
            self._tell_change("UNKNOWN", "DOWN", reason)
        with self._lock:  # the streams grow old; what becomes unknown is told
            self._handler.update({}, self._clock.elapsed_s())

    def _recovered(self) -> None:
        if self.trouble is not None:
            lasted_s = self._clock.machine_s() - self._trouble_machine_s
            _log.info("telemetry updated again after_s=%.0f", lasted_s)
        self.trouble = None


class _LiveValues(Mapping[str, Value]):
    """The values of a handler's streams at the instant they are looked at; any thread."""

    def __init__(self, handler: TelemetryStreamHandler, lock: threading.Lock, clock: Clock) -> None:
        self._handler = handler
        self._lock = lock
        self._clock = clock

    def __getitem__(self, name: str) -> Value:
        with self._lock:
            return self._handler.value(name, self._clock.elapsed_s())

    def __iter__(self) -> Iterator[str]:
        return iter(self._handler.names)

    def __len__(self) -> int:
        return len(self._handler.names)


_STATE_KEYS: tuple[tuple[str, str, str], ...] = (
    # our key, part of the telescope's Devices, its key
    ("RA", "Mount", "RA"),
    ("Dec", "Mount", "Dec"),
    ("Altitude", "Mount", "Altitude"),
    ("Azimuth", "Mount", "Azimuth"),
    ("Pier Side", "Mount", "Pier Side"),
    ("Tracking", "Mount", "Tracking"),
    ("Parked", "Mount", "Parked"),
    ("Slewing", "Mount", "Slewing"),
    ("Dome Azimuth", "Dome", "Azimuth"),
    ("Dome Parked", "Dome", "Parked"),
    ("Shutter", "Dome", "Shutter"),
    ("Filter", "Filter Wheel", "Filter"),
    ("Exposing", "Camera", "Exposing"),
    ("Focus", "Focuser", "Position"),
)


def observatory_state(status: Mapping[str, object]) -> dict[str, object]:
    """Return the data of ``observatoryState`` from the telescope's Status; unknown is left out."""
    devices = status.get("Devices")
    parts = devices if isinstance(devices, Mapping) else {}
    state: dict[str, object] = {
        "Observatory": status.get("Observatory", "UNKNOWN"),
        "Link": status.get("Link", "DOWN"),
    }
    if "UTC" in parts:
        state["UTC"] = parts["UTC"]
    for key, part, name in _STATE_KEYS:
        fields = parts.get(part)
        if isinstance(fields, Mapping) and name in fields:
            state[key] = fields[name]
    return state


def _samples(status: Mapping[str, object]) -> dict[str, Sample]:
    """Elements with a number, a switch counting as 1 or 0; the others are not known."""
    told = status.get("Properties")
    samples = {}
    for name, one in (told if isinstance(told, Mapping) else {}).items():
        value, age_s = (one.get(key) if isinstance(one, Mapping) else None for key in _SAMPLE_KEYS)
        if isinstance(value, int | float) and isinstance(age_s, int | float):
            samples[str(name)] = Sample(float(value), float(age_s))
    return samples


_SAMPLE_KEYS = ("Value", "Age (s)")

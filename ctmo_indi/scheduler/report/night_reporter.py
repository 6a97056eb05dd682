"""Writes the report of each night when it is over, again at noon, and tells of a dead night then.

A thread of its own, apart from the engine's: a report takes a second or two. What was done for a
night is kept in a file, so that each is told once, whenever the scheduler was restarted; a night
that nobody was there for at noon is told of at the next start, some nights back.

In the morning the calibration of the night has only begun: at noon the report is made again, with
the debt that is left.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.durable_file import write_json
from ctmo_indi.errors import CtmoError
from ctmo_indi.notices import Told
from ctmo_indi.scheduler.report.faults_part import iso
from ctmo_indi.scheduler.report.making import Make, Report
from ctmo_indi.scheduler.report.night_data import NightEdges
from ctmo_indi.scheduler.report.night_sky import NightSky
from ctmo_indi.scheduler.report.report_files import ReportFiles
from ctmo_indi.script_queue.peer import BackOff

_log = logging.getLogger(__name__)

DEAD_NIGHT = "deadNight"
TOLD: Mapping[str, Told] = {
    DEAD_NIGHT: Told("DEAD NIGHT: nothing was observed", "Message", is_urgent=True)
}
"""How people are told of it, where the site has addresses for notices."""

NIGHTS_BACK = 3
AFTER_DARK = timedelta(minutes=5)
LOOK_MACHINE_S = 5.0
AGAIN_FIRST_S = 10.0
AGAIN_LAST_S = 600.0
_KEPT = 60
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reported:
    """What was done for a night; ISO 8601, empty: not yet.

    Parameters
    ----------
    written
        When its report was written last.
    judged
        When it was judged, at noon or later: after that nothing is done for it any more.
    alarm
        Why it was told as a dead one.
    """

    night: str
    written: str = ""
    judged: str = ""
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class ReporterParts:
    """What the reporter works with.

    Parameters
    ----------
    make
        Makes a report; blocks. CtmoError: not now.
    first_record_utc_s
        When the oldest event that is kept was published, Unix seconds; None: there is none.
    publish
        Of the board: kind, subject, data.
    note
        Tells people of an event: kind, data; never blocks.
    file
        Where is kept what was done.
    """

    clock: Clock
    sky: NightSky
    make: Make
    files: ReportFiles
    first_record_utc_s: Callable[[], float | None]
    publish: Callable[[str, str, dict[str, object]], object]
    note: Callable[[str, Mapping[str, object]], None]
    file: Path


class NightReporter:
    """:meth:`start`, :meth:`stop` and :meth:`to_wire` are for any thread."""

    def __init__(self, parts: ReporterParts) -> None:
        self._parts = parts
        self._done: dict[str, Reported] = {}  # replaced, never changed
        self._trouble = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="night-reporter", daemon=True)

    def start(self) -> None:
        """Take up what the file has and begin."""
        self.read()
        self._thread.start()

    def read(self) -> None:
        """Take up what the file has; before the first :meth:`look`."""
        self._done = _read(self._parts.file)

    def stop(self, timeout_s: float) -> None:
        """End; a report that is being made is not waited for longer than that."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def to_wire(self) -> list[dict[str, object]]:
        """Return what Status tells of the last nights, oldest first."""
        return [
            {
                "Night": one.night,
                "Written": one.written,
                "Judged": one.judged,
                "Alarm": one.alarm,
                "Trouble": self._trouble,
            }
            for _, one in sorted(self._done.items())[-NIGHTS_BACK - 1 :]
        ]

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        back_off = BackOff(AGAIN_FIRST_S, AGAIN_LAST_S)
        while not self._over.is_set():
            try:
                self.look()
            except (CtmoError, OSError) as error:
                self._tell_trouble(str(error))
                wait_s = back_off.next_s()
            except Exception as error:  # noqa: BLE001 - outermost of the thread: told, tried again
                _log.exception("night reports fail")
                self._tell_trouble(repr(error))
                wait_s = back_off.next_s()
            else:
                self._trouble = ""
                back_off.reset()
                wait_s = LOOK_MACHINE_S
            self._over.wait(wait_s)

    def look(self) -> None:
        """Do what is due for each of the last nights; the next ones go on when one fails.

        Raises
        ------
        CtmoError, OSError
            The first failure.
        """
        first_s = self._parts.first_record_utc_s()
        trouble: Exception | None = None
        for back in range(NIGHTS_BACK, -1, -1):
            edges = self._parts.sky.of_instant(self._parts.clock.utc() - back * _DAY)
            if first_s is None or first_s >= _dark_over(edges).timestamp():
                continue  # before there was anything here
            try:
                self._look_at(edges)
            except Exception as error:  # noqa: BLE001 - told below; a dead night is told all the same
                trouble = trouble or error
                self._tell_of_failure(edges, error)
            if self._over.is_set():
                return
        if trouble is not None:
            raise trouble

    def _look_at(self, edges: NightEdges) -> None:
        utc = self._parts.clock.utc()
        done = self._done.get(edges.night, Reported(edges.night))
        is_noon_past = utc >= edges.next_noon
        is_done = done.written and done.judged
        if is_done or utc < min(_dark_over(edges), edges.next_noon):
            return
        if done.written and not is_noon_past:
            return
        report = self._parts.make(edges)
        self._parts.files.write(report)
        done = replace(done, written=iso(utc.timestamp()))
        if not is_noon_past:
            _log.info("night report written night=%s", edges.night)
            self._keep(done)
        elif done.judged:
            self._keep(done)
        else:
            self._judge(done, report)

    def _judge(self, done: Reported, report: Report) -> None:
        alarm = str(report.get("Alarm", ""))
        if alarm:
            self._alarm(done.night, alarm)
        judged = iso(self._parts.clock.utc().timestamp())
        self._keep(replace(done, judged=judged, alarm=alarm))

    def _tell_of_failure(self, edges: NightEdges, error: Exception) -> None:
        """At noon, a night of which no report can be made is told of, once."""
        done = self._done.get(edges.night, Reported(edges.night))
        if done.judged or self._parts.clock.utc() < edges.next_noon:
            return
        alarm = f"no report could be made: {error}"
        self._alarm(edges.night, alarm)
        judged = iso(self._parts.clock.utc().timestamp())
        self._keep(replace(done, judged=judged, alarm=alarm))

    def _alarm(self, night: str, why: str) -> None:
        _log.error("dead night night=%s reason=%s", night, why)
        data: dict[str, object] = {"Night": night, "Message": f"night {night}: {why}"}
        self._parts.publish(DEAD_NIGHT, night, data)
        self._parts.note(DEAD_NIGHT, data)

    def _keep(self, done: Reported) -> None:
        kept = {**self._done, done.night: done}
        self._done = dict(sorted(kept.items())[-_KEPT:])
        try:
            write_json(self._parts.file, [asdict(one) for one in self._done.values()])
        except OSError as error:
            # Told once in this run all the same; after a restart perhaps once more.
            _log.warning("not kept what was reported file=%s error=%s", self._parts.file, error)

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("night report not made reason=%s", trouble)
        self._trouble = trouble


def _dark_over(edges: NightEdges) -> datetime:
    """Return when a night's last frame is there; noon where it does not get dark."""
    return edges.next_noon if edges.dark is None else edges.dark[1] + AFTER_DARK


def _read(file: Path) -> dict[str, Reported]:
    try:
        kept = json.loads(file.read_text("utf-8"))
        done = [Reported(**{name: str(value) for name, value in one.items()}) for one in kept]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.error("what was reported is not known file=%s error=%s", file, error)
        return {}
    return {one.night: one for one in done}

"""Machine time from the end of one order to the next INDI command, of the whole fleet in ADVANCE.

indiserver, its simulators and every service run as real processes. Short orders lie close to each
other, so that what is measured is ours and not the slew.

* End of an order: the telescope has stored its last frame and publishes that the attempt is
  COMPLETED; the event bears the time of the clock that all processes share.
* Next INDI command: another INDI client, connected to the same server, sees a property of mount,
  filter wheel or camera turn Busy. The driver, the server and our own reading are in it, so it is
  an upper bound of when the command was sent.
* Shutter to command: from the end of the last exposure of an order, seen in the same way, to the
  next command. It has in it what the frame takes: read out, download, header, disk.

Goal: end of an order to the next command at most 100 ms at the 95th percentile. And the time lost
between orders, counted at speed 1, is less than 1 % of the open time. Run
``python benchmarks/bench_order_gap.py`` (about 90 s, prints JSON; exit 1 when missed).
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import json
import re
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ctmo_indi import profiles
from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.fleet_ports import on_free_ports
from ctmo_indi.logs import quiet_log
from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.simulator.rehearsal import coming_night
from ctmo_indi.supervisor import Fleet, Supervisor
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS

GOAL_MS = 100.0
GOAL_IDLE_PERCENT = 1.0
AUTUMN = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
AFTER_DUSK = timedelta(minutes=10)
FIELDS = 4
SHUTTER = ("CCD Simulator", "CCD_EXPOSURE")
COMMANDED = frozenset(
    {
        SHUTTER,
        ("Telescope Simulator", "EQUATORIAL_EOD_COORD"),
        ("Telescope Simulator", "TELESCOPE_TRACK_STATE"),
        ("Filter Simulator", "FILTER_SLOT"),
    }
)
_HEAD = re.compile(rb"<(?:def|set)\w+Vector\s([^>]*)>")
_ATTRIBUTE = re.compile(rb"""(\w+)=["']([^"']*)["']""")


@dataclass(frozen=True, slots=True)
class Turn:
    """A property changed its state; machine seconds."""

    machine_s: float
    what: tuple[str, str]
    state: str


class Wire:
    """A second INDI client that notes when a property turns Busy and when it ceases to be."""

    def __init__(self, port: int) -> None:
        self.turns: list[Turn] = []
        self._states: dict[tuple[str, str], str] = {}
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5.0)
        self._socket.settimeout(None)
        self._socket.sendall(b'<getProperties version="1.7"/>\n')
        threading.Thread(target=self._read, name="wire", daemon=True).start()

    def close(self) -> None:
        """End the connection and, with it, the thread."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self) -> None:
        rest = b""
        while chunk := self._socket.recv(65536):
            now_s = time.monotonic()
            rest += chunk
            end = 0
            for head in _HEAD.finditer(rest):
                self._take(now_s, dict(_ATTRIBUTE.findall(head.group(1))))
                end = head.end()
            rest = rest[max(end, rest.rfind(b"<")) :]

    def _take(self, now_s: float, said: Mapping[bytes, bytes]) -> None:
        if b"state" not in said:
            return
        what = (said[b"device"].decode(), said[b"name"].decode())
        state = said[b"state"].decode()
        if what in COMMANDED and self._states.get(what) != state:
            self._states[what] = state
            self.turns.append(Turn(now_s, what, state))


@dataclass
class Measured:
    """What one run gives; machine times in milliseconds."""

    orders: int = 0
    completed: int = 0
    gaps_ms: list[float] = field(default_factory=list)
    begun_ms: list[float] = field(default_factory=list)
    shutter_ms: list[float] = field(default_factory=list)
    first: dict[str, int] = field(default_factory=dict)
    lost_s: float = 0.0
    open_sky_s: float = 0.0
    time_spent: Mapping[str, object] = field(default_factory=dict)

    @property
    def idle_percent(self) -> float:
        """Time lost between orders, at speed 1, of the open time."""
        return 100.0 * self.lost_s / self.open_sky_s if self.open_sky_s else float("nan")


def main() -> int:
    """Run a stretch of a night and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=48)
    parser.add_argument("--exposure", type=float, default=20.0, help="seconds of sky")
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--waiting", type=int, default=200, help="orders that wait all the time")
    parser.add_argument("--data", type=Path, help="keep logs and databases here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ctmo-bench-") as folder:
        data_dir = options.data or Path(folder)
        data_dir.mkdir(parents=True, exist_ok=True)
        quiet_log("bench", data_dir)
        measured = run(data_dir, options)
    gap, shutter = figures(measured.gaps_ms), figures(measured.shutter_ms)
    report = {
        "orders": measured.orders,
        "completed": measured.completed,
        "end of an order to the next INDI command": gap,
        "of it until the telescope begins the next attempt": figures(measured.begun_ms),
        "first command seen": measured.first,
        "end of the last exposure to the next INDI command": shutter,
        "goal_ms": GOAL_MS,
        "idle_percent_of_open_time_at_speed_1": round(measured.idle_percent, 3),
        "idle_goal_percent": GOAL_IDLE_PERCENT,
        "open_sky_s": round(measured.open_sky_s),
        "time_spent_sky_s": measured.time_spent,
    }
    print(json.dumps(report, indent=2))
    is_good = (
        measured.completed == measured.orders
        and gap.get("p95_ms", float("inf")) <= GOAL_MS
        and measured.idle_percent < GOAL_IDLE_PERCENT
    )
    return 0 if is_good else 1


def run(data_dir: Path, options: argparse.Namespace) -> Measured:
    """Start the fleet, have the orders done, and measure."""
    count, exposure_s, speed = options.orders, options.exposure, options.speed
    profile = profiles.load("simulators")
    config = on_free_ports(replace(Config(), profile="simulators", data_dir=data_dir))
    start_utc = coming_night(profile, AUTUMN).dusk_utc + AFTER_DUSK
    fleet = Fleet(config, profile, speed=speed, start_utc=start_utc)
    with Supervisor(fleet) as supervisor:
        supervisor.start()
        assert supervisor.indiserver is not None
        wire = Wire(supervisor.indiserver.endpoint.port)
        with supervisor.client("scheduler") as scheduler, supervisor.client("telescope") as hands:
            short = orders(profile.site, supervisor.clock, count, exposure_s)
            for order in (*short, *waiting(short[0], options.waiting)):
                scheduler.front_desk(order)
            supervisor.resume_scheduler()
            longest_s = 60.0 + count * (60.0 + exposure_s) / speed
            done = completed(scheduler.front_desk, count, longest_s)
            attempts = events(hands.front_desk, "attempt")
            status = hands.front_desk({"WOType": "Status", "User": "bench"})
        wire.close()
        measured = measure(wire.turns, attempts, supervisor.clock)
    measured.orders, measured.completed = count, done
    measured.time_spent = dict(status["Time Spent"])
    return measured


def orders(site: object, clock: Clock, count: int, exposure_s: float) -> list[dict[str, object]]:
    """Return short orders for a few fields within some degrees, filters in turn."""
    rising_h = (sidereal_time_h(site, clock.utc()) + 1.0) % 24.0
    filters = ("V", "R", "B")
    return [
        {
            "WOType": "Observation",
            "User": "bench",
            "ID": f"gap-{number}",
            "RA": (rising_h * 15.0 + number % FIELDS) % 360.0,
            "Dec": 30.0 + number % FIELDS,
            "RA Unit": "deg",
            "Filter": filters[number % len(filters)],
            "Exposure Time": exposure_s,
            "Number of Exposures": 1,
        }
        for number in range(count)
    ]


def waiting(like: Mapping[str, object], count: int) -> list[dict[str, object]]:
    """Return orders that could be observed, but stand behind since they are younger."""
    return [
        {**like, "User": "others", "ID": f"behind-{number}", "Dec": 40.0} for number in range(count)
    ]


def completed(front_desk: Callable[..., Mapping[str, object]], count: int, longest_s: float) -> int:
    """Wait for the end of each order; return how many are COMPLETED."""

    def state(number: int) -> object:
        question = {"WOType": "Status", "User": "bench", "ID": f"gap-{number}"}
        return front_desk(question)["Status"]

    for number in range(count):
        wait_until(lambda number=number: state(number) in SETTLED_ORDERS, longest_s, "an order")
    return sum(state(number) == "COMPLETED" for number in range(count))


def events(front_desk: Callable[..., Mapping[str, object]], kind: str) -> list[dict[str, object]]:
    """Every event of that kind."""
    found: list[dict[str, object]] = []
    cursor, question = 0, {"WOType": "Events", "User": "bench", "Kinds": [kind], "Limit": 500}
    while True:
        page = front_desk({**question, "Cursor": cursor})
        if not page["Events"]:
            return found
        found.extend(page["Events"])
        cursor = page["Cursor"]


def is_end(event: Mapping[str, object]) -> bool:
    """Whether the event tells of an attempt that is COMPLETED."""
    return event["Data"]["Status"] == "COMPLETED"


def measure(
    turns: Sequence[Turn], attempts: Sequence[Mapping[str, object]], clock: Clock
) -> Measured:
    """Put events and wire together."""
    behind_s = clock.utc().timestamp() - clock.machine_s() * clock.speed

    def machine_s(event: Mapping[str, object]) -> float:
        return (datetime.fromisoformat(event["UTC"]).timestamp() - behind_s) / clock.speed

    ends_s = [machine_s(event) for event in attempts if is_end(event)]
    begun_s = [machine_s(event) for event in attempts if event["Data"]["Status"] == "IN_PROGRESS"]
    busy = [turn for turn in turns if turn.state == "Busy"]
    shut_s = [turn.machine_s for turn in turns if turn.what == SHUTTER and turn.state == "Ok"]
    measured = Measured()
    for end_s, next_end_s in itertools.pairwise(ends_s):
        turn = next(turn for turn in busy if turn.machine_s > end_s)
        if turn.machine_s >= next_end_s:
            raise RuntimeError("an order was done without a command")
        begin_s = begun_s[bisect.bisect(begun_s, end_s)]
        shutter_s = shut_s[bisect.bisect(shut_s, end_s) - 1]
        measured.gaps_ms.append(1000.0 * (turn.machine_s - end_s))
        measured.begun_ms.append(1000.0 * (begin_s - end_s))
        measured.shutter_ms.append(1000.0 * (turn.machine_s - shutter_s))
        measured.first[turn.what[1]] = measured.first.get(turn.what[1], 0) + 1
    measured.lost_s = sum(measured.gaps_ms) / 1000.0
    measured.open_sky_s = (ends_s[-1] - ends_s[0]) * clock.speed
    return measured


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait, looking twice a second: looking costs the services time, too."""
    end_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"{what}: not in {timeout_s:.0f} s")
        pause.wait(0.5)


def figures(values_ms: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum, milliseconds."""
    if not values_ms:
        return {"count": 0}
    ordered = sorted(values_ms)
    return {
        "count": len(ordered),
        "median_ms": round(statistics.median(ordered), 2),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
        "max_ms": round(ordered[-1], 2),
    }


if __name__ == "__main__":
    sys.exit(main())

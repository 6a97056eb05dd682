"""What the project promises, as a table, and where a test writes what it measured.

Each row is one promise of ``docs/explanation/safety.md``. A test of it asks the fixture ``promise``
for a recorder; the newest measurement of each row lies in ``build/promises/``. The short form runs
with every test, the long one with ``make faults``; both print the table when they end, and so does
``python tests/promises.py``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "build" / "promises"
IS_LONG = bool(os.environ.get("CTMO_FAULTS_LONG"))

# name -> (what is promised, the figure)
PROMISES: Mapping[str, tuple[str, str]] = {
    "orders_lost": ("accepted orders lost, kill -9", "0 in 1000 (short: 20)"),
    "effects_repeated": ("effects repeated unnoticed, kill -9", "0 in 1000 (short: 20)"),
    "kill_points": ("every named kill point: nothing lost, nothing repeated", "all points"),
    "restart_receipt": ("restart to first receipt", "<= 2 s p99"),
    "restart_verified": ("restart to device state verified", "<= 15 s"),
    "many_orders": ("start with 100,000 stored orders to first receipt", "<= 5 s"),
    "alert_to_command": ("weather alert in the property to first closing command", "<= 2 s"),
    "alert_to_command_slow": ("the same at the speed of the world", "<= 2 s"),
    "alert_to_closed": (
        "weather alert to closed, from random states",
        "<= T_park + T_close + 5 s, 100 of 100",
    ),
    "stale_weather": ("stale weather to UNSAFE", "limit + 2 s"),
    "telescope_gone": ("telescope killed or stopped while open: closed", "delay + T + 5 s"),
    "scheduler_gone": ("scheduler killed or stopped while open: closed", "delay + T + 5 s"),
    "safety_gone": ("safety killed or stopped while open: closed", "delay + T + 5 s"),
    "all_gone": ("all of them killed or stopped while open: closed", "delay + T + 5 s"),
    "closers_combined": (
        "two at once: a closer goes or comes back while another closes",
        "closed, no PARK twice: 12 cases (short: 2)",
    ),
    "mount_dead": ("mount driver dead at closing time", "park time-out + T_close + 5 s"),
    "interlocks_model": ("interlock violations, random sequences on the model", "0 in 10000"),
    "interlocks_simulators": ("interlock violations, on the simulators", "0 in 200"),
    "link_delay": ("link delays of 2 s tolerated", "no loss in 4 phases"),
    "link_noticed": ("link faults noticed", "<= 4 s, 5 kinds x 4 phases"),
    "link_healed": ("usable after the link healed", "<= 10 s"),
    "link_safety": ("safety behind a spoilt link: UNSAFE, SAFE when healed", "<= 5 s, <= 10 s"),
    "server_killed": ("INDI server killed", "100 cycles: 0 crashes, 0 leaks"),
    "driver_killed": ("INDI driver killed", "50 cycles: 0 crashes, 0 leaks"),
    "driver_hung": ("INDI driver hung: its device unknown, known again", "<= 15 s, <= 10 s"),
    "intake_keepalive": (
        "durable orders/s, 64 keep-alive connections",
        ">= 5000/s, p99 < 50 ms, 0 errors",
    ),
    "intake_connections": (
        "durable orders/s, 32 connections without keep-alive",
        ">= 3000/s, p99 < 50 ms, 0 errors",
    ),
    "intake_cpu": ("CPU per durable order", "<= 250 us"),
    "intake_ratio": ("against a bare DocXMLRPCServer", ">= 10 x throughput, <= 1/20 p99"),
    "attack_table": ("rows of the attack table refused with their code", "all"),
    "fuzz": ("mutated bodies", "1000000 (short: 20000): 0 crashes, 0 hangs > 1 s"),
    "under_attack": ("honest client under attack", "p99 < 500 ms, memory < +50 MB"),
    "unauthorised": ("unauthorised effects, roles x methods x origins", "0"),
    "unauthorised_fleet": ("unauthorised effects on real services", "0"),
    "hung_workers": ("gap of the safety cycle while all else hangs", "<= 2 s"),
    "disk_full": ("with the disk full: safety closes, intake refuses", "both"),
    "disk_full_holds": (
        "stop pressed while the disk is full",
        "holds at once, durable <= 15 s after there is room",
    ),
    "clock_step": ("clock stepped by +-1 h: gap of the safety cycle", "<= 2 s, HOLD or UNSAFE"),
    "soak": ("a simulated week with random faults", "0 ends open and unsafe"),
    "soak_memory": ("memory, threads and descriptors in the soak", "< 1 MB/h, constant"),
    "takeover": (
        "another INDI client's deed noticed, attempt INTERRUPTED, held until released",
        "<= 10 s, all kinds x phases",
    ),
    "takeover_false": ("what we and our closers do taken for another client's", "0 in a night"),
    "stop_two_dead": (
        "ctmo-indi stop, scheduler and telescope dead: mount, dome and exposure stand still",
        "<= 2 s",
    ),
    "stop_all_dead": ("the same with every service dead", "<= 2 s"),
    "last_resort": ("ctmo-indi close with every service killed: read back as closed", "exit 0"),
    "units_exposure": ("systemd-analyze security of each unit", "<= 2.0"),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one test saw of one promise."""

    name: str
    measured: str
    holds: bool
    is_long: bool
    utc: str


class Recorder:
    """Writes measurements; the call fails the test when the promise does not hold."""

    def __call__(self, name: str, measured: str, *, holds: bool, needs_quiet: bool = False) -> None:
        """Record ``measured`` (figures with units and how many runs) for the promise ``name``.

        Parameters
        ----------
        needs_quiet
            The figure says how fast the machine is while nothing else runs on it. The short form,
            which may run on a busy one, records it and does not fail by it.
        """
        assert name in PROMISES, f"{name}: no such promise"
        utc = datetime.now(UTC).isoformat(timespec="seconds")
        found = Measurement(name, measured, holds, IS_LONG, utc)
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{name}.{'long' if IS_LONG else 'short'}.json"
        path.write_text(json.dumps(asdict(found)))
        missed = f"{PROMISES[name][0]}: promised {PROMISES[name][1]}, measured {measured}"
        if not holds and needs_quiet and not IS_LONG:
            print(missed)
            return
        assert holds, missed


def runs(short: int, long: int) -> int:
    """How often to repeat: ``long`` under ``make faults``."""
    return long if IS_LONG else short


def newest() -> Iterator[Measurement]:
    """The newest measurement of each promise, in the table's order."""
    for name in PROMISES:
        found = [
            Measurement(**json.loads(path.read_text()))
            for path in (FOLDER / f"{name}.{form}.json" for form in ("long", "short"))
            if path.is_file()
        ]
        if found:
            # A long form says more than a later short one, as long as it holds.
            yield found[0] if found[0].holds else max(found, key=lambda one: one.utc)


def table() -> str:
    """The table as text."""
    found = {one.name: one for one in newest()}
    lines = [f"{'promise':60} {'figure':50} measured"]
    for name, (text, figure) in PROMISES.items():
        one = found.get(name)
        if one is None:
            result = "not measured"
        else:
            form = "long" if one.is_long else "short"
            result = f"{'' if one.holds else 'NOT HELD: '}{one.measured} ({form}, {one.utc[:10]})"
        lines.append(f"{text:60} {figure:50} {result}")
    return "\n".join(lines)


def markdown() -> str:
    """The table as it stands in ``docs/explanation/safety.md``."""
    found = {one.name: one for one in newest()}
    lines = ["| promise | figure | measured |", "|---|---|---|"]
    for name, (text, figure) in PROMISES.items():
        one = found.get(name)
        result = "not measured" if one is None else one.measured
        if one is not None and not one.is_long:
            result += " (short form)"
        if one is not None and not one.holds:
            result = f"**not held**: {result}"
        lines.append(f"| {text} | {figure} | {result} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown() if "--markdown" in sys.argv else table())
    sys.exit(any(not one.holds for one in newest()))

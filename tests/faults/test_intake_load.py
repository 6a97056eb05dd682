"""How many durable orders a second: the benchmark's figures as promises.

Rates and the CPU of an order hold on a quiet machine of two cores. The short form records them and
does not fail by them where the machine is busy or slow; that nothing acknowledged is missing, and
that there is no error, holds always.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .. import promises

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = promises.runs(1, 5)
SECONDS = promises.runs(2, 12)  # five times twelve is the minute of the promise
QUIET_LOAD = 1.0  # runnable processes, before it begins

pytestmark = [pytest.mark.faults, pytest.mark.promise, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def is_quiet() -> bool:
    """Whether the machine had little else to do when the module began."""
    return os.getloadavg()[0] < QUIET_LOAD


@pytest.fixture(scope="module")
def figures(is_quiet: bool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``benchmarks/bench_intake.py`` prints."""
    del is_quiet  # looked at first
    command = [
        sys.executable, ROOT / "benchmarks" / "bench_intake.py", "--json",
        "--rounds", str(ROUNDS), "--seconds", str(SECONDS),
        "--folder", tmp_path_factory.mktemp("intake"),
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _told(figures: dict[str, Any], cell: str) -> str:
    one = figures[cell]
    return (
        f"{one['per_s']:.0f}/s, p99 {one['p99_ms']:.0f} ms, {one['errors']} errors"
        f" ({ROUNDS} x {SECONDS} s, load {figures['load average']})"
    )


def _rate_holds(figures: dict[str, Any], cell: str, least_per_s: float) -> bool:
    one = figures[cell]
    return bool(one["per_s"] >= least_per_s and one["p99_ms"] < 50.0 and not one["errors"])


def test_nothing_acknowledged_is_missing_and_nothing_fails(figures: dict[str, Any]) -> None:
    ours = {name: cell for name, cell in figures.items() if isinstance(cell, dict)}
    for name in ("64 keep-alive", "32 connections", "32 callers at once", "1 keep-alive"):
        assert ours[name]["not_stored"] == 0, name
        assert ours[name]["errors"] == 0, (name, figures["complaints"])


def test_cpu_of_an_order(figures: dict[str, Any], promise: promises.Recorder) -> None:
    kept, single = figures["64 keep-alive"]["cpu_us"], figures["32 connections"]["cpu_us"]
    text = f"{kept:.0f} us at 64 keep-alive, {single:.0f} us at 32 connections"
    promise("intake_cpu", text, holds=kept <= 250.0, needs_quiet=True)


@pytest.mark.parametrize(
    ("name", "cell", "least_per_s"),
    [
        ("intake_keepalive", "64 keep-alive", 5000.0),
        ("intake_connections", "32 connections", 3000.0),
    ],
)
def test_orders_a_second(
    figures: dict[str, Any],
    is_quiet: bool,
    promise: promises.Recorder,
    name: str,
    cell: str,
    least_per_s: float,
) -> None:
    holds = _rate_holds(figures, cell, least_per_s)
    if not holds and not promises.IS_LONG:
        pytest.skip(f"{_told(figures, cell)}; was the machine quiet before: {is_quiet}")
    promise(name, _told(figures, cell), holds=holds)


def test_against_a_bare_server(figures: dict[str, Any], promise: promises.Recorder) -> None:
    at_once = figures["ratio to bare, 32 callers at once"]
    in_turn = figures["ratio to bare, 32 connections"]
    text = (
        f"32 callers at once: {at_once['throughput']:.0f} x, p99 1/{at_once['p99']:.0f};"
        f" in turn: {in_turn['throughput']:.1f} x, p99 1/{in_turn['p99']:.1f},"
        f" longest 1/{in_turn['max']:.0f}"
    )
    holds = at_once["throughput"] >= 10.0 and at_once["p99"] >= 20.0
    assert at_once["throughput"] >= 10.0, text  # on a busy machine, too; both share it
    promise("intake_ratio", text, holds=holds, needs_quiet=True)

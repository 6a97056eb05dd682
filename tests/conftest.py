"""Fixtures any test may use."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.indi.indiserver import IndiServer, fake_time_available
from ctmo_indi.planner_ready import make_planner_ready

from . import promises

EVENING = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)  # a dark evening at the simulators' site

StartSimulators = Callable[..., IndiServer]

PLANNING = (
    "unit/scheduler",
    "unit/scheduling/plan",
    "integration/api",
    "integration/documents",
    "integration/fleet",
    "integration/web",
    "faults",
)
"""Folders whose tests start schedulers; the default driver plans."""

RERUN_LINES = 30


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the planner compiled before any test waits for it; a second when it is."""
    folders = [Path(__file__).parent / name for name in PLANNING]
    if not session.config.option.collectonly and any(
        item.path.is_relative_to(folder) for item in session.items for folder in folders
    ):
        make_planner_ready(lambda _text: None)


@pytest.fixture
def promise() -> promises.Recorder:
    """Return ``record(name, measured, holds=...)`` for a row of ``promises.PROMISES``."""
    return promises.Recorder()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured of the promises, and why tests were run once more."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"run once more: {report.nodeid}")
        terminalreporter.write_line("\n".join(report.longreprtext.splitlines()[-RERUN_LINES:]))
    if promises.IS_LONG:
        terminalreporter.section("promises")
        terminalreporter.write_line(promises.table())


@pytest.fixture
def indi_simulators(tmp_path: Path) -> Iterator[StartSimulators]:
    """Return ``start(drivers, *, speed=None, utc=EVENING, **options_of_IndiServer) -> IndiServer``.

    With ``speed`` the drivers live under a fast clock beginning at ``utc``, and ``server.clock`` is
    calibrated to agree with theirs; else ``server.clock`` is real time. Every server gets a free
    port and a socket of its own and is ended, drivers and all, when the test ends.
    """
    servers: list[IndiServer] = []

    def start(
        drivers: Sequence[str],
        *,
        speed: float | None = None,
        utc: datetime = EVENING,
        **options: object,
    ) -> IndiServer:
        if shutil.which("indiserver") is None:
            pytest.skip("indiserver is not installed (Debian package indi-bin)")
        if speed is not None and fake_time_available() is None:
            pytest.skip("libfaketime is not installed (Debian package libfaketime)")
        anchor = None if speed is None else ClockAnchor(time.monotonic(), utc.timestamp(), speed)
        server = IndiServer(
            drivers,
            clock=SystemClock(anchor),
            workdir=tmp_path / f"indiserver-{len(servers) + 1}",
            fake_time=speed is not None,
            **options,  # type: ignore[arg-type]  # whatever the test hands on
        )
        servers.append(server)
        server.start()
        if speed is not None:
            server.calibrate()
        return server

    yield start
    for server in reversed(servers):
        server.stop()

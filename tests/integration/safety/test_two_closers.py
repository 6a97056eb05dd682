"""The telescope closes in order at the very moment when safety closes first."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ctmo_indi import profiles
from ctmo_indi.devices.closing import close_observatory
from ctmo_indi.devices.foreign import ForeignWatch
from ctmo_indi.devices.observatory import Observatory, driver_executables
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.wire_transport import IndipyTransport
from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.testing.verdicts import SAFE

pytestmark = pytest.mark.indi

SPEED = 20.0


def until(condition, what):
    """Look every 10 ms: a loop that spins would keep the clients' threads from running."""
    end_s = time.monotonic() + 10.0
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end_s, f"not within 10 s: {what}"
        pause.wait(0.01)


@pytest.fixture
def observatories(indi_simulators):
    profile = profiles.load("simulators")
    server = indi_simulators(driver_executables(profile), speed=SPEED)
    clients = []
    found = []
    for name in ("telescope", "safety"):
        client = IndiClient(
            lambda: IndipyTransport(server.endpoint, server.clock), server.clock, name=name
        )
        client.start()
        client.wait_link(10.0)
        clients.append(client)
        observatory = Observatory.build(profile, client, server.clock)
        observatory.connect_all()
        observatory.hear_verdict(SAFE)
        found.append(observatory)
    yield server.clock, *found
    for client in clients:
        client.close()


def test_both_close_and_neither_hinders_the_other(observatories):
    clock, telescope, safety = observatories
    policy = telescope.profile.safety
    open_observatory(telescope, policy, clock, report=lambda _line: None)
    telescope.hear_verdict(SAFE)
    # Far from the park position, so that parking takes its time.
    telescope.mount.slew(*altaz_to_icrs(40.0, 250.0, telescope.profile.site, clock.utc()))

    said = threading.Event()

    def close(observatory, report):
        return close_observatory(observatory, policy, clock, report=report)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(close, telescope, lambda _line: said.set())
        assert said.wait(10.0)
        until(lambda: safety.mount.status().slewing, "the mount begins to park")
        second = pool.submit(close, safety, lambda _line: None)
        reports = [first.result(60.0), second.result(60.0)]

    assert [report.failures for report in reports] == [(), ()]
    assert telescope.state() is safety.state() is ObservatoryState.CLOSED


def test_what_safety_moves_is_no_foreign_motion(observatories):
    clock, telescope, safety = observatories
    policy = telescope.profile.safety
    open_observatory(telescope, policy, clock, report=lambda _line: None)
    telescope.hear_verdict(SAFE)
    telescope.mount.slew(*altaz_to_icrs(40.0, 250.0, telescope.profile.site, clock.utc()))
    telescope.dome.goto(250.0).wait(120.0)
    found = []
    watch = ForeignWatch(telescope, found.append)
    watch.start()
    until(
        lambda: not any(telescope.moves.is_ours(d.name) for d in telescope.devices.values()),
        "our own moves end",
    )

    report = close_observatory(safety, policy, clock, report=lambda _line: None)
    until(lambda: telescope.state() is ObservatoryState.CLOSED, "the telescope sees it closed")
    watch.stop()

    assert report.confirmed
    assert found == []

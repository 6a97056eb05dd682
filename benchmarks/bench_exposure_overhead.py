"""Machine time between two exposures of one target: the telescope service against a bare loop.

Both take the same frames with the same camera simulator over the same kind of link, one after the
other in one run. Measured from the events of the link: from the later of "exposure done" and "frame
here" to "the next one has begun". The bare loop starts the next exposure in the callback that sees
the end, so its gap is the driver's own time and the link's; what the service's gap has on top is
ours: journal, interlocks, limits, dome, and the previous frame being written (1280 x 1024 pixels, a
complete FITS file with checksums, fsync).

Goal: ours at most 100 ms at the 95th percentile. Run
``python benchmarks/bench_exposure_overhead.py`` (about 30 s, prints JSON; exit 1 when missed).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ctmo_indi import profiles
from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.config import Config
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.indi.completion import CompletionRule
from ctmo_indi.indi.events import BlobReceived, Event, PropertyUpdated
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.service_addresses import IndiAddress
from ctmo_indi.telescope.service import TelescopeService
from ctmo_indi.work_orders.access import Caller, Role

CAMERA, EXPOSURE, VALUE = "CCD Simulator", "CCD_EXPOSURE", "CCD_EXPOSURE_VALUE"
EVENING = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
GOAL_MS = 100.0


class Gaps:
    """Times between exposures, from the events of a link."""

    def __init__(self) -> None:
        self.gaps_ms: list[float] = []
        self._ok_s: float | None = None
        self._frame_s: float | None = None
        self._is_busy = False

    def on_event(self, event: Event) -> None:
        """Take one event."""
        now_s = time.monotonic()
        if isinstance(event, BlobReceived):
            self._frame_s = now_s
        elif isinstance(event, PropertyUpdated) and event.snapshot.device == CAMERA:
            if event.snapshot.name != EXPOSURE:
                return
            is_busy = event.snapshot.state is PropertyState.BUSY
            if is_busy and not self._is_busy:
                if self._ok_s is not None and self._frame_s is not None:
                    self.gaps_ms.append(1000.0 * (now_s - max(self._ok_s, self._frame_s)))
                self._ok_s = self._frame_s = None
            elif not is_busy:
                self._ok_s = now_s
            self._is_busy = is_busy


class AlwaysSafe:
    """Safety's desk of a good night."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._cycle = 0

    def front_desk(self, order: Mapping[str, object]) -> dict[str, object]:
        """Answer a beat."""
        self._cycle += 1
        now_s = self._clock.machine_s()
        return {"Verdict": Verdict(VerdictLevel.SAFE, (), self._cycle, "", now_s).to_wire()}


def wait_until(condition, timeout_s: float, what: str) -> None:
    """Wait, looking fifty times a second."""
    end_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"{what}: not in {timeout_s} s")
        pause.wait(0.02)


def bare_loop(service: TelescopeService, count: int, exposure_s: float) -> Gaps:
    """Expose back to back in the callback itself: nothing but driver and link."""
    gaps, client = Gaps(), service.client
    left, ended = [count], threading.Event()
    state = {"ok": False, "frame": False}

    def begin() -> None:
        state.update(ok=False, frame=False)
        rule = CompletionRule(states=frozenset({PropertyState.OK}), targets={}, must_leave=True)
        client.command(CAMERA, EXPOSURE, {VALUE: exposure_s}, rule=rule, supersede=True)

    def on_event(event: Event) -> None:
        gaps.on_event(event)
        if isinstance(event, BlobReceived):
            state["frame"] = True
        elif isinstance(event, PropertyUpdated) and event.snapshot.name == EXPOSURE:
            state["ok"] = event.snapshot.state is PropertyState.OK
        if state["ok"] and state["frame"]:
            left[0] -= 1
            if left[0] > 0:
                begin()
            else:
                ended.set()

    unsubscribe = client.subscribe(on_event)
    client.enable_blobs(CAMERA)
    begin()
    if not ended.wait(120.0):
        raise TimeoutError("the bare loop did not end")
    unsubscribe()
    return gaps


def served(service: TelescopeService, count: int, exposure_s: float, clock: SystemClock) -> Gaps:
    """Take the frames as one attempt of the telescope service."""
    site = profiles.load("simulators").site
    caller = Caller("bench", Role.OPERATE, "127.0.0.1")
    attempt_id = "A-00000000000000000000000001"
    order = {
        "WOType": "Observation",
        "ID": attempt_id,
        "User": "scheduler",
        "Parent": "O-00000000000000000000000001",
        "RA": (sidereal_time_h(site, clock.utc()) + 1.0) % 24.0 * 15.0,
        "Dec": 30.0,
        "RA Unit": "deg",
        "Filter": "R",
        "Exposure Time": exposure_s,
        "Number of Exposures": count,
    }
    asyncio.run(service.telescope_desk.handle(order, caller))
    gaps = Gaps()
    unsubscribe = service.client.subscribe(gaps.on_event)
    view: dict[str, object] = {}

    def is_over() -> bool:
        question = {"WOType": "Status", "Receipt": attempt_id}
        view.update(asyncio.run(service.telescope_desk.handle(question, caller)))
        return view["Status"] not in ("PENDING", "IN_PROGRESS")

    wait_until(is_over, 180.0, "the attempt")
    unsubscribe()
    if view["Status"] != "COMPLETED":
        raise RuntimeError(f"the attempt ended {view['Status']}: {view['Failure']}")
    return gaps


def figures(gaps_ms: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum, milliseconds."""
    ordered = sorted(gaps_ms)
    return {
        "count": len(ordered),
        "median_ms": round(statistics.median(ordered), 2),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
        "max_ms": round(ordered[-1], 2),
    }


def main() -> int:
    """Run both and print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--exposure", type=float, default=5.0, help="seconds of sky")
    parser.add_argument("--speed", type=float, default=60.0)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    profile = profiles.load("simulators")
    with tempfile.TemporaryDirectory(prefix="ctmo-bench-") as folder:
        anchor = ClockAnchor(time.monotonic(), EVENING.timestamp(), options.speed)
        server = IndiServer(
            driver_executables(profile),
            clock=SystemClock(anchor),
            workdir=Path(folder) / "indi",
            fake_time=True,
        )
        server.start()
        clock = server.calibrate()
        address = IndiAddress(
            server.endpoint.host, server.endpoint.port, str(server.endpoint.socket)
        )
        config = replace(Config(), data_dir=Path(folder) / "data", indi=address)
        service = TelescopeService(config, profile, clock, safety=AlwaysSafe(clock))
        service.start()
        service.on_ready()
        try:
            wait_until(
                lambda: (
                    service.client.link.value == "UP"
                    and not service.observatory.status().disconnected
                    and service.observatory.state().value == "CLOSED"
                ),
                30.0,
                "the devices",
            )
            with service.observatory.moves.moving(CAMERA):
                bare = figures(bare_loop(service, options.frames, options.exposure).gaps_ms)
            ours = figures(served(service, options.frames, options.exposure, clock).gaps_ms)
        finally:
            service.stop(30.0)
            server.stop()
    overhead_ms = round(ours["p95_ms"] - bare["median_ms"], 2)
    report = {
        "driver and link alone": bare,
        "telescope service": ours,
        "overhead_p95_ms": overhead_ms,
        "goal_ms": GOAL_MS,
    }
    print(json.dumps(report, indent=2))
    return 0 if overhead_ms <= GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())

"""Safety's link is spoilt: UNSAFE soon, and SAFE again when it is healed and all is read anew."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.testing.tcp_proxy import TcpProxy

from .. import promises
from ..integration.telescope.stage import EVENING
from .link_stage import FAULTS
from .safety_alone import SafetyAlone, drivers, profile_with
from .test_link import spread

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

UNSAFE_S = 5.0  # 4 s to notice it, 1 s to the next cycle
SAFE_S = 10.0
SHORT = ("half-open", "FIN")


def test_a_spoilt_link_is_unsafe_until_it_is_healed(indi_simulators, tmp_path: Path, promise):
    server = indi_simulators(drivers(), speed=20.0, utc=EVENING)
    faults = list(FAULTS) * 10 if promises.IS_LONG else SHORT
    unsafe_s, safe_s = [], []
    with TcpProxy(server.endpoint.host, server.endpoint.port) as proxy:
        behind = SimpleNamespace(
            endpoint=Endpoint(proxy.host, proxy.port),
            clock=server.clock,
            driver_pids=server.driver_pids,
        )
        with SafetyAlone(behind, tmp_path / "data", profile_with()).running() as safety:
            for fault in faults:
                safety.wait_for(VerdictLevel.SAFE)
                begun_s = time.monotonic()
                FAULTS[fault](proxy)
                safety.wait(lambda: safety.loop.verdict.is_unsafe, f"UNSAFE by {fault}", 15.0)
                unsafe_s.append(time.monotonic() - begun_s)
                assert safety.loop.state == "UNKNOWN"
                begun_s = time.monotonic()
                proxy.heal()
                safety.wait_for(VerdictLevel.SAFE)
                safe_s.append(time.monotonic() - begun_s)
    promise(
        "link_safety",
        f"{len(faults)} faults: UNSAFE {spread(unsafe_s)}; SAFE again {spread(safe_s)}",
        holds=max(unsafe_s) <= UNSAFE_S and max(safe_s) <= SAFE_S,
    )

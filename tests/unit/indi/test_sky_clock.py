"""The drivers' clock is read from the wire, on a busy machine too."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.errors import NotConnected
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.sky_clock import measure_utc_offset_s

SPEED = 120.0
BEGIN_UTC_S = datetime(2026, 11, 22, 3, 0, tzinfo=UTC).timestamp()
AHEAD_S = 7.3


@contextmanager
def driver(clock: SystemClock, late_machine_s: float) -> Iterator[Endpoint]:
    """Answer each question with the drivers' time, so late as a busy machine would."""

    def serve() -> None:
        with listener.accept()[0] as peer:
            while peer.recv(1 << 16):
                time.sleep(late_machine_s)
                utc = datetime.fromtimestamp(clock.utc().timestamp() + AHEAD_S, UTC)
                try:
                    peer.sendall(
                        b"<defNumberVector device='D' timestamp='%s'/>\n"
                        % utc.strftime("%Y-%m-%dT%H:%M:%S").encode()
                    )
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Endpoint("127.0.0.1", listener.getsockname()[1], None)


@pytest.mark.parametrize(
    ("late_machine_s", "within_s"), [(0.0, 1.0), (0.03, 5.0)], ids=["idle", "seconds go by unseen"]
)
def test_the_offset_is_found(late_machine_s: float, within_s: float) -> None:
    clock = SystemClock(ClockAnchor(SystemClock().machine_s(), BEGIN_UTC_S, SPEED))
    with driver(clock, late_machine_s) as endpoint:
        offset_s = measure_utc_offset_s(endpoint, clock, 1.5)
    assert offset_s == pytest.approx(AHEAD_S, abs=within_s)


def test_what_is_known_too_roughly_is_told() -> None:
    clock = SystemClock(ClockAnchor(SystemClock().machine_s(), BEGIN_UTC_S, SPEED))
    with (
        driver(clock, 0.2) as endpoint,
        pytest.raises(NotConnected, match=r"known to \d+\.\d sky s only, the machine is too busy"),
    ):
        measure_utc_offset_s(endpoint, clock, 1.5)

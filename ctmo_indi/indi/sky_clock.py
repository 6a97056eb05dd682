"""Read the drivers' clock from the wire.

Every INDI message of a driver carries its UTC in the attribute ``timestamp``, in whole seconds.
Under a fast clock (libfaketime) that clock starts when indiserver starts, some milliseconds after
the date was computed: at 120 sky seconds a second that is up to some sky seconds. Watching for the
instant at which the second changes gives the difference to a fraction of a sky second.
"""

from __future__ import annotations

import re
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import NotConnected
from ctmo_indi.indi.endpoint import Endpoint

_STAMP = re.compile(rb"timestamp=['\"](\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")
_DEVICE = re.compile(rb"<def\w+Vector[^>]*?\bdevice=['\"]([^'\"]+)['\"]")
_POLLS_PER_SKY_SECOND = 20
_SHORTEST_POLL_S = 0.001
_WANTED_BRACKET_S = 0.25
_MOST_FLIPS = 5
_WIDEST_BRACKET_S = 10.0


@dataclass(frozen=True, slots=True)
class _Reading:
    whole_utc_s: int  # the timestamp
    utc_s: float  # our sky time when it had arrived


def measure_utc_offset_s(endpoint: Endpoint, clock: Clock, timeout_s: float = 10.0) -> float:
    """Measure how far the drivers' clock is ahead of ``clock``, in sky seconds; blocks.

    One driver is asked for its properties some twenty times a sky second, until the second of its
    timestamps changes: between the last answer with the old second and the first with the new one
    the driver's time was exactly the new second. Of up to five changes the one seen most sharply
    counts. Lasts one to five sky seconds. Accuracy: half the bracket, 0.03 to 0.15 sky s at speeds
    up to 120 on an idle machine; ``test_offset_of_a_fast_clock_is_measured`` shows it. On a machine
    so busy that each answer is some sky seconds late, the sharpest of what came in all the time is
    taken: between two answers the newer one's second has begun, however many have gone by.

    Parameters
    ----------
    timeout_s
        Machine seconds.

    Raises
    ------
    NotConnected
        No connection, no change of the second seen in time, or none to 5 sky seconds.
    """
    deadline = Deadline(clock, 0.0, timeout_s)
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=timeout_s) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _sharpest_flip(link, clock, deadline, timeout_s)
    except OSError as error:
        raise NotConnected(
            f"clock of the INDI server at port {endpoint.port} not measured: {error}"
        ) from error


def _sharpest_flip(
    link: socket.socket, clock: Clock, deadline: Deadline, machine_s: float
) -> float:
    best: tuple[float, float] | None = None
    flips = 0
    last: _Reading | None = None
    for reading in _readings(link, clock, deadline):
        if last is not None and reading.whole_utc_s < last.whole_utc_s:
            continue  # an older message of another driver, overtaken
        if last is not None and reading.whole_utc_s > last.whole_utc_s:
            bracket_s = reading.utc_s - last.utc_s
            offset_s = reading.whole_utc_s - (reading.utc_s + last.utc_s) / 2
            if best is None or bracket_s < best[0]:
                best = (bracket_s, offset_s)
            flips += reading.whole_utc_s == last.whole_utc_s + 1
            if bracket_s <= _WANTED_BRACKET_S or flips == _MOST_FLIPS:
                break
        last = reading
    if best is None or best[0] > _WIDEST_BRACKET_S:
        said = "no timestamp came" if last is None else "its second did not change"
        if best is not None:
            said = f"it is known to {best[0] / 2:.1f} sky s only, the machine is too busy"
        raise NotConnected(
            f"the drivers' clock was not measured within {machine_s:g} machine s: {said}"
        )
    return best[1]


def _readings(link: socket.socket, clock: Clock, deadline: Deadline) -> Iterator[_Reading]:
    period_s = max(_SHORTEST_POLL_S, 1.0 / (_POLLS_PER_SKY_SECOND * clock.speed))
    link.sendall(b"<getProperties version='1.7'/>\n")
    ask: bytes | None = None
    pending = b""
    next_poll_s = clock.machine_s() + max(period_s, 0.2)
    while not deadline.expired:
        wait_s = min(max(0.0, next_poll_s - clock.machine_s()), deadline.remaining_machine_s())
        if not select.select([link], [], [], wait_s)[0]:
            next_poll_s = clock.machine_s() + period_s
            link.sendall(ask or b"<getProperties version='1.7'/>\n")
            continue
        data = link.recv(1 << 20)
        if not data:
            raise ConnectionError("the server closed the connection")
        utc_s = clock.utc().timestamp()
        pending += data
        if ask is None and (device := _DEVICE.search(pending)):
            ask = b"<getProperties version='1.7' device='%s'/>\n" % device[1]
            next_poll_s = clock.machine_s()
        whole = pending.rfind(b">") + 1
        stamps = _STAMP.findall(pending[:whole])
        pending = pending[whole:]
        if stamps:
            newest = datetime.fromisoformat(stamps[-1].decode()).replace(tzinfo=UTC)
            yield _Reading(int(newest.timestamp()), utc_s)

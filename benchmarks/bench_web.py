"""The page's numbers: how late it is, what viewers cost, how fast its files come.

indiserver, its simulators and every service run as real processes at speed 1 and observe short
orders. Nothing of the page is drawn here: what a browser would read is read.

* Latency: another INDI client, connected to the same server, notes when camera, filter wheel or
  mount turn Busy and when that ends; the page's stream must tell the same of that device. The
  server, our own reading, the telescope's desk and the hub are in it. What ended before it was told
  (a filter turns within a second) is counted apart.
* Viewers: CPU time of the scheduler's process with 50 open streams, less that with none, of one
  core; stretches with and without follow each other. The viewers are another process.
* Files: all that the page's first load asks for, over one connection, one after the other.

Must: latency at most 1 s, 50 viewers at most 10 % of a core. Run ``python benchmarks/bench_web.py``
(about 5 minutes; exit 1 when missed).
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import platform
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
from bench_order_gap import AFTER_DUSK, AUTUMN, Wire, figures, orders

from ctmo_indi import profiles
from ctmo_indi.config import Config
from ctmo_indi.fleet_ports import on_free_ports
from ctmo_indi.logs import quiet_log
from ctmo_indi.simulator.rehearsal import coming_night
from ctmo_indi.supervisor import Fleet, Supervisor

MUST_LATENCY_S = 1.0
MUST_VIEWERS_PERCENT = 10.0
VIEWERS = 50
STRETCH_S = 40.0
LOADS = 10
# INDI property -> device in the stream, key that says Busy.
TOLD = {
    "CCD_EXPOSURE": ("camera", "Exposing"),
    "FILTER_SLOT": ("filter_wheel", "Moving"),
    "EQUATORIAL_EOD_COORD": ("mount", "Slewing"),
}
_ASKED = b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
_LINKED = re.compile(r"""(?:href|src)="(/static/[^"]+)"|(?:from|import)\s*\(?"(\./[^"]+)\"""")


class Reader:
    """One who looks: when the stream said that a device is Busy, or not; machine seconds."""

    def __init__(self, port: int) -> None:
        self.said: dict[str, list[tuple[float, bool]]] = {device: [] for device, _ in TOLD.values()}
        self.bytes = 0
        self._keys = dict(TOLD.values())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
        connection.request("GET", "/api/stream")
        self._socket = connection.sock
        self._response = connection.getresponse()
        threading.Thread(target=self._read, name="reader", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        for line in self._response:
            now_s = time.monotonic()
            self.bytes += len(line)
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])
            if event.get("Kind") != "telemetry" or event["Subject"] not in self._keys:
                continue
            is_busy = event["Data"].get(self._keys[event["Subject"]])
            told = self.said[event["Subject"]]
            if isinstance(is_busy, bool) and (not told or told[-1][1] is not is_busy):
                told.append((now_s, is_busy))


def latencies(wire: Wire, reader: Reader, since_s: float) -> tuple[list[float], int]:
    """Return seconds from each turn on the wire to the stream; how many were over before."""
    found: list[float] = []
    unseen = 0
    for name, (device, _) in TOLD.items():
        turns = [turn for turn in wire.turns if turn.what[1] == name and turn.machine_s > since_s]
        was_unseen = False
        for turn, after in itertools.pairwise(turns):
            end_s = after.machine_s
            is_busy = turn.state == "Busy"
            if (after.state == "Busy") is is_busy:
                continue
            if was_unseen and not is_busy:  # there was nothing to be told
                was_unseen = False
                continue
            said = [s for s, busy in reader.said[device] if busy is is_busy and s >= turn.machine_s]
            if said and (said[0] <= end_s + MUST_LATENCY_S or end_s - turn.machine_s > 2.0):
                found.append(said[0] - turn.machine_s)
            else:
                unseen += 1
                was_unseen = is_busy
    return found, unseen


def look(port: int, count: int) -> None:
    """Hold ``count`` streams until the end of standard input; print how many bytes came."""
    selector = selectors.DefaultSelector()
    received = 0
    for _ in range(count):
        peer = socket.create_connection(("127.0.0.1", port))
        peer.sendall(_ASKED)
        selector.register(peer, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ, "end")
    while True:
        for key, _ in selector.select():
            if key.data == "end":
                print(received)
                return
            chunk = key.fileobj.recv(1 << 20)
            if not chunk:
                raise SystemExit("a viewer was cut")
            received += len(chunk)


@contextmanager
def viewers(port: int, count: int, received: list[float]) -> Iterator[None]:
    """Have ``count`` people look inside; note how many kB a second each got."""
    began_s = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, __file__, "--look", str(count), "--port", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield
    finally:
        total = int(process.communicate(timeout=10.0)[0] or 0)
    received.append(round(total / count / 1000.0 / (time.monotonic() - began_s), 1))


def cpu_percent(process: psutil.Process, seconds: float) -> float:
    """Return the share of one core that ``process`` takes."""
    before, began_s = sum(process.cpu_times()[:2]), time.monotonic()
    threading.Event().wait(seconds)
    after = sum(process.cpu_times()[:2])
    return 100.0 * (after - before) / (time.monotonic() - began_s)


def loads(port: int) -> dict[str, float]:
    """Return how long the page's files take, all of them, and what they weigh."""
    times_ms, size, count = [], 0, 0
    for _ in range(LOADS):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10.0)
        asked, known, size = ["/"], {"/"}, 0
        began_s = time.perf_counter()
        for path in asked:
            connection.request("GET", path)
            body = connection.getresponse().read()
            size += len(body)
            for match in _LINKED.finditer(body.decode("utf-8", "replace")):
                folder = path.rpartition("/")[0]
                linked = match[1] or f"{folder}/{match[2][2:]}"
                if linked not in known:
                    known.add(linked)
                    asked.append(linked)
        times_ms.append(1000.0 * (time.perf_counter() - began_s))
        count = len(asked)
        connection.close()
    return {
        "files": count,
        "kB, not compressed": round(size / 1000.0, 1),
        "median_ms": round(statistics.median(times_ms), 1),
        "first_ms": round(times_ms[0], 1),
    }


def run(data_dir: Path, options: argparse.Namespace) -> dict[str, object]:
    """Start the fleet, have it observe, and measure."""
    profile = profiles.load("simulators")
    config = on_free_ports(replace(Config(), profile="simulators", data_dir=data_dir))
    start_utc = coming_night(profile, AUTUMN).dusk_utc + AFTER_DUSK
    with Supervisor(Fleet(config, profile, speed=1.0, start_utc=start_utc)) as supervisor:
        supervisor.start()
        assert supervisor.indiserver is not None
        port = config.scheduler.port
        wire = Wire(supervisor.indiserver.endpoint.port)
        with supervisor.client("scheduler") as scheduler:
            for order in orders(profile.site, supervisor.clock, 200, options.exposure):
                scheduler.front_desk(order)
            supervisor.resume_scheduler()
        files = loads(port)
        reader = Reader(port)
        threading.Event().wait(20.0)
        began_s = time.monotonic()
        threading.Event().wait(options.latency_s)
        late, unseen = latencies(wire, reader, began_s)
        stream_kb_s = reader.bytes / 1000.0 / (time.monotonic() - began_s + 20.0)
        reader.close()
        process = psutil.Process(supervisor.pids()["scheduler"])
        pause_s = 65.0  # the hub goes on for a minute after the last has gone
        without, with_them, received = [], [], []
        for _ in range(options.stretches):
            threading.Event().wait(pause_s)
            without.append(cpu_percent(process, STRETCH_S))
            with viewers(port, VIEWERS, received):
                threading.Event().wait(3.0)
                with_them.append(cpu_percent(process, STRETCH_S))
        with viewers(port, 1, received):
            threading.Event().wait(3.0)
            one = cpu_percent(process, STRETCH_S)
        wire.close()
    cost = statistics.mean(with_them) - statistics.mean(without)
    return {
        "latency": figures([1000.0 * value for value in late]) | {"over before told": unseen},
        "stream of one viewer, kB/s": round(stream_kb_s, 1),
        "likewise, while CPU was measured": received,
        "scheduler, % of a core, nobody looks": [round(value, 1) for value in without],
        "one looks": round(one, 1),
        f"{VIEWERS} look": [round(value, 1) for value in with_them],
        f"cost of {VIEWERS}": round(cost, 1),
        "files": files,
    }


def main() -> int:
    """Measure, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--exposure", type=float, default=3.0, help="seconds")
    parser.add_argument("--latency-s", type=float, default=60.0, help="how long to look for turns")
    parser.add_argument("--stretches", type=int, default=2)
    parser.add_argument("--data", type=Path, help="keep logs and databases here")
    parser.add_argument("--look", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.look:
        look(options.port, options.look)
        return 0
    with tempfile.TemporaryDirectory(prefix="ctmo-bench-") as folder:
        data_dir = options.data or Path(folder)
        data_dir.mkdir(parents=True, exist_ok=True)
        quiet_log("bench", data_dir)
        measured = run(data_dir, options)
    print(f"{platform.machine()}, {psutil.cpu_count()} cores, load {psutil.getloadavg()[1]:.1f}")
    print(json.dumps(measured, indent=2))
    worst_s = measured["latency"].get("max_ms", float("inf")) / 1000.0
    cost = measured[f"cost of {VIEWERS}"]
    rows = (
        ("latency, worst", f"{worst_s:.2f} s", f"{MUST_LATENCY_S:g} s", worst_s <= MUST_LATENCY_S),
        (
            f"{VIEWERS} viewers, of a core",
            f"{cost:.1f} %",
            f"{MUST_VIEWERS_PERCENT:g} %",
            cost <= MUST_VIEWERS_PERCENT,
        ),
    )
    print("| what | measured | must | verdict |\n|---|---|---|---|")
    for what, value, must, is_reached in rows:
        print(f"| {what} | {value} | {must} | {'reached' if is_reached else 'missed'} |")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

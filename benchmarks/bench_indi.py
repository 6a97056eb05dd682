"""The INDI client layer against plain pyindi-client, in one run on one server.

* Command to update: a text property of the telescope simulator is set and its answer awaited, one
  after the other, over TCP, while the mount reports its position 100 times a second. Plain
  pyindi-client as its examples use it, then IndiClient with its PyIndi child (pipe included), over
  the local socket, and with indipyclient.
* Whole messages: four threads send 1000 commands each to a server that keeps every byte.
* Exposures: frames of the CCD simulator, 0.01 s each, as bytes through child and pipe; none may be
  lost, and neither process may grow by more than one frame and 10 MB.

Must: median <= 1 ms and p99 <= 10 ms over TCP; 4000 of 4000 whole; no frame lost; memory. Run
``python benchmarks/bench_indi.py [--quick]`` (about 2 minutes, quick 20 s; prints JSON, exit 1 when
a must is missed).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ctmo_indi.clock import SystemClock
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.completion import CompletionRule
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.indi.opening import Backend, transport_maker
from ctmo_indi.indi.pyindi_transport import PyIndiTransport
from ctmo_indi.testing.fake_indi import FakeIndiServer, number_definition

MOUNT, CAMERA = "Telescope Simulator", "CCD Simulator"
PROPERTY, ELEMENT = "ACTIVE_DEVICES", "ACTIVE_GPS"
MEDIAN_MS, P99_MS = 1.0, 10.0
THREADS = 4
GROWTH_MB = 10.0
WHOLE = re.compile(
    rb"<newNumberVector[^<>]*name=['\"]P\d['\"][^<>]*>\s*"
    rb"<oneNumber name=['\"]X['\"]>\s*[\d.]+\s*</oneNumber>\s*</newNumberVector>"
)


# -- plain pyindi-client, in a process of its own -------------------------------------------------


def plain_client(port: int) -> tuple[object, threading.Event]:
    import PyIndi

    answered = threading.Event()

    class Plain(PyIndi.BaseClient):  # type: ignore[misc]
        def updateProperty(self, prop: object) -> None:  # noqa: N802
            if prop.getName() == PROPERTY:  # type: ignore[attr-defined]
                answered.set()

    client = Plain()
    client.setServer("127.0.0.1", port)
    if not client.connectServer():
        sys.exit("no server")
    return client, answered


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + 10.0
    while not condition():
        if time.monotonic() > end_s:
            sys.exit(f"{what}: not within 10 s")
        time.sleep(0.01)


def plain_round_trips(port: int, count: int) -> None:
    client, answered = plain_client(port)
    wait_until(lambda: client.getDevice(MOUNT).isValid(), "device")  # type: ignore[attr-defined]
    device = client.getDevice(MOUNT)  # type: ignore[attr-defined]
    wait_until(lambda: device.getText(PROPERTY).isValid(), "property")
    prop = device.getText(PROPERTY)
    taken_ms, cpu_s = [], time.process_time()
    for number in range(count):
        answered.clear()
        prop[0].setText(f"plain {number}")
        begin_s = time.monotonic()
        client.sendNewText(prop)  # type: ignore[attr-defined]
        if not answered.wait(5.0):
            sys.exit("no answer")
        taken_ms.append(1000.0 * (time.monotonic() - begin_s))
    cpu_ms = 1000.0 * (time.process_time() - cpu_s) / count
    print(json.dumps(summary(taken_ms, cpu_ms)), flush=True)
    os._exit(0)


def plain_four_threads(port: int, count: int) -> None:
    client, _ = plain_client(port)
    wait_until(lambda: client.getDevice("Fake").isValid(), "device")  # type: ignore[attr-defined]
    device = client.getDevice("Fake")  # type: ignore[attr-defined]
    wait_until(lambda: device.getNumber("P3").isValid(), "property")

    def send(name: str) -> None:
        prop = device.getNumber(name)
        for value in range(count):
            prop[0].setValue(float(value))
            client.sendNewNumber(prop)  # type: ignore[attr-defined]

    run_threads(send)
    time.sleep(0.5)  # let the last bytes leave
    os._exit(0)


def in_other_process(kind: str, port: int, count: int) -> str:
    command = [sys.executable, __file__, "--plain", kind, str(port), str(count)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if run.returncode:
        sys.exit(f"{kind}: {run.stderr[-500:]}")
    return run.stdout


# -- ours -----------------------------------------------------------------------------------------


class Ours:
    """A connected client, and the processes it takes."""

    def __init__(self, endpoint: Endpoint, backend: Backend) -> None:
        self._transports: list[object] = []
        clock = SystemClock()
        make = transport_maker(endpoint, clock, backend)

        def remember() -> object:
            self._transports.append(make())
            return self._transports[-1]

        self.client = IndiClient(remember, clock)  # type: ignore[arg-type]
        self.client.start()
        self.client.wait_link(10.0)

    @property
    def child(self) -> int | None:
        """Process id of the PyIndi child, None without one."""
        transport = self._transports[-1]
        return transport.pid if isinstance(transport, PyIndiTransport) else None

    def cpu_s(self) -> float:
        """CPU time of this process and the child so far."""
        own_s = time.process_time()
        if self.child is None:
            return own_s
        fields = Path(f"/proc/{self.child}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return own_s + ticks / os.sysconf("SC_CLK_TCK")


def our_round_trips(endpoint: Endpoint, backend: Backend, count: int) -> dict[str, float]:
    ours = Ours(endpoint, backend)
    client = ours.client
    client.connect_device(MOUNT, requires=[PROPERTY])
    taken_ms, cpu_s = [], ours.cpu_s()
    for number in range(count):
        begin_s = time.monotonic()
        client.command(MOUNT, PROPERTY, {ELEMENT: f"ours {number}"}).wait()
        taken_ms.append(1000.0 * (time.monotonic() - begin_s))
    cpu_ms = 1000.0 * (ours.cpu_s() - cpu_s) / count
    client.close()
    return summary(taken_ms, cpu_ms)


def let_mount_talk(endpoint: Endpoint) -> None:
    """Connect the mount and let it report 100 times a second, as under a fast clock."""
    client = Ours(endpoint, Backend.PYINDI).client
    client.connect_device(MOUNT, requires=[PROPERTY, "POLLING_PERIOD"])
    client.command(MOUNT, "POLLING_PERIOD", {"PERIOD_MS": 10.0}).wait()
    client.close()


def our_four_threads(port: int, backend: Backend, count: int) -> None:
    client = Ours(Endpoint("127.0.0.1", port), backend).client
    client.wait_for("Fake", "P3", 5.0)

    def send(name: str) -> None:
        for value in range(count):
            client.command("Fake", name, {"X": float(value)}, supersede=True)

    run_threads(send)
    time.sleep(0.5)  # let the last bytes leave
    client.close()


def run_threads(send: Callable[[str], None]) -> None:
    threads = [threading.Thread(target=send, args=(f"P{number}",)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def four_threads(count: int) -> dict[str, str]:
    definitions = b"".join(number_definition(name=f"P{number}") for number in range(THREADS))
    found = {}
    for kind in ("plain", Backend.PYINDI, Backend.INDIPYCLIENT):
        server = FakeIndiServer(definitions)
        if isinstance(kind, Backend):
            our_four_threads(server.port, kind, count)
        else:
            in_other_process("four-threads", server.port, count)
        found[str(kind)] = f"{len(WHOLE.findall(server.received))} of {THREADS * count}"
        server.close()
    return found


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024.0
    return 0.0


def exposures(endpoint: Endpoint, count: int) -> dict[str, float]:
    ours = Ours(endpoint, Backend.PYINDI)
    client = ours.client
    client.connect_device(CAMERA, requires=["CCD_EXPOSURE", "CCD1", "UPLOAD_MODE"])
    client.command(CAMERA, "UPLOAD_MODE", {"UPLOAD_CLIENT": True}).wait()
    client.command(CAMERA, "POLLING_PERIOD", {"PERIOD_MS": 50.0}).wait()
    rule = CompletionRule(targets={}, must_leave=True)
    pids = {"parent": os.getpid(), "child": ours.child or 0}
    first: dict[str, float] = {}
    most = dict.fromkeys(pids, 0.0)
    lost, size, cpu_s = 0, 0, 0.0
    warm_up = min(20, count // 2)
    begin_s = time.monotonic()
    for number in range(count):
        frame = client.expect_frame(CAMERA)
        done = client.command(CAMERA, "CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 0.01}, rule=rule)
        done.wait()
        try:
            size = frame.wait(10.0).size
        except Exception as error:  # noqa: BLE001 - counted, whatever it was
            lost += 1
            print(f"frame {number}: {error}", file=sys.stderr)
        if number == warm_up:
            first, cpu_s = {name: rss_mb(pid) for name, pid in pids.items()}, ours.cpu_s()
        for name, pid in pids.items():
            most[name] = max(most[name], rss_mb(pid))
    cpu_ms = 1000.0 * (ours.cpu_s() - cpu_s) / max(1, count - warm_up - 1)
    seconds = time.monotonic() - begin_s
    client.close()
    return {
        "frames": count,
        "lost": lost,
        "frame_mb": round(size / 1e6, 2),
        "s_per_frame": round(seconds / count, 3),
        "cpu_ms_per_frame": round(cpu_ms, 1),
        "parent_peak_mb": round(most["parent"], 1),
        "child_peak_mb": round(most["child"], 1),
        "parent_growth_mb": round(most["parent"] - first["parent"], 1),
        "child_growth_mb": round(most["child"] - first["child"], 1),
    }


def summary(taken_ms: list[float], cpu_ms: float) -> dict[str, float]:
    ordered = sorted(taken_ms)
    return {
        "n": len(ordered),
        "median_ms": round(ordered[len(ordered) // 2], 3),
        "p99_ms": round(ordered[int(0.99 * len(ordered))], 3),
        "max_ms": round(ordered[-1], 1),
        "cpu_ms": round(cpu_ms, 3),
    }


def missed(report: dict[str, dict[str, float]], whole: dict[str, str]) -> list[str]:
    problems = []
    for name in ("ours pyindi TCP", "ours indipyclient TCP"):
        trips = report[name]
        if trips["median_ms"] > MEDIAN_MS or trips["p99_ms"] > P99_MS:
            problems.append(f"{name}: median {trips['median_ms']} ms, p99 {trips['p99_ms']} ms")
    for name in (Backend.PYINDI, Backend.INDIPYCLIENT):
        got, _, wanted = whole[name].partition(" of ")
        if got != wanted:
            problems.append(f"{name}: {whole[name]} messages whole")
    frames = report["exposures"]
    if frames["lost"]:
        problems.append(f"{frames['lost']} frames lost")
    for name in ("parent", "child"):
        if frames[f"{name}_growth_mb"] > frames["frame_mb"] + GROWTH_MB:
            problems.append(f"{name} grew by {frames[f'{name}_growth_mb']} MB")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--plain", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        kind, port, count = options.plain[0], int(options.plain[1]), int(options.plain[2])
        (plain_round_trips if kind == "round-trips" else plain_four_threads)(port, count)
    trips, plain_trips, frames = (200, 50, 50) if options.quick else (2000, 500, 500)
    report: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        drivers = ["indi_simulator_telescope", "indi_simulator_ccd"]
        server = IndiServer(drivers, clock=SystemClock(), workdir=Path(folder))
        server.start()
        try:
            tcp = Endpoint("127.0.0.1", server.endpoint.port)
            let_mount_talk(tcp)
            plain = json.loads(in_other_process("round-trips", tcp.port, plain_trips))
            report["plain pyindi-client TCP"] = plain
            report["ours pyindi TCP"] = our_round_trips(tcp, Backend.PYINDI, trips)
            report["ours pyindi socket"] = our_round_trips(server.endpoint, Backend.PYINDI, trips)
            report["ours indipyclient TCP"] = our_round_trips(tcp, Backend.INDIPYCLIENT, trips)
            report["exposures"] = exposures(tcp, frames)
        finally:
            server.stop()
    whole = four_threads(1000)
    ratio = plain["median_ms"] / report["ours pyindi TCP"]["median_ms"]
    problems = missed(report, whole)
    print(
        json.dumps(
            {**report, "whole messages": whole, "ratio": round(ratio, 1), "missed": problems},
            indent=1,
        )
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""The telescope service and a second client, each behind a proxy of its own, on real simulators.

The telescope comes through the PyIndi child, the second client through indipyclient, as safety
does. A fault is put on both links at once.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.events import Event, LinkDown
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.indi.link import LinkState
from ctmo_indi.indi.opening import Backend, transport_maker
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.testing.tcp_proxy import TcpProxy

from ..integration.telescope.stage import Stage

MOUNT, CAMERA, DOME = "Telescope Simulator", "CCD Simulator", "Dome Simulator"
PHASES = ("idle", "slew", "exposure", "park")
FAULTS: dict[str, Callable[[TcpProxy], None]] = {
    "drop": lambda proxy: proxy.drop(0.02),
    "half-open": lambda proxy: proxy.half_open(),
    "garbage": lambda proxy: proxy.garbage(),
    "FIN": lambda proxy: proxy.fin(refuse=True),
    "RST": lambda proxy: proxy.rst(refuse=True),
}


class Losses:
    """When a client lost its link."""

    def __init__(self, client: IndiClient) -> None:
        self.at_s: list[float] = []
        self.reasons: list[str] = []
        self._changed = threading.Condition()
        client.subscribe(self._take)

    def _take(self, event: Event) -> None:
        if isinstance(event, LinkDown):
            with self._changed:
                self.at_s.append(time.monotonic())
                self.reasons.append(event.reason)
                self._changed.notify_all()

    def first_after(self, begun_s: float, timeout_s: float) -> float:
        """Seconds from then to the next loss, inf when there was none in time."""

        def found() -> list[float]:
            return [at_s - begun_s for at_s in self.at_s if at_s >= begun_s]

        with self._changed:
            self._changed.wait_for(found, timeout_s)
            return min(found(), default=float("inf"))


class LinkStage:
    """Simulators, proxies, telescope and second client; made by :func:`link_stage`."""

    def __init__(self, server: IndiServer, folder: Path) -> None:
        self.server = server
        endpoint = server.endpoint
        self.proxies = {
            name: TcpProxy(endpoint.host, endpoint.port) for name in ("pyindi", "indipyclient")
        }
        behind = SimpleNamespace(endpoint=self._endpoint("pyindi"), clock=server.clock)
        self.scene = Stage(behind, folder)  # type: ignore[arg-type]  # all a stage needs of it
        maker = transport_maker(self._endpoint("indipyclient"), server.clock, Backend.INDIPYCLIENT)
        self.second = IndiClient(maker, server.clock, name="second")
        self.losses = {
            "pyindi": Losses(self.scene.service.client),
            "indipyclient": Losses(self.second),
        }

    def _endpoint(self, name: str) -> Endpoint:
        return Endpoint(self.proxies[name].host, self.proxies[name].port)

    @contextmanager
    def running(self) -> Iterator[LinkStage]:
        try:
            self.second.start()
            self.scene.start().ready()
            self.scene.until(self.is_known, 20.0, "all is known")
            assert self.scene.by_hand("close")["Status"] == "COMPLETED"
            yield self
        finally:
            for proxy in self.proxies.values():
                proxy.heal()
            self.scene.stop()
            self.second.close()
            for proxy in self.proxies.values():
                proxy.close()

    # -- what is known ---------------------------------------------------------------------------

    def is_known(self) -> bool:
        """Whether both clients know where everything is and stands."""
        observatory = self.scene.service.observatory
        status = observatory.status()
        mount, dome = status.mount, status.dome
        return (
            self.scene.service.client.link is LinkState.UP
            and not status.disconnected
            and mount is not None
            and mount.parked is not None
            and mount.ra_deg is not None
            and dome is not None
            and str(dome.shutter) != "UNKNOWN"
            and self._second_knows()
        )

    def _second_knows(self) -> bool:
        needed = ((MOUNT, "TELESCOPE_PARK"), (CAMERA, "CCD_EXPOSURE"), (DOME, "DOME_SHUTTER"))
        return self.second.link is LinkState.UP and all(
            self.second.get(device, prop) is not None for device, prop in needed
        )

    # -- faults ----------------------------------------------------------------------------------

    def spoil(self, fault: Callable[[TcpProxy], None]) -> float:
        """Put a fault on both links; return when."""
        begun_s = time.monotonic()
        for proxy in self.proxies.values():
            fault(proxy)
        return begun_s

    @property
    def late_s(self) -> float:
        """Seconds that the proxies added to what was asked, at most, since they were healed."""
        return max(proxy.counts.late_s for proxy in self.proxies.values())

    def heal(self) -> float:
        """Heal both links; return the seconds until all is known again."""
        begun_s = time.monotonic()
        for proxy in self.proxies.values():
            proxy.heal()
        self.scene.until(
            self.is_known,
            30.0,
            "all is known again",
            lambda: str(self.scene.ask({"WOType": "Status"})),
        )
        return time.monotonic() - begun_s

    def wait_quick(self) -> None:
        """Wait until what a delay held back has come."""
        clients = (self.scene.service.client, self.second)
        self.scene.until(
            lambda: all(client.lag_s < 0.5 for client in clients), 10.0, "the links are quick"
        )

    def let_pass(self, seconds: float) -> None:
        """Let machine time pass: a fault lasts."""
        end_s = time.monotonic() + seconds
        self.scene.until(lambda: time.monotonic() >= end_s, seconds + 5.0, "time passes")

    # -- phases ----------------------------------------------------------------------------------

    def begin(self, phase: str, exposure_s: float) -> str:
        """Have the telescope do something; return the receipt, or nothing when it idles."""
        scene = self.scene
        mount = scene.service.observatory.mount
        assert mount is not None
        if phase == "idle":
            return ""
        if phase == "park":
            self.unpark_far_away()
            receipt = str(scene.ask({"WOType": "Control", "Command": "park"})["Receipt"])
            scene.until(self.parks, 10.0, "it parks")
            return receipt
        receipt = scene.light(**{"Exposure Time": exposure_s, **self._other_side()})
        if phase == "slew":
            scene.step(receipt, "slewing")
            scene.until(lambda: mount.status().slewing is True, 10.0, "it slews")
        else:
            scene.exposing(receipt)
        return receipt

    def parks(self) -> bool:
        """Whether the mount is on its way to its park place."""
        known = self.scene.service.client.get(MOUNT, "TELESCOPE_PARK")
        return known is not None and known.state is PropertyState.BUSY

    def unpark_far_away(self) -> None:
        """Observe somewhere, so that parking takes its time."""
        views = []
        for _ in range(3):  # a busy machine may cost a slew under a fast clock
            views.append(self.scene.ended(self.scene.light(**{"Exposure Time": 1.0})))
            if views[-1]["Status"] == "COMPLETED":
                return
        raise AssertionError(views)

    def _other_side(self) -> dict[str, float]:
        """A target far from where the mount points."""
        mount = self.scene.service.observatory.mount
        assert mount is not None
        is_west = (mount.status().hour_angle_h or 0.0) > 0.0
        return self.scene.target(-2.0 if is_west else 2.0, 10.0)

    def end(self, receipt: str) -> str:
        """Wait for the end of what was begun; look at what it left and return how it ended."""
        if not receipt:
            return "idle"
        view = self.scene.ended(receipt, 90.0)
        status = str(view["Status"])
        if status == "COMPLETED":
            exposures = view.get("Exposures", [])
            assert all(Path(str(one["Path"])).is_file() for one in exposures), view
            assert len(exposures) == view.get("Number of Exposures", len(exposures)), view
        else:
            assert status in ("INTERRUPTED", "FAILED"), view
            assert view["Failure"], view
        return status

    def works(self) -> None:
        """Slew and expose once more."""
        view = self.scene.ended(self.scene.light(**{"Exposure Time": 1.0}), 60.0)
        assert view["Status"] == "COMPLETED", view


@contextmanager
def busy_machine(processes: int = 2) -> Iterator[None]:
    """Keep every core busy inside."""
    context = multiprocessing.get_context("spawn")
    burners = [context.Process(target=_burn, daemon=True) for _ in range(processes)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.terminate()
            burner.join()


def _burn() -> None:
    end_s = time.monotonic() + 300.0
    while time.monotonic() < end_s:
        sum(range(10_000))

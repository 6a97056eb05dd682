"""Telescope and safety in this process on one indiserver, and what this process holds."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.events import DeviceRemoved, Event, LinkDown
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.indi.link import LinkState

from ..integration.telescope.stage import Stage
from ..running_fleet import until
from .safety_alone import SafetyAlone, profile_with


@dataclass(frozen=True, slots=True)
class Holdings:
    """What this process has."""

    threads: int
    descriptors: int
    children: int
    rss_mb: float

    @classmethod
    def now(cls) -> Holdings:
        me = psutil.Process()
        return cls(
            threading.active_count(),
            me.num_fds(),
            len(me.children(recursive=True)),
            me.memory_info().rss / 2**20,
        )


class Losses:
    """What was lost, and how."""

    def __init__(self, *clients: IndiClient) -> None:
        self.links: list[str] = []
        self.devices: list[str] = []
        for client in clients:
            client.subscribe(self._take)

    def _take(self, event: Event) -> None:
        if isinstance(event, LinkDown):
            self.links.append(event.reason)
        elif isinstance(event, DeviceRemoved):
            self.devices.append(event.device)

    @property
    def crashes(self) -> list[str]:
        """Ends of a PyIndi child by itself, whatever the server did."""
        return [text for text in self.links if "signal" in text or "code" in text]


class KilledStage:
    """Made by :meth:`running`; closed, idle, all devices connected."""

    def __init__(self, server: IndiServer, folder: Path) -> None:
        self.server = server
        self.scene = Stage(server, folder / "telescope")
        self.safety = SafetyAlone(server, folder / "safety", profile_with())
        self.clients = (
            self.scene.service.client,
            self.safety.service.observatory.client,
        )
        self.losses = Losses(*self.clients)  # type: ignore[arg-type]  # both are IndiClients

    @contextmanager
    def running(self) -> Iterator[KilledStage]:
        with self.safety.running():
            try:
                self.scene.start().ready()
                until(self.is_known, "all is known", 30.0)
                yield self
            finally:
                self.scene.stop()

    def is_known(self) -> bool:
        """Whether both services know where everything is and stands."""
        return all(
            client.link is LinkState.UP and self._knows(service.observatory)
            for client, service in zip(
                self.clients, (self.scene.service, self.safety.service), strict=True
            )
        )

    @staticmethod
    def _knows(observatory) -> bool:
        status = observatory.status()
        return (
            not status.disconnected
            and status.mount.parked is not None
            and str(status.dome.shutter) != "UNKNOWN"
        )

    def start_again(self) -> None:
        """Start the killed server, without the growing pauses of its supervisor."""
        until(lambda: not self.server.is_alive(), "the server has ended")
        self.server.start()

    def cycle(
        self,
        kill: Callable[[], object],
        is_lost: Callable[[], bool],
        restart: Callable[[], None] = lambda: None,
    ) -> tuple[float, float]:
        """Kill; return the seconds until it was noticed, and until all is known after that."""
        begun_s = time.monotonic()
        kill()
        until(is_lost, "the loss is noticed", 20.0)
        noticed_s = time.monotonic() - begun_s
        restart()
        begun_s = time.monotonic()
        until(self.is_known, "all is known again", 40.0, lambda: self.losses.links[-3:])
        return noticed_s, time.monotonic() - begun_s


def slope_per_100(values: Sequence[float]) -> float:
    """Growth of a series in 100 steps, by a line through all of it."""
    if len(values) < 3:
        return 0.0
    return 100.0 * statistics.linear_regression(range(len(values)), values).slope


def grown(before: Holdings, after: Holdings, room: Mapping[str, int]) -> list[str]:
    """What is more than before and ``room``, by the names of the fields."""
    return [
        name for name, more in room.items() if getattr(after, name) > getattr(before, name) + more
    ]


def settled(before: Holdings, room: Mapping[str, int]) -> Holdings:
    """What is held once threads and descriptors that are ending have ended."""
    end_s = time.monotonic() + 10.0
    while True:
        now = Holdings.now()
        if not grown(before, now, room) or time.monotonic() > end_s:
            return now
        threading.Event().wait(0.05)

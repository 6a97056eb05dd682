"""What the profile watches beside the weather: mains power, a door, whatever INDI devices tell."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.indi import names
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState
from ctmo_indi.safety.facts import WatchedFacts
from ctmo_indi.safety_policy import Range, WatchedElement

_log = logging.getLogger(__name__)

CONNECT_PERIOD_S = 5.0  # machine seconds
CONNECT_TIMEOUT_S = 10.0  # elapsed seconds
_LIGHTS = ("Idle", "Ok", "Busy", "Alert")

Snapshots = Callable[[str, str], PropertySnapshot | None]
"""(device, property) -> what was last heard of it; does not block."""


def read_watched(
    elements: Iterable[WatchedElement], get: Snapshots, clock: Clock
) -> Mapping[str, WatchedFacts]:
    """Return what is known of each element by its name; what is not there is left out.

    A driver that lost its hardware keeps its last values: they are not there either.
    """
    found = {}
    for element in elements:
        connection = get(element.device, names.CONNECTION)
        if connection is not None and connection.values.get(names.CONNECT) is not True:
            continue
        snapshot = get(element.device, element.property)
        value = None if snapshot is None else snapshot.values.get(element.element)
        if snapshot is None or value is None:
            continue
        age_s = max(0.0, clock.elapsed_s() - snapshot.elapsed_s)
        found[element.name] = WatchedFacts(value, snapshot.state is PropertyState.ALERT, age_s)
    return found


def why_not_known(element: WatchedElement, found: WatchedFacts | None) -> str | None:
    """Say why nothing is known of an element, or nothing recent; None when it is known."""
    place = f"{element.device} {element.property}.{element.element}"
    if found is None:
        return f"{element.name} is unknown: {place} is not there"
    if element.max_age_s is not None and not 0.0 <= found.age_s <= element.max_age_s:
        return (
            f"{element.name} is unknown: {place} is {found.age_s:.0f} s old, "
            f"limit {element.max_age_s:g} s"
        )
    value, expected = found.value, "a number or a light"
    if element.is_on is not None:
        is_kind, expected = isinstance(value, bool), "a switch"
    elif isinstance(value, str):
        is_kind = value in _LIGHTS
    else:
        is_kind = not isinstance(value, bool) and math.isfinite(value)
    return (
        None if is_kind else f"{element.name} is unknown: {place} is {value}, expected {expected}"
    )


def why_not_good(element: WatchedElement, found: WatchedFacts) -> str | None:
    """Say why the value of an element is not good; None when it is."""
    value = found.value
    if found.in_alert:
        return f"{element.name}: {element.property} is in alert"
    if element.is_on is not None:
        good = isinstance(value, bool) and value is element.is_on
        wanted = "on" if element.is_on else "off"
        return None if good else f"{element.name} is not {wanted}"
    if isinstance(value, str):
        good = value in ("Idle", "Ok")
        return None if good else f"{element.name} is {value}, expected Ok or Idle"
    good = not isinstance(value, bool) and is_within(value, element.range)
    return None if good else f"{element.name} is {value:g}, limits {limits_text(element.range)}"


def is_within(value: float, limits: Range) -> bool:
    """Whether a value is good; NaN never is, also where there is no limit."""
    low = -math.inf if limits.min is None else limits.min
    high = math.inf if limits.max is None else limits.max
    return math.isfinite(value) and low <= value <= high


def limits_text(limits: Range) -> str:
    """Write an interval as "3..7", without the side that has no limit."""
    low = "" if limits.min is None else f"{limits.min:g}"
    high = "" if limits.max is None else f"{limits.max:g}"
    return f"{low}..{high}"


class WatchedLink(Protocol):
    """What is needed of ``indi.client.IndiClient`` to have the watched devices connected."""

    def get(self, device: str, name: str) -> PropertySnapshot | None:
        """Return a property as last heard."""
        ...

    def connect_device(self, device: str, *, timeout_s: float) -> object:
        """Connect a device; blocks; CtmoError when it does not."""
        ...


class KeepWatchedConnected:
    """Connects watched devices that no role of the profile has, in a thread of its own."""

    def __init__(self, elements: Iterable[WatchedElement], roles: Iterable[str], link: WatchedLink):
        own = set(roles)
        self._devices = sorted({element.device for element in elements} - own)
        self._link = link
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="safety-watched", daemon=True)

    def start(self) -> None:
        """Begin, if there is anything to connect; returns at once."""
        if self._devices:
            self._thread.start()

    def stop(self) -> None:
        """Begin no further connection; returns at once."""
        self._stopping.set()

    def look(self) -> None:
        """Connect each device that is there and not connected; blocks."""
        for device in self._devices:
            connection = self._link.get(device, names.CONNECTION)
            if connection is None or connection.values.get(names.CONNECT) is True:
                continue
            try:
                self._link.connect_device(device, timeout_s=CONNECT_TIMEOUT_S)
                _log.info("watched_connected device=%r", device)
            except CtmoError as error:
                _log.warning("watched_not_connected device=%r error=%s", device, error)

    def _run(self) -> None:
        while not self._stopping.wait(CONNECT_PERIOD_S):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - the thread must live: it tries again
                _log.exception("watched_failed")

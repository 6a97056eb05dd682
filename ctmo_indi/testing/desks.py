"""Desks for tests: a small observatory's contract, a desk that records, a server around both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import yaml

from ctmo_indi import catalogue
from ctmo_indi.front_desk.access import Access
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.pages import Pages
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.profiles import Optics, Profile, Role, Site, SwitchBinding
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Desk, DispatchDesk, Reply, order_reply
from ctmo_indi.work_orders.model import CheckedOrder, OrderKind

Answer = Callable[[CheckedOrder], Reply]

_BLINK = SwitchBinding(Role.LIGHT_PANEL, "FLAT_LIGHT_CONTROL", "FLAT_LIGHT_ON", "FLAT_LIGHT_OFF")


def small_profile() -> Profile:
    """Return an observatory without equipment: filters B, V, R, I, telescope CTMO, Blink01."""
    return Profile(
        name="small",
        site=Site("CTMO", 25.995789, -97.568956, 12.0),
        telescope_names=("CTMO",),
        optics=Optics(432.0, 2939.0),
        equipment={},
        filters={"B": "Blue", "V": "Green", "R": "Red", "I": "Luminance"},
        switches={"Blink01": _BLINK},
    )


@cache
def wire_contract() -> dict[str, Any]:  # Any: YAML
    """Return ``xmlrpc/front_desk.yaml`` as it stands."""
    text = (catalogue.folder("xmlrpc") / "front_desk.yaml").read_text(encoding="utf-8")
    contract: dict[str, Any] = yaml.safe_load(text)  # Any: YAML
    return contract


class FakeDesk:
    """A desk that checks the contract, records every order and answers as told.

    Parameters
    ----------
    kinds
        What it serves; by default what ``front_desk.yaml`` says of ``service``.
    answer
        Gives the reply or raises; by default every order is accepted.
    """

    def __init__(
        self,
        service: str,
        *,
        kinds: Collection[OrderKind] | None = None,
        answer: Answer | None = None,
        contract: Contract | None = None,
    ) -> None:
        self.service = service
        self.orders: list[CheckedOrder] = []
        self.arrived = threading.Event()
        self._answer = answer or accept
        if kinds is None:
            kinds = [OrderKind(kind) for kind in wire_contract()["services"][service]["orders"]]
        self._desk = DispatchDesk(
            service,
            contract or Contract.load(small_profile()),
            dict.fromkeys(kinds, self._record),
        )

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        """Check, record, answer."""
        return await self._desk.handle(order, caller)

    async def _record(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        self.orders.append(checked)
        self.arrived.set()
        return self._answer(checked)


def accept(checked: CheckedOrder) -> Reply:
    """Return a reply of the right shape for any order."""
    extra: dict[str, object] = {}
    if checked.kind is OrderKind.EVENTS:
        extra = {"Events": [], "Cursor": 0, "Lost": False}
    elif checked.kind is OrderKind.FRAMES:
        extra = {"Frames": [], "Night": "", "Number of Frames": 0, "Waiting": 0}
    elif checked.kind is OrderKind.REPORT:
        extra = {"Night": "20261121", "Text": ""}
    elif checked.kind is OrderKind.HEARTBEAT:
        extra = {"Verdict": {"Level": "UNSAFE", "Reasons": ["a fake never says SAFE"]}}
    return order_reply(
        checked,
        status="PENDING",
        message="Work order received.",
        receipt="O-00000000000000000000000001",
        revision=1,
        extra=extra,
    )


@contextmanager
def serving(
    *desks: Desk,
    limits: Limits | None = None,
    access: Access | None = None,
    pages: Mapping[str, Pages] | None = None,
) -> Iterator[tuple[str, ...]]:
    """Serve ``desks`` on free loopback ports; yield their addresses, ``http://127.0.0.1:PORT``."""
    places = [(desk, "127.0.0.1", 0) for desk in desks]
    server = FrontDeskServer(places, limits, access, pages=pages)
    ports = server.start()
    try:
        yield tuple(f"http://127.0.0.1:{port}" for port in ports)
    finally:
        server.stop()


_WIRE_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "struct": dict,
}


def reply_faults(kind: str, reply: Mapping[str, object]) -> list[str]:
    """Return what is wrong with the shape of ``reply`` by ``front_desk.yaml``; empty when right."""
    shapes = wire_contract()["replies"]
    faults: list[str] = []
    for shape in (shapes["every"], shapes.get(kind, {})):
        missing = [key for key in shape.get("required", {}) if key not in reply]
        faults.extend(f"{key} is missing" for key in missing)
        for key, described in (shape.get("required", {}) | shape.get("optional", {})).items():
            if key in reply and not isinstance(reply[key], _WIRE_TYPES[described["type"]]):
                faults.append(f"{key} is {reply[key]!r}, expected {described['type']}")
    return faults

"""Check orders against the wire contract; the only place that turns wire keys into requests.

The schemas of ``xmlrpc/work_orders/`` are compiled once; a right order costs microseconds. A wrong
one gets one answer that names every wrong key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs

from ctmo_indi import catalogue
from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.errors import BadOrder
from ctmo_indi.profiles import Profile
from ctmo_indi.work_orders.draft import ANONYMOUS, Draft
from ctmo_indi.work_orders.model import CheckedOrder, OrderKind
from ctmo_indi.work_orders.problems import Problems, explain_errors, show
from ctmo_indi.work_orders.receipts import new_receipt
from ctmo_indi.work_orders.requests import READERS
from ctmo_indi.work_orders.schemas import Schema, fit_to_profile, load_schemas
from ctmo_indi.work_orders.unreadable import Unreadable

__all__ = ["DEEDS", "CheckedOrder", "Contract", "OrderKind"]

#: Orders that ask for a deed and get an ID and a content hash; the others only ask.
DEEDS = frozenset(
    {
        OrderKind.OBSERVATION,
        OrderKind.DOME,
        OrderKind.CALIBRATION,
        OrderKind.CONTROL,
        OrderKind.SCHEDULER,
        OrderKind.SCRIPT_QUEUE,
    }
)
_TYPES = frozenset(OrderKind) - {OrderKind.CALIBRATION}
_NOT_CONTENT = ("Datetime", "Priority")
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Contract:
    """What orders must look like at one observatory. Immutable; any thread; never blocks.

    Parameters
    ----------
    schemas
        As :func:`ctmo_indi.work_orders.schemas.load_schemas` reads them.
    """

    def __init__(
        self, schemas: Mapping[OrderKind, Schema], profile: Profile, clock: Clock | None = None
    ) -> None:
        self._profile = profile
        self._clock = clock or SystemClock()
        self._schemas = {kind: fit_to_profile(schema, profile) for kind, schema in schemas.items()}
        self._validators = {
            kind: jsonschema_rs.validator_for(schema) for kind, schema in self._schemas.items()
        }

    @classmethod
    def load(cls, profile: Profile, clock: Clock | None = None) -> Contract:
        """Read the shipped schemas and fit them to ``profile``; ConfigError when they are broken.

        Parameters
        ----------
        clock
            For the IDs given to orders without one; real time when None.
        """
        folder = catalogue.folder("xmlrpc") / "work_orders"
        return cls(load_schemas(folder), profile, clock)

    def kind_of(self, order: Mapping[str, object]) -> OrderKind:
        """Return the kind of ``order`` by WOType, else by Request; BadOrder when there is none."""
        wo_type = order.get("WOType")
        if wo_type is None and "WOType" not in order:
            request = order.get("Request")
            if request == OrderKind.CALIBRATION:
                return OrderKind.CALIBRATION
            if request is not None:
                raise BadOrder(
                    f"Request: came {show(request)}, expected {OrderKind.CALIBRATION.value}"
                )
        elif isinstance(wo_type, str) and wo_type in _TYPES:
            return OrderKind(wo_type)
        known = ", ".join(kind for kind in OrderKind if kind in _TYPES)
        came = "missing" if "WOType" not in order else f"came {show(wo_type)}"
        raise BadOrder(f"WOType: {came}, expected one of {known}")

    def check(self, order: Mapping[str, object]) -> CheckedOrder:
        """Return ``order`` checked, normalised and in units.

        Raises
        ------
        BadOrder
            Naming every wrong key, what came and what was expected.
        """
        kind = self.kind_of(order)
        problems = Problems()
        wire = self._plain(kind, order, problems)
        given_id = str(wire.get("ID", "")) if "ID" not in problems else ""
        if not given_id and kind in DEEDS:
            given_id = new_receipt("W", self._clock.utc())
        if given_id and "ID" not in problems:
            wire["ID"] = given_id
        draft = Draft(wire, given_id, problems, self._profile)
        wish_priority = draft.finite("Priority")
        made_utc_s = draft.instant("Datetime")
        request = READERS[kind](draft)
        if problems:
            raise BadOrder(problems.lines())
        return CheckedOrder(
            kind=kind,
            id=given_id,
            user=str(wire.get("User", ANONYMOUS)),
            wire=wire,
            content_hash=_content_hash(wire) if kind in DEEDS else "",
            wish_priority=wish_priority,
            made_utc_s=made_utc_s,
            request=request,
        )

    def _plain(
        self, kind: OrderKind, order: Mapping[str, object], problems: Problems
    ) -> dict[str, Any]:  # Any: values of the wire, typed by the schema
        """Return a copy of ``order`` without what is none, after noting the schema's errors.

        BadOrder at once when there are more than are told.
        """
        validator = self._validators[kind]
        wire: dict[str, Any] = dict(order)
        if "ID" in wire and wire["ID"] in (None, ""):
            del wire["ID"]  # an empty one names nothing, not even where the schema wants a name
        try:
            is_valid = validator.is_valid(wire) and not _hides_unreadable(wire)
        except ValueError:  # a value JSON cannot carry: one that could not be read, or an enum
            is_valid = False
        if not is_valid:
            wire = {
                key: value
                for key, raw in wire.items()
                if (value := _readable(raw, str(key), problems)) is not _DROP
            }
            errors = validator.iter_errors(wire)
            # A missing key that came unreadable is already named.
            if not explain_errors(self._schemas[kind], wire, errors, problems):
                raise BadOrder(problems.lines())  # what else is wrong the readers would not know
        if "Priority" in wire and wire["Priority"] in (None, ""):
            del wire["Priority"]
        return wire


_SIMPLE = frozenset({str, int, float, bool, type(None)})


def _hides_unreadable(value: object) -> bool:
    """Whether an unreadable value stands where the schema takes anything and never looks.

    The nesting is bounded by the decoder.
    """
    if type(value) in _SIMPLE:
        return False
    if isinstance(value, Mapping):
        return any(type(item) not in _SIMPLE and _hides_unreadable(item) for item in value.values())
    if isinstance(value, list):
        return any(map(_hides_unreadable, value))
    return isinstance(value, Unreadable)


_DROP = object()


def _readable(value: object, label: str, problems: Problems) -> object:
    """Return ``value`` in JSON's own types; note and drop what could not be read."""
    if isinstance(value, Unreadable):
        problems.came(label, value, f"expected {value.expected}")
        return _DROP
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        members = {
            str(key): _readable(item, f"{label}.{key}", problems) for key, item in value.items()
        }
        return {key: item for key, item in members.items() if item is not _DROP}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        items = [_readable(item, f"{label}[{i}]", problems) for i, item in enumerate(value)]
        return [item for item in items if item is not _DROP]
    problems.came(label, value, "expected a number, text, true or false, an array or a struct")
    return _DROP


def _content_hash(wire: Mapping[str, object]) -> str:
    content = {
        # 30 and 30.0 are the same wish, whatever the sender's language makes of it
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in wire.items()
        if key not in _NOT_CONTENT
    }
    text = _CANONICAL.encode(content)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

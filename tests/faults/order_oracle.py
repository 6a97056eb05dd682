"""A second opinion on orders: the standard library's XML-RPC, defused, and Python's jsonschema.

Nothing of ours is in it but the schemas of ``xmlrpc/``, fitted to a profile.
"""

from __future__ import annotations

import math
import xmlrpc.client
from collections.abc import Mapping
from typing import Any

import jsonschema

from ctmo_indi import catalogue
from ctmo_indi.profiles import Profile
from ctmo_indi.work_orders.schemas import fit_to_profile, load_schemas


class Oracle:
    """Says why a body, or a stored order, is no right order."""

    def __init__(self, profile: Profile) -> None:
        schemas = load_schemas(catalogue.folder("xmlrpc") / "work_orders")
        self._validators = {
            kind.value: jsonschema.Draft202012Validator(fit_to_profile(schema, profile))
            for kind, schema in schemas.items()
        }

    def read(self, body: bytes) -> object:
        """Return the one parameter of a call to front_desk; ValueError when it is none."""
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            raise ValueError("a document type")
        body.decode("utf-8")
        try:
            parameters, method = xmlrpc.client.loads(body, use_builtin_types=False)
        except Exception as error:  # whatever it is that the library raises
            raise ValueError(f"not XML-RPC: {type(error).__name__}: {error}") from error
        if method != "front_desk" or len(parameters) != 1:
            raise ValueError(f"calls {method!r} with {len(parameters)} parameters")
        return _plain(parameters[0])

    def why_not(self, order: object) -> str:
        """Return why ``order`` is not right, "" when it is."""
        if not isinstance(order, Mapping):
            return f"a {type(order).__name__}"
        kind = order.get("WOType", order.get("Request"))
        validator = self._validators.get(kind) if isinstance(kind, str) else None
        if validator is None:
            return f"WOType {kind!r}"
        wire = {
            key: value for key, value in order.items() if key != "ID" or value not in (None, "")
        }
        error = next(validator.iter_errors(wire), None)
        if error is not None:
            return f"{list(error.absolute_path)}: {error.message:.200}"
        return "" if _is_finite(order) else "a number that is not finite"


def _plain(value: Any) -> Any:  # Any: what xmlrpc.client makes
    if isinstance(value, xmlrpc.client.DateTime):
        return str(value)
    if isinstance(value, xmlrpc.client.Binary):
        return value.data
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return True


def same(left: object, right: object) -> bool:
    """Whether two readers read the same: 1 is not 1.0 is not True."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right

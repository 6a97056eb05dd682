"""Read the JSON Schemas of ``xmlrpc/work_orders/`` and fit them to one observatory.

The files say what holds everywhere. Filters, telescope names and dome switches come from the
profile: ``x-from-profile`` marks the places.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ctmo_indi.errors import ConfigError
from ctmo_indi.profiles import Profile
from ctmo_indi.work_orders.model import OrderKind

Schema: TypeAlias = dict[str, Any]  # JSON: any depth of dict, list and scalar

_COMMON = "common.schema.json"
FILES: Mapping[OrderKind, str] = {
    kind: f"{kind.value.lower().replace(' ', '_')}.schema.json" for kind in OrderKind
}


def load_schemas(folder: Path) -> dict[OrderKind, Schema]:
    """Read every schema of ``folder`` (``xmlrpc/work_orders``), shared keys put in place.

    Raises
    ------
    ConfigError
        A file is missing or not JSON; all of them are named.
    """
    documents: dict[str, Schema] = {}
    problems: list[str] = []
    for name in (_COMMON, *FILES.values()):
        try:
            documents[name] = json.loads((folder / name).read_text(encoding="utf-8"))
        except OSError as error:
            problems.append(f"{folder / name}: {error.strerror}, expected a JSON Schema")
        except ValueError as error:
            problems.append(f"{folder / name}: {error}, expected JSON")
    if problems:
        raise ConfigError(problems)
    shared = documents[_COMMON]["$defs"]
    schemas = {kind: _inline(documents[name], shared) for kind, name in FILES.items()}
    for schema in schemas.values():
        schema.pop("$id", None)
    schemas[OrderKind.DOME]["$defs"] = {"Switch": shared["Switch"]}
    return schemas


def fit_to_profile(schema: Schema, profile: Profile) -> Schema:
    """Return ``schema`` with the profile's filters, telescope names and switches put in."""
    fitted = copy.deepcopy(schema)
    properties: Schema = fitted["properties"]
    choices = {"filters": tuple(profile.filters), "telescope_names": profile.telescope_names}
    for value in properties.values():
        source = value.get("x-from-profile")
        if source is None:
            continue
        if choices[source]:
            value["enum"] = list(choices[source])
        else:
            value["not"] = {}
            value["x-expected"] = f"nothing: the profile {profile.name} has no {source}"
    if not profile.filters:
        for rule in fitted.get("allOf", ()):
            required = rule.get("then", {}).get("required", [])
            if "Filter" in required and "Command" not in properties:
                required.remove("Filter")
    if fitted.get("x-from-profile") == "switches":
        switch = fitted.pop("$defs")["Switch"]
        properties.pop("Blink01", None)
        properties.update(dict.fromkeys(profile.switches, switch))
    return fitted


def _inline(node: Any, shared: Mapping[str, Schema]) -> Any:  # Any: JSON of unknown depth
    if isinstance(node, list):
        return [_inline(item, shared) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        target = _inline(shared[reference.rpartition("/")[2]], shared)
        rest = {key: _inline(value, shared) for key, value in node.items() if key != "$ref"}
        return {**target, **rest}
    return {key: _inline(value, shared) for key, value in node.items()}

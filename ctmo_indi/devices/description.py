"""What a device file says: how one INDI driver is asked for what its role needs.

A file may extend another (``extends: generic_mount``): mappings are merged key by key, anything
else is replaced, ``null`` removes a key. The meaning of every key stands in ``devices/README.md``,
its shape in ``devices/device.schema.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ctmo_indi import catalogue
from ctmo_indi.checked_yaml import Lines, nearest, read, schema_problems
from ctmo_indi.devices.placeholders import Value, fill_all, names
from ctmo_indi.errors import ConfigError, UnknownProperty
from ctmo_indi.indi.command import CompletionRule
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.profiles import Role

_MAX_PARENTS = 5

OPERATION_ARGUMENTS: Mapping[Role, Mapping[str, frozenset[str]]] = {
    Role.MOUNT: {
        "slew": frozenset({"ra_hours", "dec_deg", "icrs_ra_hours", "icrs_dec_deg"}),
        "set_time": frozenset({"utc", "utc_date", "utc_time"}),
    },
    Role.CAMERA: {
        "expose": frozenset({"exposure_s"}),
        "set_binning": frozenset({"binning"}),
        "set_frame": frozenset({"width", "height"}),
        "set_temperature": frozenset({"temperature_c"}),
        "set_upload": frozenset({"prefix"}),
    },
    Role.FILTER_WHEEL: {"select": frozenset({"slot"})},
    Role.DOME: {"goto": frozenset({"az_deg"})},
    Role.FOCUSER: {"goto": frozenset({"position"})},
    Role.LIGHT_PANEL: {"set_brightness": frozenset({"brightness"})},
    Role.WATCHDOG: {"beat": frozenset({"threshold_s"})},
}
"""What the placeholders of each operation may be; an operation not listed takes none."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a value of the role is read: our word -> INDI element of one property."""

    property: str
    elements: Mapping[str, str]
    frame: str = "eod"


@dataclass(frozen=True, slots=True)
class Operation:
    """How one operation is asked for, and how its end is recognised.

    Parameters
    ----------
    first
        Property -> values that must stand before the operation is sent, such as ON_COORD_SET.
    targets
        Element -> value at completion; None for the values sent (of switches only those on).
    tolerances, wrap
        In the unit of the element.
    watch
        Property that is tested for completion instead of the commanded one.
    repeat
        How often it is sent, one after the other.
    acknowledge_s, finish_s
        Elapsed seconds until the driver's first answer and until the end.
    """

    name: str
    property: str
    values: Mapping[str, Value]
    states: frozenset[PropertyState]
    first: Mapping[str, Mapping[str, Value]]
    targets: Mapping[str, Value] | None
    tolerances: Mapping[str, float]
    wrap: Mapping[str, float]
    must_leave: bool
    watch: str | None
    acknowledge_s: float
    finish_s: float
    repeat: int = 1

    def rule(self, device: str, values: Mapping[str, Value], extra_s: float) -> CompletionRule:
        """Return the completion rule for filled ``values``; ``extra_s`` lengthens finish_s."""
        targets = self.targets
        if targets is None:
            targets = {name: value for name, value in values.items() if value is not False}
        return CompletionRule(
            states=self.states,
            targets=dict(targets),
            tolerances=dict(self.tolerances),
            wrap=dict(self.wrap),
            ack_timeout_s=self.acknowledge_s,
            timeout_s=self.finish_s + extra_s,
            must_leave=self.must_leave,
            watch=(device, self.watch) if self.watch else None,
        )


@dataclass(frozen=True, slots=True)
class Description:
    """One device file, its parents merged in.

    Parameters
    ----------
    name
        Its file's name without ``.yaml``.
    driver
        Executable for indiserver, "" for a family of drivers (``generic_*``).
    device
        INDI device name, "" when the profile must say it.
    connect
        Property -> values set before CONNECTION.
    connect_first
        Properties that a profile's settings set before CONNECTION, not after it.
    requires
        Properties to wait for after CONNECTION.
    configure
        Property -> values re-applied after each connection; placeholders unfilled.
    quirks
        Numbers and flags of the role, see the README.
    """

    name: str
    path: Path
    role: Role
    summary: str
    driver: str
    device: str
    connect: Mapping[str, Mapping[str, Value]]
    connect_first: tuple[str, ...]
    connect_timeout_s: float
    requires: tuple[str, ...]
    configure: Mapping[str, Mapping[str, Value]]
    readings: Mapping[str, Reading]
    operations: Mapping[str, Operation]
    quirks: Mapping[str, float | bool | str] = field(default_factory=dict)

    def can(self, operation: str) -> bool:
        """Whether the device has this operation at all."""
        return operation in self.operations

    def operation(self, name: str) -> Operation:
        """Return an operation; UnknownProperty when the device cannot do it."""
        try:
            return self.operations[name]
        except KeyError:
            known = ", ".join(sorted(self.operations))
            raise UnknownProperty(
                f"{self.name}: this {self.role} cannot {name}; it can {known}"
            ) from None

    def quirk(self, name: str, default: float) -> float:
        """Return a number of ``quirks``."""
        return float(self.quirks.get(name, default))


def load(name: str, *, site: Path | None = None) -> Description:
    """Read a device file by name or path.

    Parameters
    ----------
    site
        The site's folder instead of ``/etc/ctmo``; its ``devices/NAME.yaml`` wins.

    Raises
    ------
    ConfigError
        Every problem: file, line, key, what came, what was expected.
    """
    path = catalogue.find("devices", name, site=site)
    data, lines = _merged(path, site, ())
    schema_path = catalogue.folder("devices") / "device.schema.json"
    problems = schema_problems(data, _schema(schema_path), lines)
    if problems:
        raise ConfigError(problems)
    problems = _placeholder_problems(data, lines)
    if problems:
        raise ConfigError(problems)
    return _build(path, data)


def _schema(path: Path) -> dict[str, Any]:  # Any: a JSON Schema
    import json

    loaded = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: the schema is not an object")
    return loaded


def _merged(
    path: Path, site: Path | None, children: tuple[Path, ...]
) -> tuple[dict[str, Any], Lines]:  # Any: unchecked data of a file
    if path in children or len(children) >= _MAX_PARENTS:
        chain = " -> ".join(str(entry) for entry in (*children, path))
        raise ConfigError(f"{path}: extends goes in a circle or too deep: {chain}")
    data, lines = read(path)
    parent = data.pop("extends", None)
    if parent is None:
        return data, lines
    if not isinstance(parent, str):
        raise ConfigError(lines.problem(("extends",), "expected the name of a device file"))
    try:
        parent_path = catalogue.find("devices", parent, site=site)
    except ConfigError as error:
        raise ConfigError([lines.problem(("extends",), text) for text in error.problems]) from error
    base, _ = _merged(parent_path, site, (*children, path))
    # The parent's driver and device are its own: a child that forgets them must say so.
    return _merge(base, data), lines


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = _merge(result[key], value)
        else:
            result[key] = value
    return result


def _placeholder_problems(data: Mapping[str, Any], lines: Lines) -> list[str]:
    role = Role(data["role"])
    problems = []
    for name, entry in data.get("operations", {}).items():
        allowed = OPERATION_ARGUMENTS.get(role, {}).get(name, frozenset())
        vectors = [entry.get("values", {}), *entry.get("first", {}).values()]
        used = frozenset().union(*(names(vector.values()) for vector in vectors))
        for wrong in sorted(used - allowed):
            expected = ", ".join(sorted(allowed)) or "no placeholder"
            hint = nearest(wrong, sorted(allowed))
            problems.append(
                lines.problem(
                    ("operations", name), f"unknown ${{{wrong}}}{hint}, expected {expected}"
                )
            )
    return problems


def _build(path: Path, data: Mapping[str, Any]) -> Description:
    readings = {
        name: Reading(
            entry["property"], _frozen(entry.get("elements", {})), entry.get("frame", "eod")
        )
        for name, entry in data.get("readings", {}).items()
    }
    operations = {
        name: _operation(name, entry) for name, entry in data.get("operations", {}).items()
    }
    return Description(
        name=path.stem,
        path=path,
        role=Role(data["role"]),
        summary=data["summary"],
        driver=data.get("driver", ""),
        device=data.get("device", ""),
        connect=_frozen(data.get("connect", {})),
        connect_first=tuple(data.get("connect_first", ())),
        connect_timeout_s=float(data.get("connect_timeout_s", 30.0)),
        requires=tuple(data["requires"]),
        configure=_frozen(data.get("configure", {})),
        readings=MappingProxyType(readings),
        operations=MappingProxyType(operations),
        quirks=_frozen(data.get("quirks", {})),
    )


def _operation(name: str, data: Mapping[str, Any]) -> Operation:
    done = data.get("done", {})
    states = frozenset(PropertyState(word) for word in done.get("states", ("Ok",)))
    return Operation(
        name=name,
        property=data["property"],
        values=_frozen(data["values"]),
        states=states,
        first=_frozen(data.get("first", {})),
        targets=_frozen(done["values"]) if "values" in done else None,
        tolerances=_frozen(done.get("within", {})),
        wrap=_frozen(done.get("wrap", {})),
        must_leave=bool(done.get("must_leave", False)),
        watch=done.get("watch"),
        acknowledge_s=float(data.get("acknowledge_s", 2.0)),
        finish_s=float(data["finish_s"]),
        repeat=int(data.get("repeat", 1)),
    )


def _frozen(data: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: checked by the schema
    return MappingProxyType(dict(data))


def wrong_role(description: Description, role: Role) -> ConfigError:
    """Return the error for a device file in another role's place of a profile."""
    return ConfigError(
        f"{description.path}: its role is {description.role}, the profile uses it as {role}"
    )


def setting_rule(values: Mapping[str, Value], acknowledge_s: float) -> CompletionRule:
    """Return the rule for a plain setting: its values stand, in Ok or Idle."""
    return CompletionRule(
        states=frozenset({PropertyState.OK, PropertyState.IDLE}),
        targets={name: value for name, value in values.items() if value is not False},
        ack_timeout_s=acknowledge_s,
        timeout_s=max(10.0, acknowledge_s),
    )


def resolve(
    vectors: Mapping[str, Mapping[str, Value]], context: Mapping[str, Value], where: str
) -> dict[str, dict[str, Value]]:
    """Fill the placeholders of ``connect`` or ``configure``.

    Raises
    ------
    ConfigError
        A placeholder that the profile has no value for; every one is named.
    """
    problems = []
    result = {}
    for name, values in vectors.items():
        for missing in sorted(names(values.values()) - context.keys()):
            hint = nearest(missing, sorted(context))
            known = ", ".join(sorted(context))
            problems.append(f"{where}: {name}: unknown ${{{missing}}}{hint}, expected of {known}")
        if not problems:
            result[name] = {
                element: value if isinstance(value, bool | str) else float(value)
                for element, value in fill_all(values, context).items()
            }
    if problems:
        raise ConfigError(problems)
    return result

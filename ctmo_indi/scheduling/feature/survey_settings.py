"""What a configuration says about each kind of survey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.driver import DriverParameters


@dataclass(frozen=True, slots=True)
class FieldSetSettings:
    """A set of fields: a file, or a tessellation with a resolution."""

    file: str = settings.text("", longest=4096)
    tessellation: str = settings.choice(("fibonacci", "zones"), "fibonacci")
    nside: int | None = settings.number(1, 1024, None, whole=True)
    field_of_view_deg: float | None = settings.number(0.05, 60.0, None)
    overlap: float = settings.number(0.0, 0.9, 0.0)
    declination_deg: tuple[float, float] = settings.span(-90.0, 90.0, (-90.0, 90.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedySettings:
    """The field with the largest reward."""

    name: str = settings.name()
    fields: str = settings.name()
    filters: tuple[str, ...] = settings.texts(())
    exposure_s: float = settings.number(0.001, 14400.0)
    count: int = settings.number(1, 10_000, 1, whole=True)
    priority: float = settings.number(0.0, 10.0, 5.0)
    program: str = settings.text("")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSettings(GreedySettings):
    """Blocks of neighbouring fields."""

    radius_deg: float = settings.number(0.1, 90.0, 5.0)
    most_fields: int = settings.number(2, 1000, 20, whole=True)
    longest_s: float = settings.number(60.0, 86400.0, 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSettings:
    """A few fixed fields with a sequence."""

    name: str = settings.name()
    fields: str = settings.name()
    targets: tuple[str, ...] = settings.texts(())
    priority: float = settings.number(0.0, 10.0, 5.0)
    program: str = settings.text("")
    longest_s: float = settings.number(60.0, 86400.0, 7200.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """One part of a sequence."""

    filter: str | None = settings.text(None, longest=64)
    exposure_s: float = settings.number(0.001, 14400.0)
    count: int = settings.number(1, 10_000, 1, whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOrder:
    """Detailer of a sequence: which filter goes first."""

    first: str = settings.choice(("loaded", "as_given"), "loaded")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersSettings:
    """Pending Work Orders."""

    name: str = settings.name()
    users: tuple[str, ...] = settings.texts(())
    job_types: tuple[str, ...] = settings.texts(())
    object_types: tuple[str, ...] = settings.texts(())
    least_priority: float = settings.number(0.0, 10.0, 0.0)


@dataclass(frozen=True, slots=True)
class DriverSettings(DriverParameters):
    """The driver's own keys, and those of every driver."""

    seed: int = settings.number(0, 2**53, 42, whole=True)


SURVEYS: Mapping[str, type[GreedySettings | FieldSettings | OrdersSettings]] = {
    "greedy": GreedySettings,
    "blob": BlobSettings,
    "field": FieldSettings,
    "orders": OrdersSettings,
}

"""An Observation order from what a caller of Python says: arguments to keys, in a table.

What an order may hold, and what is refused, is the front desk's business (``xmlrpc/``); here only
values are turned into those of the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from ctmo_indi.api.values import (
    Instant,
    Number,
    Place,
    instant_text,
    number_in,
    place_icrs,
    whole_number,
)
from ctmo_indi.errors import BadOrder

if TYPE_CHECKING:
    from typing import TypeAlias

    Target: TypeAlias = Place | str
    Windows: TypeAlias = Sequence[tuple[Instant, Instant]]


@dataclass(frozen=True, slots=True)
class Cadence:
    """An order that is due again after each visit.

    Parameters
    ----------
    period_s
        From the begin of a visit to that of the next; seconds or a Quantity.
    visits
        How many.
    tolerance_s
        So much earlier a visit may begin; a tenth of the period when None.
    epoch
        Visits begin whole periods after it; each counts from the one before when None.
    """

    period_s: Number
    visits: int
    tolerance_s: Number | None = None
    epoch: Instant | None = None

    def to_wire(self) -> dict[str, object]:
        """The struct of the key Cadence."""
        wire: dict[str, object] = {
            "Period": number_in("s", self.period_s, "period_s"),
            "Visits": whole_number(self.visits, "visits"),
        }
        if self.tolerance_s is not None:
            wire["Tolerance"] = number_in("s", self.tolerance_s, "tolerance_s")
        if self.epoch is not None:
            wire["Epoch"] = instant_text(self.epoch, "epoch")
        return wire


class Limits(TypedDict, total=False):
    """An order's own limits, on top of the site's; each a plain number or a Quantity.

    Parameters
    ----------
    max_airmass
        1 to 40.
    min_altitude_deg
        Of the target, without refraction.
    min_moon_separation_deg
        Between target and Moon.
    max_sun_altitude_deg
        Such as -18: astronomical night.
    min_hour_angle_h, max_hour_angle_h
        From -12 to 12, west positive.
    max_moon_illumination
        Lit part of the disk, 0 to 1; holds while the Moon is above the horizon.
    max_moon_altitude_deg
        0: the Moon must be down.
    """

    max_airmass: Number
    min_altitude_deg: Number
    min_moon_separation_deg: Number
    max_sun_altitude_deg: Number
    min_hour_angle_h: Number
    max_hour_angle_h: Number
    max_moon_illumination: Number
    max_moon_altitude_deg: Number


_LIMITS: Mapping[str, tuple[str, str]] = {
    "max_airmass": ("Max Airmass", ""),
    "min_altitude_deg": ("Min Altitude", "deg"),
    "min_moon_separation_deg": ("Min Moon Separation", "deg"),
    "max_sun_altitude_deg": ("Max Sun Altitude", "deg"),
    "min_hour_angle_h": ("Min Hour Angle", "hourangle"),
    "max_hour_angle_h": ("Max Hour Angle", "hourangle"),
    "max_moon_illumination": ("Max Moon Illumination", ""),
    "max_moon_altitude_deg": ("Max Moon Altitude", "deg"),
}


def limits_to_wire(limits: Mapping[str, object]) -> dict[str, float]:
    """Return the struct of the key Constraints; BadOrder for a limit that there is not."""
    unknown = sorted(set(limits) - set(_LIMITS))
    if unknown:
        raise BadOrder(f"{', '.join(unknown)}: unknown, expected one of {', '.join(_LIMITS)}")
    return {
        _LIMITS[name][0]: number_in(_LIMITS[name][1], value, name)
        for name, value in limits.items()
        if value is not None
    }


def target_to_wire(target: object) -> dict[str, object]:
    """Return the keys that name the target: Object for a name, else RA and Dec."""
    if isinstance(target, str):
        if not target.strip():
            raise BadOrder("target: came an empty text, expected the name of an object")
        return {"Object": target}
    return place_icrs(target).to_wire()


def windows_to_wire(windows: object) -> list[dict[str, str]]:
    """Return the array of the key Windows."""
    expected = "expected a sequence of pairs (start, end)"
    if not isinstance(windows, Sequence) or isinstance(windows, str):
        raise BadOrder(f"windows: came {windows!r:.80}, {expected}")
    wire = []
    for index, window in enumerate(windows):
        try:
            start, end = window
        except (TypeError, ValueError):
            raise BadOrder(f"windows[{index}]: came {window!r:.80}, {expected}") from None
        wire.append(
            {
                "Start": instant_text(start, f"windows[{index}], start"),
                "End": instant_text(end, f"windows[{index}], end"),
            }
        )
    return wire


_PLAIN: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "exposure_s": ("Exposure Time", lambda value: number_in("s", value, "exposure_s")),
    "filter": ("Filter", str),
    "count": ("Number of Exposures", lambda value: whole_number(value, "count")),
    "binning": ("Binning", lambda value: whole_number(value, "binning")),
    "windows": ("Windows", windows_to_wire),
    "start": ("Start", lambda value: instant_text(value, "start")),
    "start_tolerance_s": (
        "Start Tolerance",
        lambda value: number_in("s", value, "start_tolerance_s"),
    ),
    "cadence": ("Cadence", lambda value: value.to_wire() if isinstance(value, Cadence) else value),
    "group": ("Group", str),
    "object_name": ("Object", str),
    "output": ("Output", str),
    "priority": ("Priority", lambda value: number_in("", value, "priority")),
    "order_id": ("ID", str),
}


def observation(
    target: object, arguments: Mapping[str, object], limits: Mapping[str, object]
) -> dict[str, object]:
    """Return an Observation order; every wrong argument is named in one BadOrder.

    Parameters
    ----------
    arguments
        Of :meth:`~ctmo_indi.api.front_desk.FrontDesk.observe`, by name; those that are None are
        left out.
    limits
        See :class:`Limits`.
    """
    order: dict[str, object] = {"WOType": "Observation"}
    problems: list[str] = []

    def take(read: Callable[[], Mapping[str, object]]) -> None:
        try:
            order.update(read())
        except BadOrder as wrong:
            problems.extend(wrong.problems)

    take(lambda: target_to_wire(target))
    for name, value in arguments.items():
        if value is not None:
            key, to_wire = _PLAIN[name]
            take(lambda key=key, to_wire=to_wire, value=value: {key: to_wire(value)})  # type: ignore[misc] # bound now, not in the loop's end
    take(lambda: {"Constraints": limits_to_wire(limits)} if limits else {})
    if problems:
        raise BadOrder(problems)
    return order

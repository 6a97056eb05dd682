"""Plain values of what astronomers write: Quantity, SkyCoord, Time, datetime, numbers, text.

astropy is imported only when one of its objects was given: then it has been imported already. A
conversion is astropy's own; nothing is computed here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from numbers import Integral, Real
from typing import TYPE_CHECKING, TypeAlias

from ctmo_indi.errors import BadOrder
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.work_orders.instants import read_instant

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.time import Time
    from astropy.units import Quantity

Number: TypeAlias = "float | Quantity"
Place: TypeAlias = "SkyCoord | tuple[Number | str, Number | str]"
Instant: TypeAlias = "Time | datetime | str"
Night: TypeAlias = "str | date"

_NAMES = {"s": "seconds", "deg": "degrees", "hourangle": "hours of angle", "": "no unit"}


def number_in(unit: str, value: object, name: str) -> float:
    """Return ``value`` in ``unit``; a plain number is in that unit already.

    Parameters
    ----------
    unit
        As astropy writes it: "s", "deg", "hourangle", "" (no unit).
    name
        Of the argument, for the error.

    Raises
    ------
    BadOrder
        Another unit, several values, not finite, or no number at all.
    """
    expected = (
        f"expected a number ({_NAMES[unit]}) or a Quantity that is one in {unit or 'no unit'}"
    )
    if "astropy.units" in sys.modules:
        with FIRST_IMPORT:
            from astropy import units
        if isinstance(value, units.Quantity):
            try:
                value = value.to_value(unit)
            except units.UnitConversionError as error:
                raise BadOrder(f"{name}: came {value!s}, {expected}: {error}") from None
            if getattr(value, "shape", ()) != ():
                raise BadOrder(f"{name}: came {value!r:.80}, {expected}: one value")
    if isinstance(value, bool) or not isinstance(value, Real):
        raise BadOrder(f"{name}: came {value!r:.80}, {expected}")
    plain = float(value)
    if not math.isfinite(plain):
        raise BadOrder(f"{name}: came {plain}, {expected} that is finite")
    return plain


def whole_number(value: object, name: str) -> int:
    """Return a whole number; BadOrder for anything else."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise BadOrder(f"{name}: came {value!r:.80}, expected a whole number")
    return int(value)


@dataclass(frozen=True, slots=True)
class PlaceKeys:
    """A place as an order holds it: degrees (ICRS), or sexagesimal text (hours, degrees)."""

    ra: float | str
    dec: float | str

    def to_wire(self) -> dict[str, object]:
        """The keys RA, Dec, and RA Unit where RA is a number."""
        wire: dict[str, object] = {"RA": self.ra, "Dec": self.dec}
        return wire | {"RA Unit": "deg"} if isinstance(self.ra, float) else wire


def place_icrs(value: object, name: str = "target") -> PlaceKeys:
    """Return a place on the sky, ICRS.

    Parameters
    ----------
    value
        SkyCoord or a frame of astropy with data: turned into ICRS by astropy. A pair (RA, Dec),
        ICRS: numbers in degrees, Quantities (Longitude, Latitude) of any angle, or sexagesimal
        text, hours and degrees.

    Raises
    ------
    BadOrder
        Something else, several places, a frame that cannot be turned into ICRS.
    """
    if "astropy.coordinates" in sys.modules:
        with FIRST_IMPORT:
            from astropy.coordinates import BaseCoordinateFrame, SkyCoord
        if isinstance(value, SkyCoord | BaseCoordinateFrame):
            return _of_sky_coord(value, name)
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        if all(isinstance(one, str) for one in value):
            return PlaceKeys(value[0], value[1])
        ra_deg, dec_deg = (
            number_in("deg", one, f"{name}, {axis}")
            for one, axis in zip(value, ("RA", "Dec"), strict=True)
        )
        return PlaceKeys(ra_deg, dec_deg)
    raise BadOrder(
        f"{name}: came {value!r:.80}, expected a SkyCoord, or a pair (RA, Dec): ICRS, numbers in "
        'degrees, Quantities, or texts such as "16:41:41", "+36:27:36"'
    )


def _of_sky_coord(coordinate: SkyCoord, name: str) -> PlaceKeys:
    with FIRST_IMPORT:
        from astropy.coordinates import ICRS, ConvertError
    if coordinate.shape != ():
        raise BadOrder(f"{name}: came {len(coordinate)} places, expected one")
    try:
        icrs = coordinate.transform_to(ICRS())
    except (ConvertError, ValueError, AttributeError) as error:
        raise BadOrder(
            f"{name}: came {coordinate!s:.80}, expected a place that astropy turns into ICRS"
            f" (AltAz needs obstime and location): {error}"
        ) from error
    ra_deg = number_in("deg", icrs.ra, f"{name}, RA") % 360.0
    return PlaceKeys(ra_deg, number_in("deg", icrs.dec, f"{name}, Dec"))


def instant_text(value: object, name: str) -> str:
    """Return an instant as an order holds it: ISO 8601, UTC, to a microsecond.

    Parameters
    ----------
    value
        Time of any scale, turned into UTC by astropy; a datetime with a zone; ISO 8601 text, UTC
        where it names no zone.

    Raises
    ------
    BadOrder
        Anything else. A datetime without a zone, too: for Python it is local time.
    """
    if "astropy.time" in sys.modules:
        with FIRST_IMPORT:
            from astropy.time import Time
        if isinstance(value, Time):
            return _iso(datetime.fromtimestamp(_unix_s(value, name), UTC))
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _iso(value.astimezone(UTC))
    expected = "expected a Time, a datetime with a zone, or ISO 8601 text (UTC)"
    if not isinstance(value, str):
        raise BadOrder(f"{name}: came {value!r:.80}, {expected}")
    try:
        return _iso(datetime.fromtimestamp(read_instant(value), UTC))
    except ValueError as error:
        raise BadOrder(f"{name}: came {value!r:.80}, {expected}: {error}") from error


def _unix_s(time: Time, name: str) -> float:
    with FIRST_IMPORT:
        from astropy.time import ScaleValueError
    if time.shape != ():
        raise BadOrder(f"{name}: came {len(time)} times, expected one")
    try:
        return number_in("s", float(time.utc.unix), name)
    except (ScaleValueError, ValueError, IndexError) as error:  # IERSRangeError is an IndexError
        raise BadOrder(
            f"{name}: came {time!r:.80}, expected a time with an UTC: {error}"
        ) from error


def _iso(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def night_text(value: object) -> str:
    """Return an evening's date as YYYYMMDD; BadOrder for anything else."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.strftime("%Y%m%d")
    if isinstance(value, str) and len(value) == 8 and value.isascii() and value.isdigit():
        return value
    raise BadOrder(f"night: came {value!r:.80}, expected the evening's date: YYYYMMDD, or a date")

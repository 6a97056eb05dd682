"""Read RA and Dec as people write them into ICRS degrees.

A number, also as text, is degrees (RA: hours when the order or the profile says so). Sexagesimal
text is hours for RA, degrees for Dec: ``1:32:24``, ``01 32 24.5``, ``1h32m24s``, ``-13d12m``.
"""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d{1,3})"
    r"(?:\s*[:hd°]\s*|\s+)(?P<minutes>\d{1,2}(?:\.\d*)?)"
    r"(?:(?:\s*[:m'′]\s*|\s+)(?P<seconds>\d{1,2}(?:\.\d*)?))?\s*[ms'\"′″]?",
    re.ASCII,
)
_MINUS = "−"  # U+2212, as catalogues print it


def read_ra(value: object, unit: str | None, default_unit: str) -> float:
    """Return right ascension in ICRS degrees, [0, 360).

    Parameters
    ----------
    value
        A number, or text.
    unit
        The order's ``RA Unit``, "deg" or "hour"; None when it did not say.
    default_unit
        The profile's.

    Raises
    ------
    ValueError
        Why it cannot be read; the message completes "RA: came ...,".
    """
    number = _number(value)
    if number is not None:
        hours = (unit or default_unit) == "hour"
        limit = 24.0 if hours else 360.0
        if not 0.0 <= number < limit:
            raise ValueError(
                f"expected 0 <= RA < {limit:g} {'hours' if hours else 'degrees'}, ICRS"
            )
        return number * 15.0 if hours else number
    hours_value = _sexagesimal(value)
    if unit == "deg":
        raise ValueError(
            "expected degrees as RA Unit says; sexagesimal text is hours, leave RA Unit out"
        )
    if not 0.0 <= hours_value < 24.0:
        raise ValueError("expected 0 <= RA < 24 hours in sexagesimal text, ICRS")
    return hours_value * 15.0


def read_dec(value: object) -> float:
    """Return declination in ICRS degrees, [-90, 90]; ValueError as for :func:`read_ra`."""
    number = _number(value)
    if number is None:
        number = _sexagesimal(value)
    if not -90.0 <= number <= 90.0:
        raise ValueError("expected -90 <= Dec <= 90 degrees, ICRS")
    return number


def _number(value: object) -> float | None:
    """Value of a number or numeric text; None when it must be sexagesimal text."""
    if isinstance(value, str):
        text = value.strip().replace(_MINUS, "-")
        if not _NUMBER.fullmatch(text):
            return None
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number or text")  # noqa: TRY004 - one error for the caller
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return float(value)


def _sexagesimal(value: object) -> float:
    match = _SEXAGESIMAL.fullmatch(str(value).strip().replace(_MINUS, "-"))
    if match is None:
        raise ValueError("expected a number, or sexagesimal text such as 12:34:56.7")
    minutes = float(match["minutes"])
    seconds = float(match["seconds"] or 0.0)
    if minutes >= 60.0 or seconds >= 60.0:
        raise ValueError("expected minutes and seconds below 60 in sexagesimal text")
    size = float(match["whole"]) + minutes / 60.0 + seconds / 3600.0
    return -size if match["sign"] == "-" else size

"""Put values in the place of ``$name`` in the parameters of a block's scripts.

It works on values, never on the text of a file: nothing that is put in can add a key or another
script. A text that is exactly ``$name`` becomes the value with its type; inside a longer text the
value is written out. ``${name}`` is the same as ``$name``, ``$$`` is a dollar sign, and a dollar
sign before anything else stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_PLACE = re.compile(rf"\$(?:(?P<dollar>\$)|(?P<plain>{_NAME})|\{{(?P<braced>{_NAME})\}})")

Values = Mapping[str, Any]  # Any: what YAML can hold

TARGET_VALUES: Values = MappingProxyType(
    {
        "targetid": "T-1",  # the scheduling driver's own name of the target
        "receipt": "O-1",  # of the order
        "attempt": "A-1",  # id of the attempt
        "name": "M 42",  # of the object
        "note": "first light",  # of the driver: why this target
        "program": "observe",  # what the target is for; else the block
        "observation_reason": "science",  # the order's "Type of job"
        "ra": 83.8,  # ICRS, degrees
        "dec": -5.4,  # ICRS, degrees
        "alt": 50.0,  # at the decision, degrees
        "az": 180.0,  # at the decision, from north through east, degrees
        "rot": 0.0,  # degrees; always 0: there is no rotator
        "rot_sky": 0.0,  # degrees; always 0: there is no rotator
        "band_filter": "V",  # filter, as the profile names it; filter_name is the same
        "filter_name": "V",
        "num_exp": 1,  # frames
        "exp_times": [30.0],  # of each frame, seconds
        "obs_time": "2026-11-22T00:30:00Z",  # of the decision, UTC
        "estimated_slew_time": 30.0,  # until the first exposure, seconds
    }
)
"""Names that a target gives a value to, with an example of each; no value is None."""


def names_in(value: Any) -> Iterator[str]:  # Any: what YAML can hold
    """Yield every name used in ``value``, keys of mappings excepted."""
    if isinstance(value, str):
        for place in _PLACE.finditer(value):
            name = place["plain"] or place["braced"]
            if name:
                yield name
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from names_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from names_in(inner)


def substitute(value: Any, values: Values, unknown: Callable[[str], object]) -> Any:
    """Return ``value`` with the names replaced.

    Parameters
    ----------
    unknown
        Called with each name that ``values`` does not have, and with "name (no value now)" for one
        whose value is None; its place is left as it is.
    """
    if isinstance(value, str):
        return _substitute_text(value, values, unknown)
    if isinstance(value, Mapping):
        return {key: substitute(inner, values, unknown) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [substitute(inner, values, unknown) for inner in value]
    return value


def _substitute_text(text: str, values: Values, unknown: Callable[[str], object]) -> Any:
    def found(place: re.Match[str]) -> Any:
        name = str(place["plain"] or place["braced"])
        value = values.get(name)
        if value is None:
            unknown(f"{name} (no value now)" if name in values else name)
            return place[0]
        return value

    def written(place: re.Match[str]) -> str:
        if place["dollar"]:
            return "$"
        value = found(place)
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    whole = _PLACE.fullmatch(text)
    if whole is not None and not whole["dollar"]:
        return found(whole)
    return _PLACE.sub(written, text)

"""Places of objects by name, offline: NGC, IC, Messier and what else OpenNGC has.

pyongc (MIT) carries the database of OpenNGC (CC BY-SA 4.0). It knows designations such as
"NGC 224", "M31", "IC 10", "Mel 22", "B33", "UGC 454" and "PGC 2557"; common names ("Andromeda
Galaxy") are read from it here. Places are J2000 from NED and Simbad, taken as ICRS. Stars by name
are not in it.
"""

from __future__ import annotations

import contextlib
import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.first_import import FIRST_IMPORT

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 +.&'*()-]{0,59}")
_MESSIER = re.compile(r"messier\s*(\d{1,3})", re.IGNORECASE)
_M102 = re.compile(r"M\s*102", re.IGNORECASE)
_NONEXISTENT = "Nonexistent object"
NAMES_KEPT = 10_000


class UnknownObject(LookupError):
    """No object of that name is known here, or it is not clear which; the text says why."""


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object of the catalogue.

    Parameters
    ----------
    name
        The catalogue's own: "NGC0224".
    ra_deg, dec_deg
        ICRS.
    """

    name: str
    ra_deg: float
    dec_deg: float


def find_object(name: str) -> NamedObject:
    """Return the object of a name; 0.2 to 11 ms for a new one, then 1 us. Any thread.

    Raises
    ------
    UnknownObject
        With the reason.
    """
    return _find(" ".join(name.split()))


def warm_up() -> None:
    """Open the catalogue before the first order asks for it; 0.2 s. Nothing when there is none."""
    with contextlib.suppress(UnknownObject):
        _find("no such name")


@functools.lru_cache(maxsize=NAMES_KEPT)
def _find(name: str) -> NamedObject:
    try:
        with FIRST_IMPORT:
            from pyongc import ongc
    except ModuleNotFoundError as error:
        raise UnknownObject("no catalogue of names is installed (pyongc)") from error
    if not _PLAIN.fullmatch(name):
        raise UnknownObject("no name of an object")
    if _M102.fullmatch(name) or _M102.fullmatch(_MESSIER.sub(r"M\1", name)):
        raise UnknownObject(
            "M 102 is M 101 (NGC 5457) to some and NGC 5866 to others: name that one"
        )
    found = ongc.get(_MESSIER.sub(r"M\1", name))
    if found is None:
        known = _common_names().get(name.casefold(), "")
        found = ongc.get(known) if known else None
    if found is None:
        raise UnknownObject(f"not in OpenNGC of {_edition()}")
    if found.type == _NONEXISTENT or found.rad_coords is None:
        raise UnknownObject(f"{found.name} does not exist, says OpenNGC of {_edition()}")
    ra_rad, dec_rad = (float(angle) for angle in found.rad_coords)
    return NamedObject(found.name, math.degrees(ra_rad) % 360.0, math.degrees(dec_rad))


@functools.lru_cache(maxsize=1)
def _common_names() -> Mapping[str, str]:
    """Common names in lower case; those of two objects are left out."""
    with FIRST_IMPORT:
        from pyongc import ongc

    found: dict[str, set[str]] = {}
    for one in ongc.listObjects(withname=True):
        for word in one.identifiers[3] or ():
            found.setdefault(" ".join(word.split()).casefold(), set()).add(one.name)
    return {word: next(iter(names)) for word, names in found.items() if len(names) == 1}


def _edition() -> str:
    with FIRST_IMPORT:
        import pyongc

    return str(pyongc.DBDATE)

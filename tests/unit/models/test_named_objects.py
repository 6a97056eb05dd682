"""Names of objects, offline; places against published ones."""

from __future__ import annotations

import pytest

from ctmo_indi.models.coordinates import separation_deg
from ctmo_indi.models.named_objects import UnknownObject, find_object

# J2000, SIMBAD; large objects have no centre to the arc second.
PLACES = [
    ("M31", 10.684708, 41.268750, 0.01),
    ("M 13", 250.423475, 36.461319, 0.01),
    ("Messier 87", 187.705931, 12.391123, 0.001),
    ("NGC 7293", 337.410717, -20.837333, 0.01),
    ("ngc5139", 201.697, -47.479472, 0.02),
    ("IC 10", 5.072250, 59.303780, 0.02),
    ("Andromeda  Galaxy", 10.684708, 41.268750, 0.01),
]


@pytest.mark.parametrize(("name", "ra_deg", "dec_deg", "tolerance_deg"), PLACES)
def test_a_name_is_found_where_simbad_has_it(
    name: str, ra_deg: float, dec_deg: float, tolerance_deg: float
) -> None:
    found = find_object(name)
    assert separation_deg(found.ra_deg, found.dec_deg, ra_deg, dec_deg) < tolerance_deg


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("my favourite star", "not in OpenNGC of 20"),
        ("NGC 99999", "not in OpenNGC"),
        ("NGC 1'; drop table objects", "no name of an object"),
        ("Ω", "no name of an object"),
        ("M 102", "to some and NGC 5866"),
        ("messier102", "NGC 5866"),
        ("NGC 412", "does not exist"),
        ("", "no name"),
    ],
)
def test_what_is_not_known_beyond_doubt_is_refused(name: str, why: str) -> None:
    with pytest.raises(UnknownObject, match=why):
        find_object(name)

"""Tessellations leave no gap and keep their ids; files of fields are read whole or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling.feature import tessellation
from ctmo_indi.scheduling.feature.field_file import read_fields
from ctmo_indi.scheduling.feature.fields import FieldSet

WHOLE = (-90.0, 90.0)


def anywhere(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    lots = np.random.default_rng(5)
    dec_deg = np.degrees(np.arcsin(lots.uniform(-1.0, 1.0, count)))
    poles = count // 10
    dec_deg[:poles] = lots.choice([-1.0, 1.0], poles) * lots.uniform(80.0, 90.0, poles)
    return lots.uniform(0.0, 360.0, count), dec_deg


def vectors(ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def farthest_deg(fields: FieldSet, points: int) -> float:
    cos = vectors(*anywhere(points)) @ vectors(fields.ra_deg, fields.dec_deg).T
    return float(np.degrees(np.arccos(np.clip(cos.max(axis=1).min(), -1.0, 1.0))))


def test_nside_64_has_as_many_fields_as_healpix_has_pixels() -> None:
    fields = tessellation.fibonacci("sky", tessellation.count_of_nside(64), WHOLE)
    assert fields.size == 49_152
    assert fields.ids[0] == "00000"
    # Equal areas: each tenth of the sky between two parallels has a tenth of the fields.
    parts, _ = np.histogram(np.sin(np.radians(fields.dec_deg)), 10, (-1.0, 1.0))
    assert parts.max() - parts.min() <= 2


@pytest.mark.parametrize(("view_deg", "points"), [(5.0, 2_000), (14.0, 10_000), (40.0, 40_000)])
def test_a_spiral_leaves_no_gap_between_circles(view_deg: float, points: int) -> None:
    count = tessellation.count_of_view(view_deg)
    farthest = farthest_deg(tessellation.fibonacci("sky", count, WHOLE), points)
    assert 0.8 * view_deg / 2.0 < farthest <= view_deg / 2.0
    fewer = tessellation.fibonacci("sky", int(0.85 * count), WHOLE)
    assert farthest_deg(fewer, points) > view_deg / 2.0 or points < 10_000


@pytest.mark.parametrize(("view_deg", "overlap"), [(4.0, 0.0), (9.0, 0.2), (50.0, 0.0)])
def test_zones_leave_no_gap_between_squares(view_deg: float, overlap: float) -> None:
    fields = tessellation.zones("sky", view_deg, overlap, WHOLE)
    for ra_deg, dec_deg in zip(*anywhere(600), strict=True):
        x, y = tangent_plane(ra_deg, dec_deg, fields)
        half = np.tan(np.radians(view_deg / 2.0)) + 1e-9
        assert np.any((np.abs(x) <= half) & (np.abs(y) <= half)), (ra_deg, dec_deg)


def tangent_plane(ra_deg: float, dec_deg: float, fields: FieldSet) -> tuple[np.ndarray, ...]:
    """Gnomonic place of a point in each field, north up; far outside when behind."""
    ra = np.radians(ra_deg - fields.ra_deg)
    dec, centre = np.radians(dec_deg), np.radians(fields.dec_deg)
    cos = np.sin(dec) * np.sin(centre) + np.cos(dec) * np.cos(centre) * np.cos(ra)
    north = np.sin(dec) * np.cos(centre) - np.cos(dec) * np.sin(centre) * np.cos(ra)
    ahead = np.where(cos > 1e-6, cos, np.nan)
    return np.cos(dec) * np.sin(ra) / ahead, north / ahead


def test_a_part_of_the_sky_keeps_the_ids_of_the_whole() -> None:
    whole = tessellation.fibonacci("sky", 500, WHOLE)
    part = tessellation.fibonacci("sky", 500, (-30.0, 10.0))
    assert 0 < part.size < whole.size
    for row, one in enumerate(part.ids):
        assert part.dec_deg[row] == whole.dec_deg[whole.row_of[one]]
    assert part.fingerprint != whole.fingerprint
    assert part.fingerprint == tessellation.fibonacci("x", 500, (-30.0, 10.0)).fingerprint


YAML = """
fields:
  - {name: COSMOS, ra_deg: 150.1, dec_deg: 2.2, goal: 2, priority: 7}
  - {name: north, ra_deg: 360, dec_deg: 90}
"""
CSV = "name,ra_deg,dec_deg,goal,priority\nCOSMOS,150.1,2.2,2,7\nnorth,360,90,,\n"


@pytest.mark.parametrize(("name", "text"), [("list.yaml", YAML), ("list.csv", CSV)])
def test_a_file_of_fields_is_read(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    fields = read_fields("deep", path)
    assert fields.ids == ("COSMOS", "north")
    assert fields.ra_deg.tolist() == [150.1, 0.0]
    assert fields.dec_deg.tolist() == [2.2, 90.0]
    assert (fields.goal.tolist(), fields.priority.tolist()) == ([2.0, 1.0], [7.0, 5.0])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "fields: [{name: a, ra_deg: 10}]", ["line 1, dec_deg: came nothing"]),
        (
            "a.yaml",
            "fields:\n - {name: a, ra_deg: .5, dec: 3}\n - {name: a, ra_deg: -1, dec_deg: x}\n",
            [
                "line 2, dec: unknown key (did you mean 'dec_deg'?)",
                "line 2, dec_deg: came nothing, expected a number from -90 to 90",
                "line 3, ra_deg: came -1, expected a number from 0 to 360",
                "line 3, dec_deg: came 'x'",
                "line 3, name: came 'a' again",
            ],
        ),
        ("a.yaml", "field: []", ["field: unknown key"]),
        ("a.yaml", "fields: []", ["no field"]),
        ("a.csv", "name,ra_deg,dec_deg\na,nan,3\n,5,6\n", ["line 2, ra_deg: came 'nan'", "name:"]),
        ("a.csv", "name,ra_dg,dec_deg\na,1,3\n", ["line 2, ra_dg: unknown key (did you mean"]),
        ("a.csv", "", ["no field"]),
    ],
)
def test_everything_wrong_with_a_file_is_said_at_once(
    tmp_path: Path, name: str, text: str, said: list[str]
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_fields("deep", path)
    problems = "\n".join(caught.value.problems)
    assert [one for one in said if one not in problems] == []


@pytest.mark.parametrize("name", ["missing.csv", "missing.yaml", "folder.csv"])
def test_a_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_fields("deep", tmp_path / name)


def test_many_problems_are_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("name,ra_deg,dec_deg\n" + "a,1000,0\n" * 200)
    with pytest.raises(ConfigError) as caught:
        read_fields("deep", path)
    assert len(caught.value.problems) == 51
    assert "and 349 problems more" in caught.value.problems[-1]

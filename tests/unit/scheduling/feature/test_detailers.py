"""Details of a target: decided by seed, field and visit alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctmo_indi.models.coordinates import separation_deg
from ctmo_indi.scheduling.feature.detailers import Dither, Draft, Repeat, Rotation

SEEN_RA_DEG, SEEN_DEC_DEG = 359.75172650145566, 19.952386674044543
DRAFT = Draft("sky/00001", 3, "20261121", 42, 359.9, 20.0, 2)


def away_deg(draft: Draft, found: Draft) -> float:
    return separation_deg(draft.ra_deg, draft.dec_deg, found.ra_deg, found.dec_deg)


@pytest.mark.parametrize("dec_deg", [0.0, 60.0, 90.0, -89.99])
def test_a_dither_stays_within_its_radius_anywhere_on_the_sky(dec_deg: float) -> None:
    drafts = [replace(DRAFT, visit=visit, dec_deg=dec_deg) for visit in range(300)]
    away = np.array([away_deg(one, Dither(0.5).detailed(one)) for one in drafts])
    assert away.max() <= 0.5 + 1e-9
    # Each place of the disk as likely as any other: half of them within radius / sqrt(2).
    assert 0.4 < np.mean(away < 0.5 / np.sqrt(2.0)) < 0.6
    places = [Dither(0.5).detailed(one) for one in drafts]
    assert all(0.0 <= one.ra_deg < 360.0 and -90.0 <= one.dec_deg <= 90.0 for one in places)


def test_seed_field_and_visit_decide_a_dither() -> None:
    dither = Dither(0.5)
    assert dither.detailed(DRAFT) == dither.detailed(DRAFT)
    others = [
        replace(DRAFT, seed=43),
        replace(DRAFT, visit=4),
        replace(DRAFT, key="sky/00002"),
    ]
    places = {(one.ra_deg, one.dec_deg) for one in map(dither.detailed, [DRAFT, *others])}
    assert len(places) == 4
    nightly = Dither(0.5, "night")
    assert nightly.detailed(DRAFT).ra_deg == nightly.detailed(others[1]).ra_deg
    later = replace(DRAFT, night="20261122")
    assert nightly.detailed(DRAFT).ra_deg != nightly.detailed(later).ra_deg


def test_a_dither_is_the_same_on_every_machine() -> None:
    found = Dither(0.5).detailed(DRAFT)
    assert (found.ra_deg, found.dec_deg) == pytest.approx((SEEN_RA_DEG, SEEN_DEC_DEG), abs=1e-9)


def test_a_rotation_is_told_not_made() -> None:
    assert Rotation(30.0).detailed(DRAFT).notes == ("no rotator for the position angle 30.0 deg",)
    (note,) = Rotation(None, (10.0, 20.0)).detailed(DRAFT).notes
    assert 10.0 <= float(note.split()[-2]) <= 20.0
    assert Rotation(None).detailed(DRAFT).notes == Rotation(None).detailed(DRAFT).notes


def test_a_repeat_multiplies_the_frames() -> None:
    assert Repeat(3).detailed(DRAFT).count == 6

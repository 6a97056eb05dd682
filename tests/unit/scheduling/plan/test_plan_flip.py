"""A night of the plan driver with a German mount: nothing is exposed around the flip."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctmo_indi.models.coordinates import hour_angle_h
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduling.lookahead import LookAhead
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.sky import SiteSky

from .plan_world import PROFILE, conditions, long_ones

MARGIN_H = 8.0 / 60.0
FLIPS = replace(PROFILE.limits, meridian_flip_h=0.0, meridian_flip_margin_min=8.0)


@pytest.mark.parametrize(
    ("profile", "has_some"), [(PROFILE, True), (replace(PROFILE, limits=FLIPS), False)]
)
def test_no_visit_of_a_night_comes_near_to_the_flip(profile: Profile, has_some: bool) -> None:
    models = Models(SiteSky(profile), ObservatoryModel.of(profile), tuple(profile.filters))
    driver = PlanScheduler(models)
    driver.configure_scheduler({"tries": 500})
    given = conditions(long_ones(60))
    driver.update_conditions(given)
    near, count = 0, 0
    for one in LookAhead(driver, models).targets(given, n_targets=60):
        place = one.target.request.fixed_place_deg
        assert place is not None
        begin_h = hour_angle_h(*place, profile.site, one.visit.start_utc_s)
        end_h = begin_h + (one.visit.end_utc_s - one.visit.start_utc_s) / 3590.17
        near += begin_h < MARGIN_H - 1e-3 and end_h > -MARGIN_H + 1e-3
        count += 1
    assert count > 25
    assert bool(near) == has_some

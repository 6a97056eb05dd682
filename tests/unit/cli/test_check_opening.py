"""check warns of a profile by which nothing would ever open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctmo_indi import profiles
from ctmo_indi.cli.installation import _check_opening
from ctmo_indi.profiles import Profile, Role


@pytest.fixture
def site() -> Profile:
    return profiles.load("simulators")


def without_station(site: Profile) -> Profile:
    rest = {role: one for role, one in site.equipment.items() if role is not Role.WEATHER}
    return replace(site, equipment=rest)


def test_weather_that_is_needed_and_never_told_is_warned_of(site: Profile):
    (told,) = _check_opening(without_station(site))
    assert "nothing ever opens" in told
    assert "equipment.weather" in told
    assert "weather_required: false" in told


def test_a_station_or_somebody_else_is_enough(site: Profile):
    policy = replace(site.safety, weather_required=False)
    assert _check_opening(site) == []
    assert _check_opening(replace(without_station(site), safety=policy)) == []

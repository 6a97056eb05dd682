# ruff: noqa: D101, D102, D103
# Names of tests say what they test.
"""The driver keeps the contract, and does what it says. `pytest` in the package's folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from highest_first import HighestFirst

from ctmo_indi import profiles
from ctmo_indi.errors import ConfigError
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling import Conditions, Driver, LookAhead, Models
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.testing.driver_conformance import DriverConformance

CONFIGURATION: dict[str, object] = {
    "exposure_s": 300,
    "filter": "R",
    "fields": [
        {"name": "M 31", "ra_deg": 10.6847, "dec_deg": 41.269},
        {"name": "M 33", "ra_deg": 23.4621, "dec_deg": 30.6599},
        {"name": "M 42", "ra_deg": 83.8221, "dec_deg": -5.3911},
        {"name": "far south", "ra_deg": 10.0, "dec_deg": -85.0},
    ],
}


class TestConformance(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        driver = HighestFirst(models)
        driver.configure_scheduler(CONFIGURATION)
        return driver

    def make_file(self, folder: Path) -> Path:
        path = folder / "fields.yaml"
        path.write_text("fields: [{name: Vega, ra_deg: 279.2347, dec_deg: 38.7837}]")
        return path


@pytest.fixture(scope="module")
def models() -> Models:
    profile = profiles.load("simulators")
    return Models(SiteSky(profile), ObservatoryModel.of(profile), tuple(profile.filters))


def test_a_night_takes_the_highest_of_the_least_visited(models: Models) -> None:
    driver = HighestFirst(models)
    driver.configure_scheduler(CONFIGURATION)
    night = models.sky.night(datetime(2026, 11, 21, 19, tzinfo=UTC))
    dusk = Conditions(
        utc=night.evening,
        observatory=ObservatoryState.CLOSED,
        verdict=Verdict(VerdictLevel.SAFE, (), 1, "", 0.0),
        verdict_age_s=0.0,
        telescope_answers=True,
        pending=(),
    )
    planned = list(LookAhead(driver, models).targets(dusk, until=night.morning))
    assert len(planned) > 60
    visits: dict[str, int] = {}
    for one in planned:
        utc, mine = one.target.obs_time, one.target
        for other in planned:
            request = other.target.request
            if models.sky.obstacles(request, utc):
                continue
            theirs = visits.get(request.object_name, 0), models.sky.airmass(request, utc)
            assert (visits.get(mine.request.object_name, 0), mine.airmass) <= theirs
        visits[mine.request.object_name] = visits.get(mine.request.object_name, 0) + 1
    assert set(visits) == {"M 31", "M 33", "M 42"}
    assert planned[-1].target.obs_time > night.morning - timedelta(hours=2)


def test_all_that_is_wrong_is_named(models: Models) -> None:
    wrong = {"exposure": 3, "filter": "Rr", "fields": [{"name": "x"}, {"name": ""}]}
    with pytest.raises(ConfigError) as caught:
        HighestFirst(models).configure_scheduler(wrong)
    assert len(caught.value.problems) == 4


def test_an_entry_of_another_type_is_refused(models: Models) -> None:
    driver = HighestFirst(models)
    driver.configure_scheduler({})
    state = driver.get_state()
    with pytest.raises(TypeError, match="visits"):
        driver.set_state({**state, "visits": {"field-1": "often"}})
    assert driver.get_state() == state


def test_conditions_may_say_that_a_field_waits(models: Models) -> None:
    driver = HighestFirst(models)
    driver.configure_scheduler(CONFIGURATION)
    night = models.sky.night(datetime(2026, 11, 21, 19, tzinfo=UTC))
    verdict = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)
    utc = night.evening + timedelta(hours=2)
    now = Conditions(utc, ObservatoryState.OPEN, verdict, 0.0, True, ())
    driver.update_conditions(now)
    first = driver.select_next_target()
    assert first is not None
    late = {first.target_id: utc.timestamp() + 60.0}
    driver.update_conditions(replace(now, not_before_utc_s=late))
    second = driver.select_next_target()
    assert second is not None
    assert second.target_id != first.target_id

"""The configuration: everything that is wrong is said at once, with what was expected."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ctmo_indi import profiles
from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduler import configuration as scheduler_configuration
from ctmo_indi.scheduling.errors import NoNsideError, NoSchedulerError
from ctmo_indi.scheduling.feature.basis_functions import BASIS_FUNCTIONS
from ctmo_indi.scheduling.feature.detailers import DETAILERS
from ctmo_indi.scheduling.feature.driver import FeatureScheduler
from ctmo_indi.scheduling.feature.survey_settings import SURVEYS, FilterOrder
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.target import SurveyTopology
from ctmo_indi.testing.fake_sky import FakeObservatory

from .feature_world import conditions, greedy, orders_survey, real_models

SKY = {"sky": {"nside": 4}}
ROOT = Path(__file__).resolve().parents[4]


def problems_of(configuration: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        FeatureScheduler(real_models()).configure_scheduler(configuration)
    prefix = "feature driver: "
    assert all(one.startswith(prefix) for one in caught.value.problems)
    return [one.removeprefix(prefix) for one in caught.value.problems]


def with_surveys(*surveys: Any, **keys: Any) -> dict[str, Any]:
    return {"fields": SKY, "tiers": [{"surveys": list(surveys)}], **keys}


def test_the_topology_names_the_surveys() -> None:
    driver = FeatureScheduler(real_models())
    sequence = {
        "type": "field",
        "name": "deep",
        "fields": "sky",
        "sequence": [{"filter": "R", "exposure_s": 30}],
        "basis_functions": ["airmass"],
    }
    found = driver.configure_scheduler(with_surveys(greedy(), orders_survey(), sequence))
    assert found == SurveyTopology("feature", ("wide", "orders"), ("deep",))


@pytest.mark.parametrize("given", [{}, {"tiers": []}, {"fields": SKY}, {"tiers": None}])
def test_without_a_survey_there_is_no_scheduler(given: dict[str, Any]) -> None:
    with pytest.raises(NoSchedulerError, match="tiers: no survey came"):
        FeatureScheduler(real_models()).configure_scheduler(given)


def test_a_sky_without_a_resolution_has_no_nside() -> None:
    for entry in ({}, {"tessellation": "zones", "nside": 4}, {"declination_deg": [0, 30]}):
        with pytest.raises(NoNsideError, match=r"no resolution came, expected .*field_of_view"):
            FeatureScheduler(real_models()).configure_scheduler(
                with_surveys(greedy(), fields={"sky": entry})
            )


def test_before_it_is_configured_there_is_no_scheduler() -> None:
    driver = FeatureScheduler(real_models())
    driver.update_conditions(conditions())
    with pytest.raises(NoSchedulerError, match="before it was configured"):
        driver.select_next_target()


def test_a_sky_model_without_a_site_is_refused() -> None:
    class Bare:
        night = obstacles = next_observable = spans = airmass = place_deg = None

    driver = FeatureScheduler(Models(Bare(), FakeObservatory()))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Bare does not tell its site"):
        driver.configure_scheduler(with_surveys(greedy()))


def test_all_problems_are_told_at_once() -> None:
    wrong = greedy(
        "wide",
        {"type": "airmas"},
        {"type": "airmass", "wieght": 3},
        {"type": "slew_time", "norm_s": -1},
        {"type": "age"},
        {"type": "visit_gap", "gap_s": [60, 30]},
        {"type": "time_window", "windows": ["2026-11-22T03:00/tomorrow"]},
        {"type": "time_window"},
        {"type": "planets", "planets": ["pluto"]},
        7,
        filters=["R", "r_band"],
        exposure_s="long",
        fields="skye",
        detailers=[{"type": "dither", "each": "nite"}, {"type": "filter_order"}],
        exposures=3,
    )
    found = problems_of(
        {
            "fields": SKY,
            "tiers": [{"name": "one", "survey": [], "surveys": [wrong]}],
            "sed": 3,
            "night_boundary": 12,
        }
    )
    key = "tiers[0].surveys[0]"
    expected = [
        "sed: unknown key (did you mean 'seed'?), expected one of fields, new_moon",
        "night_boundary: came 12, expected a number from -90 to 0",
        "tiers[0].survey: unknown key (did you mean 'surveys'?)",
        f"{key}.exposure_s: came 'long', expected a number from 0.001 to 14400",
        f"{key}.exposures: unknown key (did you mean 'exposure_s'?)",
        f"{key}.basis_functions[0].type: came 'airmas' (did you mean 'airmass'?), expected one of",
        f"{key}.basis_functions[1].wieght: unknown key (did you mean 'weight'?)",
        f"{key}.basis_functions[2].norm_s: came -1, expected a number from 0.1 to 86400",
        f"{key}.basis_functions[3]: came 'age', which only surveys of orders can have",
        f"{key}.basis_functions[4].gap_s: came [60, 30], expected [least, most]",
        f"{key}.basis_functions[5].windows: came ['2026-11-22T03:00/tomorrow'], with 'tomorrow'",
        f"{key}.basis_functions[6]: the key 'windows' is missing",
        f"{key}.basis_functions[7].planets: came ['pluto'], expected a list of texts, each one of",
        f"{key}.basis_functions[8].type: came 7, expected one of",
        f"{key}.detailers[0].each: came 'nite' (did you mean 'night'?), expected one of visit",
        f"{key}.detailers[1].type: came 'filter_order', expected one of dither",
    ]
    assert [one for one in expected if not any(one in problem for problem in found)] == []
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("survey", "said"),
    [
        (greedy(fields="skye"), ".fields: came 'skye' (did you mean 'sky'?), expected one of sky"),
        (greedy(filters=["r"]), ".filters: came 'r' (did you mean 'R'?), expected one of U, B"),
        (greedy(basis_functions=[]), ".basis_functions: none came, expected at least one"),
        (greedy(basis_functions="airmass"), ".basis_functions: came 'airmass', expected a list"),
        (greedy(name="a b"), ".name: came 'a b', expected a name of letters"),
        (greedy(type="gredy"), ".type: came 'gredy' (did you mean 'greedy'?), expected one of"),
        (greedy(type="blob", radius_deg=True), ".radius_deg: came true, expected a number"),
        (greedy(count=1.5), ".count: came 1.5, expected a whole number from 1"),
        (greedy(type="field"), ".sequence: came nothing, expected a list of filter, exposure_s"),
        (orders_survey("o", "cadence"), "[0]: came 'cadence', which only surveys of fields"),
        (orders_survey(detailers=[]), ".detailers: unknown key"),
        (orders_survey(users="ada"), ".users: came 'ada', expected a list of texts"),
        ("greedy", ": came 'greedy', expected a survey's keys"),
    ],
)
def test_a_wrong_survey_is_refused(survey: Any, said: str) -> None:
    found = problems_of(with_surveys(survey))
    assert any(one.startswith("tiers[0].surveys[0]") and said in one for one in found), found


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"nside": 0}, "fields.sky.nside: came 0, expected a whole number from 1"),
        ({"nside": 512}, "fields.sky: more than 1,000,000 fields"),
        ({"field_of_view_deg": 0.05}, "fields.sky: more than 1,000,000 fields"),
        ({"nside": 2, "declination_deg": [89.9, 90]}, "no field between these declinations"),
        ({"nside": 2, "tessellation": "healpix"}, "came 'healpix', expected one of fibonacci"),
        ({"file": "missing.yaml"}, "fields.sky.file: missing.yaml: came a relative path"),
        ({"file": "/no/such.csv"}, "fields.sky.file: /no/such.csv: cannot be read"),
        (3, "fields.sky: came 3, expected keys with values"),
    ],
)
def test_a_wrong_set_of_fields_is_refused(entry: Any, said: str) -> None:
    assert any(said in one for one in problems_of(with_surveys(greedy(), fields={"sky": entry})))


def test_shapes_of_nothing_are_refused() -> None:
    assert problems_of(with_surveys(orders_survey(), fields=[1]))
    assert any("tiers[0]: came 3" in one for one in problems_of({"tiers": [3]}))
    assert any("tiers: came 'x'" in one for one in problems_of({"tiers": "x"}))
    assert any("surveys: came nothing" in one for one in problems_of({"tiers": [{}]}))
    twice = problems_of(with_surveys(orders_survey("a"), orders_survey("a")))
    assert any("came 'a' again, it is tiers[0].surveys[0] already" in one for one in twice)


def test_a_file_of_fields_lies_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("name,ra_deg,dec_deg\nCOSMOS,150.1,2.2\n")
    driver = FeatureScheduler(real_models())
    driver.configuration_folder = tmp_path
    deep = {
        "type": "field",
        "name": "deep",
        "fields": "list",
        "targets": ["COSMOS"],
        "sequence": [{"filter": "R", "exposure_s": 30}],
        "basis_functions": ["airmass"],
    }
    given = {"fields": {"list": {"file": "list.csv"}}, "tiers": [{"surveys": [deep]}]}
    assert driver.configure_scheduler(given).sequence_propos == ("deep",)
    deep["targets"] = ["COSMO"]
    with pytest.raises(ConfigError, match=r"did you mean 'COSMOS'\?\), expected a field of list"):
        driver.configure_scheduler(given)


def test_a_configuration_that_is_refused_changes_nothing() -> None:
    driver = FeatureScheduler(real_models())
    driver.configure_scheduler(with_surveys(greedy()))
    before = dict(vars(driver))
    with pytest.raises(ConfigError):
        driver.configure_scheduler(with_surveys(greedy(exposure_s=-1)))
    assert vars(driver) == before


@pytest.mark.parametrize("profile", ["simulators", "ctmo"])
def test_the_shipped_example_is_right(profile: str) -> None:
    assert scheduler_configuration.check("feature", profiles.load(profile)) == []


def test_every_type_is_in_the_manual_with_its_keys() -> None:
    manual = (ROOT / "docs" / "how-to" / "feature-scheduler.md").read_text("utf-8")
    kinds = {**BASIS_FUNCTIONS, **DETAILERS, "filter_order": FilterOrder, **SURVEYS}
    rows = {
        name: next((line for line in manual.splitlines() if line.startswith(f"| `{name}` |")), "")
        for name in kinds
    }
    common = {"weight", "name"}
    missing = [
        f"{name}.{key.name}"
        for name, kind in kinds.items()
        for key in fields(kind)
        if key.name not in common
        and f"`{key.name}`" not in rows[name]
        and not (name == "blob" and f"`{key.name}`" in rows["greedy"])
    ]
    assert missing == []
    assert all(rows.values())

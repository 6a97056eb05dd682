"""Observing lists: read as the Rubin Scheduler writes them, refused with file, line and key."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.lookahead import LookAhead, select_guarded, simulated
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.observing_list import ObservingList, read_list
from ctmo_indi.scheduling.sequential import SequentialParameters, SequentialScheduler
from ctmo_indi.scheduling.target import PendingOrder
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_sky import FakeSky, fake_models

TWO = """\
targets:
  - ra: 12.5
    dec: -10.25
    name: tile1
    program: BLOCK-1
    instrument_setup:
      - {exptime: 15., filter: R}
      - {exptime: 15, filter: R}
      - {exptime: 30.0, filter: V}
  - ra: 24
    dec: 41.27
    name: M 31
    program: BLOCK-2
    rot_value: 30
    rot_type: Sky
    instrument_setup:
      - exptime: 0.5
        filter: V
"""


def write(folder: Path, text: str = TWO, name: str = "list.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def order(name: str, priority: float) -> PendingOrder:
    request = ObservationRequest(name, "u", FrameType.LIGHT, 60.0, 1, 10.0, 20.0, name, "R")
    return PendingOrder(f"O-{name}", request, priority, 0.0, 1)


def conditions(*orders: PendingOrder, **changes: Any) -> Conditions:
    values: dict[str, Any] = {
        "utc": EVENING,
        "observatory": ObservatoryState.OPEN,
        "verdict": Verdict(VerdictLevel.SAFE, (), 1, "", 0.0),
        "verdict_age_s": 0.5,
        "telescope_answers": True,
        "pending": orders,
    }
    return Conditions(**(values | changes))


def configured(path: Path, sky: FakeSky | None = None, **keys: object) -> SequentialScheduler:
    driver = SequentialScheduler(fake_models(sky))
    driver.configure_scheduler({"observing_list": str(path), **keys})
    return driver


def plan(driver: SequentialScheduler, given: Conditions) -> list[str]:
    return [
        one.target.receipt or one.target.request.object_name
        for one in LookAhead(driver, driver.models).targets(given)
    ]


# -- the file ----------------------------------------------------------------------------------


def test_hours_become_degrees_and_equal_neighbours_one_target(tmp_path: Path) -> None:
    entries = read_list(write(tmp_path)).entries
    found = [
        (one.request.ra_deg, one.request.dec_deg, one.request.exposure_s, one.request.count)
        for one in entries
    ]
    assert found == [(187.5, -10.25, 15.0, 2), (187.5, -10.25, 30.0, 1), (0.0, 41.27, 0.5, 1)]
    assert [one.request.filter_name for one in entries] == ["R", "V", "V"]
    assert [one.program for one in entries] == ["BLOCK-1", "BLOCK-1", "BLOCK-2"]
    assert entries[2].rotator == "Sky 30 deg"


def test_an_entry_keeps_its_id_when_the_list_around_it_changes(tmp_path: Path) -> None:
    before = read_list(write(tmp_path)).entries
    first, second = TWO.removeprefix("targets:\n").split("  - ra: 24")
    other = first.replace("tile1", "tile2")
    text = f"targets:\n{other}  - ra: 24{second}{first}{first}"
    after = read_list(write(tmp_path, text)).entries
    ids = [one.target_id for one in after]
    assert len(set(ids)) == len(ids) == 7
    assert {one.target_id for one in before} < set(ids)


def test_a_list_comes_back_from_its_own_text(tmp_path: Path) -> None:
    found = read_list(write(tmp_path))
    assert ObservingList.of_text(found.text) == found
    assert ObservingList.of_text("") == ObservingList()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("ra: 12.5", "ra: 24.5", r"line 2, targets\[0\]\.ra: came 24\.5.*HOURS"),
        ("ra: 12.5", "ra: 12:30:00", r"line 2, targets\[0\]\.ra: came '12:30:00'"),
        ("dec: 41.27", "dec: 91", r"line 11, targets\[1\]\.dec: came 91"),
        ("    name: M 31\n", "", r"targets\[1\].*'name' is missing"),
        ("    program: BLOCK-2\n", "", r"'program' is missing"),
        ("rot_type: Sky", "rot_type: Up", r"line 15, targets\[1\]\.rot_type: came 'Up'.*SkyAuto"),
        ("rot_value", "rot", r"line 14, targets\[1\]\.rot: unknown key"),
        ("{exptime: 30.0,", "{exptime: -1,", r"line 9, .*instrument_setup\[2\]\.exptime: came -1"),
        ("exptime: 0.5", "exptime: 0", r"instrument_setup\[0\]\.exptime: came 0"),
        ("exptime: 0.5", "exptimes: 0.5", r"line 17, .*exptimes: unknown key.*'exptime'"),
        ("filter: V}", "filter: Vv}", r"line 9, .*filter: came 'Vv'.*did you mean 'V'"),
        ("targets:", "target:", r"line 1, target: unknown key.*'targets'"),
        (TWO, "{}", r"'targets' is missing"),
        (TWO, "targets: [", "not YAML"),
    ],
)  # fmt: skip
def test_a_wrong_list_is_refused_with_file_line_and_key(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    assert old in TWO
    path = write(tmp_path, TWO.replace(old, new))
    with pytest.raises(ConfigError, match=named) as caught:
        read_list(path, ("R", "V"))
    assert all(problem.startswith(str(path)) for problem in caught.value.problems)


# -- the driver --------------------------------------------------------------------------------


def test_the_list_is_observed_in_its_order_each_entry_once(tmp_path: Path) -> None:
    driver = configured(write(tmp_path))
    found = [one.target for one in LookAhead(driver, driver.models).targets(conditions())]
    assert [(one.request.object_name, one.request.filter_name, one.count) for one in found] == [
        ("tile1", "R", 2),
        ("tile1", "V", 1),
        ("M 31", "V", 1),
    ]
    assert [one.receipt for one in found] == ["", "", ""]
    assert [one.program for one in found] == ["BLOCK-1", "BLOCK-1", "BLOCK-2"]
    assert "no rotator for Sky 30 deg" in found[2].note
    assert found[0].slew_time_s == 0.0  # nobody said where the telescope is
    assert found[1].slew_time_s == 30.0
    assert found[0].airmass == 2.0


def test_a_target_out_of_reach_is_passed_over_until_it_rises(tmp_path: Path) -> None:
    sky = FakeSky(rises={"tile1": EVENING + timedelta(hours=1)})
    driver = configured(write(tmp_path), sky)
    driver.update_conditions(conditions())
    first = driver.select_next_target()
    assert first is not None
    assert first.request.object_name == "M 31"
    driver.register_observation(simulated(first, EVENING.timestamp()))
    driver.update_conditions(conditions())
    assert driver.select_next_target() is None
    assert driver.estimate_next_target().utc == EVENING + timedelta(hours=1)
    driver.update_conditions(conditions(utc=EVENING + timedelta(hours=1)))
    later = driver.select_next_target()
    assert later is not None
    assert later.request.object_name == "tile1"


def test_orders_of_larger_priority_go_before_the_list_and_all_others_after_it(
    tmp_path: Path,
) -> None:
    path = write(tmp_path)
    orders = conditions(order("high", 8.0), order("equal", 5.0), order("low", 2.0))
    expected = ["O-high", "tile1", "tile1", "M 31", "O-equal", "O-low"]
    assert plan(configured(path), orders) == expected
    last = ["O-high", "O-equal", "O-low", "tile1", "tile1", "M 31"]
    assert plan(configured(path, priority=1), orders) == last


def test_the_list_survives_a_restart_as_far_as_it_was_observed(tmp_path: Path) -> None:
    path = write(tmp_path)
    driver = configured(path)
    driver.update_conditions(conditions())
    target = select_guarded(driver, conditions())
    assert target is not None
    driver.register_observation(simulated(target, EVENING.timestamp()))
    snapshot = driver.save_state(tmp_path / "snapshot.json")

    hot = configured(path)
    hot.reset_from_state(snapshot)
    warm = configured(path)
    warm.cold_start([simulated(target, EVENING.timestamp())])
    for restarted in (driver, hot, warm):
        assert plan(restarted, conditions()) == ["tile1", "M 31"]
    assert plan(configured(path), conditions()) == ["tile1", "tile1", "M 31"]


def test_an_entry_that_failed_waits_its_pause_and_the_others_go_on(tmp_path: Path) -> None:
    driver = configured(write(tmp_path))
    driver.update_conditions(conditions())
    failed = driver.select_next_target()
    assert failed is not None
    until_s = EVENING.timestamp() + 300.0
    given = conditions(not_before_utc_s={failed.target_id: until_s})
    driver.update_conditions(given)
    other = select_guarded(driver, given)
    assert other is not None
    assert other.target_id != failed.target_id
    reasons = driver.estimate_next_target().reasons[failed.target_id]
    assert "tried again after" in reasons[0]
    later = conditions(
        utc=EVENING + timedelta(seconds=300), not_before_utc_s={failed.target_id: until_s}
    )
    driver.update_conditions(later)
    again = select_guarded(driver, later)
    assert again is not None
    assert again.target_id == failed.target_id


def test_what_was_just_registered_is_not_chosen_again(tmp_path: Path) -> None:
    driver = configured(write(tmp_path))
    driver.update_conditions(conditions())
    seen = []
    for _ in range(3):  # the conditions are still the old ones
        target = driver.select_next_target()
        assert target is not None
        driver.register_observation(simulated(target, EVENING.timestamp()))
        seen.append(target.target_id)
    assert len(set(seen)) == 3
    assert driver.select_next_target() is None


def test_load_swaps_the_list_and_keeps_what_both_share_observed(tmp_path: Path) -> None:
    driver = configured(write(tmp_path))
    driver.update_conditions(conditions())
    first = driver.select_next_target()
    assert first is not None
    driver.register_observation(simulated(first, EVENING.timestamp()))
    other = TWO.replace("M 31", "M 33")
    driver.load(write(tmp_path, other, "other.yaml"))
    second = driver.select_next_target()  # without new conditions: the new list counts at once
    assert second is not None
    assert plan(driver, conditions()) == ["tile1", "M 33"]


def test_a_loaded_list_is_part_of_the_state(tmp_path: Path) -> None:
    path = write(tmp_path)
    driver = configured(path)
    loaded = write(tmp_path, TWO.replace("M 31", "M 33"), "other.yaml")
    driver.load(loaded)
    snapshot = driver.save_state(tmp_path / "snapshot.json")
    loaded.unlink()
    restarted = configured(path)
    restarted.reset_from_state(snapshot)
    assert plan(restarted, conditions()) == ["tile1", "tile1", "M 33"]
    restarted.reset_from_state(configured(path).save_state(tmp_path / "before.json"))
    assert plan(restarted, conditions()) == ["tile1", "tile1", "M 31"]


def test_a_wrong_list_changes_nothing_when_loaded(tmp_path: Path) -> None:
    driver = configured(write(tmp_path))
    wrong = write(tmp_path, TWO.replace("dec: 41.27", "dec: 141"), "wrong.yaml")
    with pytest.raises(ConfigError, match=r"wrong\.yaml, line 11"):
        driver.load(wrong)
    assert plan(driver, conditions()) == ["tile1", "tile1", "M 31"]


def test_an_unknown_filter_is_refused_when_the_models_know_them(tmp_path: Path) -> None:
    plain = fake_models()
    driver = SequentialScheduler(Models(plain.sky, plain.observatory, filters=("R", "B")))
    with pytest.raises(ConfigError, match=r"came 'V'.*expected one of R, B"):
        driver.configure_scheduler({"observing_list": str(write(tmp_path))})


def test_a_relative_path_is_that_of_the_configurations_folder(tmp_path: Path) -> None:
    write(tmp_path)
    driver = SequentialScheduler(fake_models())
    with pytest.raises(ConfigError, match="relative"):
        driver.configure_scheduler({"observing_list": "list.yaml"})
    driver.configuration_folder = tmp_path
    topology = driver.configure_scheduler({"observing_list": "list.yaml"})
    assert topology.sequence_propos == ("work orders", "observing list")


def test_rotator_wishes_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        configured(write(tmp_path))
    assert [record.message for record in caplog.records] == [
        f"no rotator for its wishes path={tmp_path / 'list.yaml'} targets=1"
    ]


# -- the configuration -------------------------------------------------------------------------


def test_all_wrong_keys_are_named_at_once() -> None:
    driver = SequentialScheduler(fake_models())
    wrong = {"priority": 11, "night_boundry": -12, "night_boundary": True, "observing_list": 3}
    with pytest.raises(ConfigError) as caught:
        driver.configure_scheduler(wrong)
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4
    assert "night_boundry: unknown key (did you mean 'night_boundary'?)" in problems
    assert "priority: came 11, expected a number from 0 to 10" in problems
    assert driver.parameters.night_boundary is None


def test_parameters_given_to_the_driver_are_the_defaults_of_its_keys() -> None:
    given = SequentialParameters(night_boundary=-18.0, priority=7.0)
    driver = SequentialScheduler(fake_models(), parameters=given)
    driver.configure_scheduler({"priority": 2})
    assert driver.parameters == SequentialParameters(night_boundary=-18.0, priority=2.0)


def test_the_drivers_night_is_that_of_its_boundary() -> None:
    sky = FakeSky()  # half an hour darker for -18: at both ends
    driver = SequentialScheduler(fake_models(sky))
    driver.configure_scheduler({"night_boundary": -18})
    dusk = sky.evening + timedelta(minutes=10)
    driver.update_conditions(conditions(order("a", 5.0), utc=dusk))
    assert driver.select_next_target() is None
    upcoming = driver.estimate_next_target()
    assert upcoming.utc == sky.evening + timedelta(minutes=30)
    assert upcoming.until_utc == sky.morning - timedelta(minutes=30)
    assert "night_boundary -18 deg" in upcoming.reasons["O-a"][0]
    driver.update_conditions(conditions(order("a", 5.0), utc=upcoming.utc))
    assert driver.select_next_target() is not None
    # one exposure of 60 s does not end before the boundary
    late = upcoming.until_utc - timedelta(seconds=59)
    driver.update_conditions(conditions(order("a", 5.0), utc=late))
    assert driver.select_next_target() is None

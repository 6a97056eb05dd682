"""What every scheduling driver has to keep, as tests that its author inherits.

::

    class TestMyDriver(DriverConformance):
        def make_driver(self, models: Models) -> Driver:
            driver = MyDriver(models)
            driver.configure_scheduler({...})
            return driver

The tests ask the driver for targets under a sky that does as it is told. They need pytest and
hypothesis (``pip install ctmo-indi[test]``). A driver that passes can plan ahead, be restarted at
any moment and lose any observation, and decides as if it had never been asked for what failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctmo_indi.errors import ConfigError
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver, state_digest, to_text
from ctmo_indi.scheduling.lookahead import LookAhead, select_guarded
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.target import DriverTarget, NextTarget, Observation, PendingOrder
from ctmo_indi.testing.driver_world import (
    RAIN,
    SAFE,
    Story,
    after_failure,
    after_success,
    essence,
    folder_of_its_own,
    made_of,
    spoil,
    told_until,
    usual_orders,
    usual_sky,
)
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_sky import FakeSky, fake_models

MOST_TARGETS_OF_A_NIGHT = 5_000
EVENTS = ("success", "success", "failure", "weather", "look ahead", "hot restart", "restart")

_settings = settings(
    max_examples=40,
    deadline=None,
    # The same property is run for every driver that inherits it.
    suppress_health_check=[HealthCheck.differing_executors],
)


class DriverConformance:
    """Inherit, and say how the driver is made.

    Attributes
    ----------
    rebuilds_from_observations
        Whether a new driver that is told all observations is as good as one that made them. False
        for a driver that refuses a warm start.
    """

    rebuilds_from_observations = True

    # -- what the author says ----------------------------------------------------------------------

    def make_driver(self, models: Models) -> Driver:
        """Return a new driver, configured; the same every time."""
        raise NotImplementedError

    def make_orders(self) -> tuple[PendingOrder, ...]:
        """Return orders that wait; names in :meth:`make_sky` rise late or never."""
        return usual_orders()

    def make_sky(self) -> FakeSky:
        """Return the sky the orders are under."""
        return usual_sky()

    def make_file(self, _folder: Path) -> Path | None:
        """Write a file that ``load`` takes and return it; None for a driver that takes none."""
        return None

    # -- choosing ----------------------------------------------------------------------------------

    def test_it_has_a_name(self) -> None:
        """Snapshots and the configuration call it by its name."""
        assert isinstance(type(self.make_driver(fake_models())).name, str)
        assert type(self.make_driver(fake_models())).name

    def test_a_wrong_configuration_is_refused(self) -> None:
        """An unknown key is a ConfigError: a misspelt one must not be passed over."""
        with pytest.raises(ConfigError):
            self._driver().configure_scheduler({"no such key of any driver": 1})

    def test_choosing_changes_nothing(self) -> None:
        """Neither what get_state says, nor any attribute; asked twice, it answers the same."""
        driver = self._driver()
        for utc in self._instants():
            driver.update_conditions(self._conditions(utc=utc))
            digest, attributes = state_digest(driver), dict(vars(driver))
            first, second = driver.select_next_target(), driver.select_next_target()
            assert first == second, "asked twice, it answers differently"
            assert state_digest(driver) == digest, "select_next_target has changed the state"
            assert vars(driver) == attributes, "select_next_target has changed an attribute"

    def test_every_target_can_be_observed(self) -> None:
        """Whatever is chosen is up, allowed and waits; None is an answer as well."""
        driver = self._driver()
        for utc in self._instants():
            for observatory in (ObservatoryState.OPEN, ObservatoryState.CLOSED):
                given = self._conditions(utc=utc, observatory=observatory)
                driver.update_conditions(given)
                target = select_guarded(driver, given, is_strict=True)
                assert target is None or isinstance(target, DriverTarget)

    @pytest.mark.parametrize(
        "changes",
        [
            {"verdict": None},
            {"verdict": RAIN},
            {"verdict_age_s": 60.0},
            {"telescope_answers": False},
            {"observatory": ObservatoryState.UNKNOWN},
            {"utc": EVENING + timedelta(hours=15)},
        ],
        ids=["no verdict", "rain", "old verdict", "silent telescope", "unknown", "day"],
    )
    def test_without_a_safe_sky_there_is_no_target(self, changes: dict[str, object]) -> None:
        """None is normal: no exception, and nothing of the sky."""
        driver = self._driver()
        driver.update_conditions(self._conditions(**changes))
        assert driver.select_next_target() is None

    def test_a_failed_target_waits_its_pause(self) -> None:
        """What the scheduler says is not to be tried before an instant is not tried before."""
        driver = self._driver()
        given = self._conditions()
        driver.update_conditions(given)
        failed = select_guarded(driver, given, is_strict=True)
        if failed is None:
            return
        given = after_failure(self._conditions(), failed)
        driver.update_conditions(given)
        other = select_guarded(driver, given, is_strict=True)
        assert other is None or other.target_id != failed.target_id

    def test_the_order_of_the_pending_orders_does_not_matter(self) -> None:
        """They come in no particular order; two drivers told the same choose the same."""
        straight, turned = self._driver(), self._driver()
        for utc in self._instants():
            given = self._conditions(utc=utc)
            straight.update_conditions(given)
            turned.update_conditions(replace(given, pending=given.pending[::-1]))
            assert essence(straight.select_next_target()) == essence(turned.select_next_target())

    def test_the_estimate_changes_nothing_and_lies_ahead(self) -> None:
        """It is asked again and again while there is no target."""
        driver = self._driver()
        for utc in self._instants():
            driver.update_conditions(self._conditions(utc=utc))
            digest, attributes = state_digest(driver), dict(vars(driver))
            upcoming = driver.estimate_next_target()
            assert isinstance(upcoming, NextTarget)
            assert upcoming.utc is None or upcoming.utc >= utc
            assert state_digest(driver) == digest
            assert vars(driver) == attributes

    def test_a_night_comes_to_its_end(self) -> None:
        """Looking ahead until dawn gives a number of targets, each observable in its turn."""
        models = fake_models(self.make_sky())
        driver = self.make_driver(models)
        given = self._conditions(observatory=ObservatoryState.CLOSED)
        morning = models.sky.night(given.utc).morning
        count = 0
        for _ in LookAhead(driver, models).targets(given, until=morning):
            count += 1
            assert count <= MOST_TARGETS_OF_A_NIGHT

    # -- registering -------------------------------------------------------------------------------

    def test_the_bases_bookkeeping_goes_on(self) -> None:
        """An extended method calls the one of Driver."""
        driver = self._driver()
        driver.update_conditions(self._conditions())
        assert driver.conditions == self._conditions()
        assert driver.night_count == 1
        driver.register_observation(made_of(self._any_target(), 7))
        assert driver.observation_number == 7
        driver.register_observation(made_of(self._any_target(), 0))  # simulated
        assert driver.observation_number == 7
        assert {"night_count", "night_label", "observation_number"} <= set(driver.get_state())

    def test_telling_all_at_a_start_is_telling_one_by_one(self) -> None:
        """A warm start registers what was observed, and asks for nothing."""
        if not self.rebuilds_from_observations:
            return
        story = self._told_story()
        live, warm = self._driver(), self._driver()
        story.tell(live)
        warm.cold_start([one for one in story.told if isinstance(one, Observation)])
        for driver in (live, warm):
            driver.update_conditions(story.now)
        assert essence(live.select_next_target()) == essence(warm.select_next_target())

    def test_an_observation_database_is_read_or_refused(self) -> None:
        """Refusing is a ConfigError; it stops the start and tells the operator."""
        with folder_of_its_own() as folder, pytest.raises(ConfigError):
            self._driver().parse_observation_database(folder / "missing.db")

    # -- state and snapshots -----------------------------------------------------------------------

    def test_the_state_is_json_and_comes_back(self) -> None:
        """No NaN, no sets, no tuples that come back as lists and are something else."""
        driver = self._remembering()
        text = to_text(driver.get_state())
        other = self._driver()
        other.set_state(json.loads(text))
        assert to_text(other.get_state()) == text

    def test_a_state_once_given_does_not_change(self) -> None:
        """It is a copy: what the driver learns later is not in it."""
        driver = self._driver()
        driver.update_conditions(self._conditions())
        state = driver.get_state()
        before = to_text(state)
        driver.register_observation(made_of(self._any_target(), 1))
        driver.register_observation(made_of(self._any_target(), 2))
        assert to_text(state) == before

    def test_a_snapshot_brings_the_next_decision_back(self) -> None:
        """In the same driver, and in a new one."""
        story = self._told_story()
        driver, new = self._driver(), self._driver()
        story.tell(driver)
        driver.update_conditions(story.now)
        expected, digest = essence(driver.select_next_target()), state_digest(driver)
        with folder_of_its_own() as folder:
            snapshot = driver.save_state(folder / "snapshot.json")
            list(LookAhead(driver, driver.models).targets(story.now, n_targets=4))
            for one in (driver, new):
                one.reset_from_state(snapshot)
                assert state_digest(one) == digest
                one.update_conditions(story.now)
                assert essence(one.select_next_target()) == expected

    @pytest.mark.parametrize(
        "fault", ["missing", "cut", "altered", "driver", "version", "no state", "empty state"]
    )
    def test_a_bad_snapshot_is_refused_and_changes_nothing(self, fault: str) -> None:
        """ConfigError, and everything is as before."""
        driver = self._remembering()
        other = self._driver()
        with folder_of_its_own() as folder:
            snapshot = driver.save_state(folder / "snapshot.json")
            spoil(snapshot, fault)
            other.update_conditions(self._conditions())
            digest, chosen = state_digest(other), essence(other.select_next_target())
            with pytest.raises(ConfigError):
                other.reset_from_state(snapshot)
        assert state_digest(other) == digest
        assert essence(other.select_next_target()) == chosen

    @pytest.mark.parametrize("text", ["", "[", "- 1", "\0", "no such key of any driver: 1"])
    def test_a_wrong_file_to_load_changes_nothing(self, text: str) -> None:
        """``load`` checks the whole file before it takes any of it, or takes none at all."""
        driver = self._remembering()
        driver.update_conditions(self._conditions())
        digest, chosen = state_digest(driver), essence(driver.select_next_target())
        with folder_of_its_own() as folder:
            path = folder / "wrong.yaml"
            path.write_text(text)
            with pytest.raises(ConfigError):
                driver.load(path)
        assert state_digest(driver) == digest
        assert essence(driver.select_next_target()) == chosen

    def test_what_was_loaded_is_part_of_the_state(self) -> None:
        """A restart does not lose it, even when the file is gone."""
        driver, new = self._driver(), self._driver()
        with folder_of_its_own() as folder:
            path = self.make_file(folder)
            if path is None:
                return
            driver.load(path)
            path.unlink()
            new.reset_from_state(driver.save_state(folder / "snapshot.json"))
        plans = [
            [
                essence(one.target)
                for one in LookAhead(each, each.models).targets(given, n_targets=9)
            ]
            for each in (driver, new)
            for given in [self._conditions()]
        ]
        assert plans[0] == plans[1]

    # -- as if never asked -------------------------------------------------------------------------

    @_settings
    @given(events=st.lists(st.sampled_from(EVENTS), max_size=14))
    def test_what_failed_was_never_asked_for(self, events: list[str]) -> None:
        """After any successes, failures, weather and restarts, the next decision is the same.

        The same as that of a driver that was told the same conditions and observations and has
        never been asked for a target.
        """
        story = Story(self._conditions())
        driver = self._driver()
        with folder_of_its_own() as folder:
            for number, event in enumerate([*events, "end"]):
                driver = self._happen(event, driver, story, folder / f"{number}.json")

    def _happen(self, event: str, driver: Driver, story: Story, file: Path) -> Driver:
        """Let one thing happen; return the driver that goes on."""
        if event == "weather":
            story.told.append(replace(story.now, verdict=RAIN))
            driver.update_conditions(replace(story.now, verdict=RAIN))
            assert driver.select_next_target() is None
            story.now = replace(story.now, utc=story.now.utc + timedelta(minutes=20))
        elif event == "look ahead":
            driver.update_conditions(story.now)
            driver.save_state(file)
            list(LookAhead(driver, driver.models).targets(story.now, n_targets=3))
            driver.reset_from_state(file)
        elif event == "hot restart":
            driver = self._restarted(driver.save_state(file), [])
        elif event == "restart":
            driver = self._killed(story, file)
        story.told.append(story.now)
        driver.update_conditions(story.now)
        never_asked = self._driver()
        story.tell(never_asked)
        target = select_guarded(driver, story.now, is_strict=True)
        assert essence(target) == essence(never_asked.select_next_target())
        if target is not None and event == "success":
            story.observed += 1
            made = made_of(target, story.observed, story.now.utc)
            driver.register_observation(made)
            story.told.append(made)
            story.now = after_success(story.now, target)
        elif target is not None and event == "failure":
            story.now = after_failure(story.now, target)
        return driver

    def _killed(self, story: Story, file: Path) -> Driver:
        """Return a new driver from an older snapshot and the observations after it."""
        made = [one for one in story.told if isinstance(one, Observation)]
        older = self._driver()
        known = len(made) // 2 if self.rebuilds_from_observations else len(made)
        part = replace(story, told=told_until(story.told, known))
        part.tell(older)
        return self._restarted(older.save_state(file), made[known:])

    def _restarted(self, snapshot: Path, later: Sequence[Observation]) -> Driver:
        driver = self._driver()
        driver.reset_from_state(snapshot)
        for observation in later:
            driver.register_observation(observation)
        return driver

    # -- the world ---------------------------------------------------------------------------------

    def _driver(self) -> Driver:
        return self.make_driver(fake_models(self.make_sky()))

    def _conditions(self, **changes: object) -> Conditions:
        given = Conditions(
            utc=EVENING,
            observatory=ObservatoryState.OPEN,
            verdict=SAFE,
            verdict_age_s=0.5,
            telescope_answers=True,
            pending=self.make_orders(),
        )
        return replace(given, **changes)  # type: ignore[arg-type]  # the tests' own names

    def _instants(self) -> Iterator[datetime]:
        """Before, in and after the night."""
        night = self.make_sky().night(EVENING)
        for part in (-0.1, 0.0, 0.1, 0.3, 0.6, 0.999, 1.1):
            yield night.evening + part * (night.morning - night.evening)

    def _remembering(self) -> Driver:
        """Return a driver that has something to remember."""
        driver = self._driver()
        self._told_story().tell(driver)
        return driver

    def _told_story(self) -> Story:
        """Return a story with some observations of targets the driver would choose."""
        driver = self._driver()
        story = Story(self._conditions())
        for number in range(1, 4):
            story.told.append(story.now)
            driver.update_conditions(story.now)
            target = driver.select_next_target()
            if target is None:
                break
            made = made_of(target, number, story.now.utc)
            driver.register_observation(made)
            story.told.append(made)
            story.now = after_success(story.now, target)
        return story

    def _any_target(self) -> DriverTarget:
        """Return the driver's first target; of an order when it has none."""
        driver = self._driver()
        driver.update_conditions(self._conditions())
        return driver.select_next_target() or DriverTarget.of_order(
            self.make_orders()[0], EVENING, 70.0
        )

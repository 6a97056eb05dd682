"""Our drivers keep the contract; and drivers that break it do not pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import DriverTarget, Observation, PendingOrder, SurveyTopology
from ctmo_indi.testing.driver_conformance import DriverConformance
from ctmo_indi.testing.plain_sequential import PlainSequential

LIST = Path(__file__).with_name("observing_list.yaml")


class TestSequentialWithOrders(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        driver = SequentialScheduler(models)
        driver.configure_scheduler({})
        return driver


class TestSequentialWithAList(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        driver = SequentialScheduler(models)
        driver.configure_scheduler({"observing_list": str(LIST)})
        return driver

    def make_orders(self) -> tuple[PendingOrder, ...]:
        return ()


class TestSequentialWithOrdersAndAList(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        driver = SequentialScheduler(models)
        driver.configure_scheduler(
            {"observing_list": str(LIST), "priority": 5, "night_boundary": -15}
        )
        return driver


class TestSequentialWithALoadedList(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        driver = SequentialScheduler(models)
        driver.configure_scheduler({})
        driver.load(LIST)
        return driver

    def make_file(self, folder: Path) -> Path:
        path = folder / "list.yaml"
        path.write_text(LIST.read_text().replace("neighbour", "another"))
        return path


class TestPlainSequential(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        driver = PlainSequential(models)
        driver.configure_scheduler({"observing_list": str(LIST)})
        return driver


# -- drivers that break one promise each -------------------------------------------------------


class Rotating(Driver):
    """Takes one frame of each order in turn, by name; keeps all promises."""

    name: ClassVar[str] = "rotating"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.last = ""
        self.asked = 0

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        if configuration:
            raise ConfigError(f"rotating: unknown keys {sorted(configuration)}")
        return SurveyTopology(self.name)

    def select_next_target(self) -> DriverTarget | None:
        now = self.conditions
        assert now is not None
        if now.sky_forbidden:
            return None
        up = [
            order
            for order in now.pending
            if order.request.frame_type.needs_sky
            and order.not_before_utc_s <= now.utc.timestamp()
            and not self.models.sky.obstacles(order.request, now.utc)
        ]
        up.sort(key=lambda order: (order.request.object_name <= self.last, order.receipt))
        if not up:
            return None
        return replace(DriverTarget.of_order(up[0], now.utc, 70.0), count=1)

    def register_observation(self, observation: Observation) -> None:
        super().register_observation(observation)
        self.last = observation.target_name

    def get_state(self) -> dict[str, object]:
        return {**super().get_state(), "last": self.last}

    def set_state(self, state: Mapping[str, object]) -> None:
        last = str(state["last"])
        super().set_state(state)
        self.last = last


class CountsQuestions(Rotating):
    def select_next_target(self) -> DriverTarget | None:
        self.asked += 1
        return super().select_next_target()


class TakesChosenForObserved(Rotating):
    def select_next_target(self) -> DriverTarget | None:
        target = super().select_next_target()
        if target is not None:
            self.last = target.request.object_name
        return target


class ForgetsInSnapshots(Rotating):
    def get_state(self) -> dict[str, object]:
        return super().get_state() | {"last": ""}


class IgnoresTheVerdict(Rotating):
    def update_conditions(self, conditions: Conditions) -> None:
        super().update_conditions(conditions)
        assert self.conditions is not None
        self.conditions = replace(conditions, verdict_age_s=0.0)


class IgnoresPauses(Rotating):
    def update_conditions(self, conditions: Conditions) -> None:
        eager = tuple(replace(order, not_before_utc_s=0.0) for order in conditions.pending)
        super().update_conditions(replace(conditions, pending=eager))


class ForgetsTheBase(Rotating):
    def register_observation(self, observation: Observation) -> None:
        self.last = observation.target_name


class TakesOrdersAsTheyCome(Rotating):
    def select_next_target(self) -> DriverTarget | None:
        assert self.conditions is not None
        if self.conditions.sky_forbidden:
            return None
        for order in self.conditions.pending:
            against = self.models.sky.obstacles(order.request, self.conditions.utc)
            if order.request.frame_type.needs_sky and not against:
                return DriverTarget.of_order(order, self.conditions.utc, 70.0)
        return None


class HalfSet(Rotating):
    def set_state(self, state: Mapping[str, object]) -> None:
        Driver.set_state(self, {**Driver.get_state(self), **state})
        self.last = str(state.get("last", "nobody"))


class SharesItsState(Rotating):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.history: list[str] = []

    def register_observation(self, observation: Observation) -> None:
        super().register_observation(observation)
        self.history.append(observation.target_name)

    def get_state(self) -> dict[str, object]:
        return {**super().get_state(), "history": self.history}


class LoadsAnything(Rotating):
    def load(self, path: Path) -> None:
        self.last = path.read_text()


class ForgetsWhatWasLoaded(Rotating):
    def load(self, path: Path) -> None:
        self.wanted = path.read_text()

    def select_next_target(self) -> DriverTarget | None:
        target = super().select_next_target()
        return (
            replace(target, target_id=self.wanted) if target and hasattr(self, "wanted") else target
        )


class PassesOverKeys(Rotating):
    def configure_scheduler(self, _configuration: Mapping[str, object]) -> SurveyTopology:
        return SurveyTopology(self.name)


def conformance_of(kind: type[Driver]) -> DriverConformance:
    class Conformance(DriverConformance):
        def make_driver(self, models: Models) -> Driver:
            return kind(models)

        def make_file(self, folder: Path) -> Path:
            (folder / "file").write_text("target")
            return folder / "file"

    return Conformance()


class TestRotating(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        return Rotating(models)


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (CountsQuestions, lambda tests: tests.test_choosing_changes_nothing()),
        (TakesChosenForObserved, lambda tests: tests.test_what_failed_was_never_asked_for()),
        (ForgetsInSnapshots, lambda tests: tests.test_a_snapshot_brings_the_next_decision_back()),
        (ForgetsInSnapshots, lambda tests: tests.test_what_failed_was_never_asked_for()),
        (
            IgnoresTheVerdict,
            lambda tests: tests.test_without_a_safe_sky_there_is_no_target({"verdict_age_s": 60.0}),
        ),
        (IgnoresPauses, lambda tests: tests.test_a_failed_target_waits_its_pause()),
        (ForgetsTheBase, lambda tests: tests.test_the_bases_bookkeeping_goes_on()),
        (
            TakesOrdersAsTheyCome,
            lambda tests: tests.test_the_order_of_the_pending_orders_does_not_matter(),
        ),
        (
            HalfSet,
            lambda tests: tests.test_a_bad_snapshot_is_refused_and_changes_nothing("empty state"),
        ),
        (SharesItsState, lambda tests: tests.test_a_state_once_given_does_not_change()),
        (LoadsAnything, lambda tests: tests.test_a_wrong_file_to_load_changes_nothing("[")),
        (
            ForgetsWhatWasLoaded,
            lambda tests: tests.test_what_was_loaded_is_part_of_the_state(),
        ),
        (PassesOverKeys, lambda tests: tests.test_a_wrong_configuration_is_refused()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_driver_that_breaks_a_promise_does_not_pass(
    kind: type[Driver], broken: Callable[[DriverConformance], None]
) -> None:
    with pytest.raises((Exception, pytest.fail.Exception)):
        broken(conformance_of(kind))

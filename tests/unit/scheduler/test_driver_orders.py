"""Orders made for a driver's own targets keep the contract; registration is in order, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctmo_indi.models.observation import Observation
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.modes.driver_calls import RegistrationError
from ctmo_indi.scheduler.modes.registration import Registrar, register
from ctmo_indi.scheduler.orders.internal_orders import internal_order, is_internal
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.testing.fake_clock import EVENING, FakeClock
from ctmo_indi.testing.fake_sky import fake_models
from ctmo_indi.work_orders.contract import Contract

from .mode_rig import FieldsDriver, field_request

REQUEST = ObservationRequest(
    "M 31-7",
    "driver:fields",
    FrameType.LIGHT,
    30.0,
    3,
    ra_deg=10.68,
    dec_deg=41.27,
    object_name="M 31",
    filter_name="V",
    binning=2,
    windows=(Window(EVENING.timestamp(), EVENING.timestamp() + 3600.5),),
    constraints=Constraints(max_airmass=1.8, min_moon_separation_deg=30.0),
    job_type="Research",
    object_type="Galaxy",
    output="Calibrated",
)


def target(request: ObservationRequest, target_id: str = "M 31-7") -> DriverTarget:
    return DriverTarget(request, EVENING, 120.0, count=request.count, target_id=target_id)


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        replace(REQUEST, windows=(), constraints=Constraints(), binning=1, output="Raw"),
        ObservationRequest("M 31-7", "driver:fields", FrameType.BIAS, 0.0, 5),
        ObservationRequest("M 31-7", "driver:fields", FrameType.FLAT, 2.0, 5, filter_name="V"),
    ],
)
def test_the_order_says_what_the_target_asks_for(
    profile: Profile, request_: ObservationRequest
) -> None:
    row = internal_order(target(request_), "fields", EVENING)
    read = Contract.load(profile, FakeClock()).check(row.wire).request
    assert isinstance(read, ObservationRequest)
    assert replace(read, telescope_name="") == request_
    assert (row.user, row.order_id, row.wanted_count) == ("driver:fields", "M 31-7", request_.count)


def test_it_is_told_from_an_order_of_somebody_who_calls_himself_a_driver(profile: Profile) -> None:
    row = internal_order(target(REQUEST), "fields", EVENING)
    assert is_internal(row)
    checked = Contract.load(profile, FakeClock()).check(row.wire)
    assert not is_internal(replace(row, content_hash=checked.content_hash))


def test_a_target_without_a_name_has_its_receipt() -> None:
    row = internal_order(target(REQUEST, ""), "fields", EVENING)
    assert row.order_id == row.receipt


class Calls:
    """Runs jobs at once."""

    def __init__(self, driver: FieldsDriver) -> None:
        self.driver = driver

    def ask(self, job: object, then: object) -> None:
        then(job())  # type: ignore[operator]  # both are callables


def made(number: int) -> Observation:
    name = f"field-{number}"
    return Observation(
        f"A-{number}", "", name, 1.0, 2.0, 0.0, 30.0, 1, target_id=name, number=number
    )


def test_registration_fills_gaps_and_repeats_nothing() -> None:
    driver = FieldsDriver(fake_models())
    stored = [made(number) for number in range(1, 8)]
    registrar = Registrar(
        Calls(driver),  # type: ignore[arg-type]  # what it needs of it
        lambda number: [one for one in stored if one.number > number],
        2,
    )
    registrar.register(stored[2])
    assert driver.registered == ["A-3"]
    registrar.register(stored[2])
    registrar.register(stored[1])  # known since the start
    assert driver.registered == ["A-3"]
    registrar.register(stored[5])  # 4 and 5 were settled while there was no driver
    assert driver.registered == ["A-3", "A-4", "A-5", "A-6", "A-7"]
    registrar.register(stored[6])
    assert driver.registered[-1:] == ["A-7"]
    assert driver.observation_number == 7


class Forgetful(FieldsDriver):
    def register_observation(self, observation: Observation) -> None:
        self.memory += observation.target_id


def test_a_driver_that_does_not_call_its_base_is_told() -> None:
    with pytest.raises(RegistrationError, match="has to call the one of Driver"):
        register(Forgetful(fake_models()), made(1))


def test_field_requests_of_the_tests_keep_the_contract(profile: Profile) -> None:
    row = internal_order(target(field_request("field-1")), "fields", EVENING)
    assert Contract.load(profile, FakeClock()).check(row.wire).kind.value == "Observation"

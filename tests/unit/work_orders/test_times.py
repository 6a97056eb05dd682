"""When an order wants its exposures: a fixed start, a cadence, its own limits; groups."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.errors import BadOrder
from ctmo_indi.models.orders import (
    MOST_CYCLES,
    Cadence,
    Constraints,
    ObservationRequest,
    Window,
)
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.instants import read_instant

PROFILE = small_profile()
LIGHT: dict[str, Any] = {
    "WOType": "Observation", "ID": "1", "User": "Ada", "RA": 23.1, "Dec": 13.2, "Filter": "I",
    "Exposure Time": 30.0, "Number of Exposures": 4,
}  # fmt: skip
START_S = 1795316400.0  # 2026-11-22T03:00:00Z


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.load(PROFILE, FakeClock())


def read(contract: Contract, **keys: object) -> ObservationRequest:
    request = contract.check(LIGHT | {key.replace("_", " "): v for key, v in keys.items()}).request
    assert isinstance(request, ObservationRequest)
    return request


def problems(contract: Contract, **keys: object) -> dict[str, str]:
    with pytest.raises(BadOrder) as refused:
        read(contract, **keys)
    return dict(line.split(": ", 1) for line in refused.value.problems)


def test_without_these_keys_nothing_is_new(contract: Contract) -> None:
    request = read(contract)
    assert (request.cadence, request.latest_start_utc_s, request.group) == (None, None, "")
    assert request.visits == 1


def test_a_fixed_start_is_a_window_and_a_latest_begin(contract: Contract) -> None:
    request = read(contract, Start="2026-11-22T03:00:00Z", Start_Tolerance=20.0)
    length_s = 4 * (30.0 + PROFILE.kinematics.readout_s)
    assert request.windows == (Window(START_S - 20.0, START_S + 20.0 + length_s),)
    assert request.latest_start_utc_s == START_S + 20.0


def test_a_fixed_start_has_a_minute_unless_it_says_otherwise(contract: Contract) -> None:
    assert read(contract, Start="2026-11-22T03:00:00").latest_start_utc_s == START_S + 60.0


def test_a_fixed_start_excludes_other_times(contract: Contract) -> None:
    windows = [{"Start": "2026-11-21T01:00:00", "End": "2026-11-21T03:00:00"}]
    cadence = {"Period": 3600.0, "Visits": 2}
    said = problems(contract, Start="2026-11-22T03:00:00", Windows=windows, Cadence=cadence)
    assert set(said) == {"Windows", "Cadence"}
    assert "time-critical" in said["Windows"]
    assert set(problems(contract, Start_Tolerance=5.0)) == {"Start"}
    assert set(problems(contract, Start="soon")) == {"Start"}


def test_a_cadence(contract: Contract) -> None:
    request = read(contract, Cadence={"Period": 86400, "Tolerance": 3600, "Visits": 30})
    assert request.cadence == Cadence(86400.0, 3600.0, 30)
    assert request.visits == 30
    assert request.cadence.due_utc_s(START_S) == START_S + 82800.0
    request = read(contract, Cadence={"Period": 600, "Visits": 3})
    assert request.cadence == Cadence(600.0, 60.0, 3)


EPOCH = "2026-11-22T03:00:00Z"
VISIT_S = 4 * (30.0 + PROFILE.kinematics.readout_s)


def test_a_cadence_in_phase_is_windows_of_a_year(contract: Contract) -> None:
    cadence = {"Period": 172800, "Tolerance": 600, "Visits": 3, "Epoch": EPOCH}
    request = read(contract, Cadence=cadence)
    assert request.cadence == Cadence(172800.0, 600.0, 3, START_S)
    assert len(request.windows) == 184
    for number, window in enumerate(request.windows):
        cycle_s = START_S + number * 172800.0
        assert window == Window(cycle_s - 600.0, cycle_s + 600.0 + VISIT_S)
    assert len(read(contract, Cadence=cadence | {"Period": 7200}).windows) == 400
    # The next visit is that of the next cycle, however early or late the last one was.
    for late_s in (-600.0, 0.0, 600.0):
        due_s = request.cadence.due_utc_s(START_S + late_s)
        assert due_s == START_S + 172800.0 - 600.0


def test_a_cadence_in_phase_keeps_to_the_windows_of_the_order(contract: Contract) -> None:
    cadence = {"Period": 7200, "Tolerance": 600, "Visits": 2, "Epoch": EPOCH}
    windows = [
        {"Start": "2026-11-23T02:55:00Z", "End": "2026-11-23T05:30:00Z"},
        {"Start": "2026-11-24T01:00:00Z", "End": "2026-11-24T01:01:00Z"},
    ]
    request = read(contract, Cadence=cadence, Windows=windows)
    first_s = START_S + 86400.0
    assert request.windows == (
        Window(first_s - 300.0, first_s + 600.0 + VISIT_S),
        Window(first_s + 6600.0, first_s + 7800.0 + VISIT_S),
    )
    said = problems(contract, Cadence=cadence, Windows=windows[1:])
    assert set(said) == {"Cadence.Epoch"}


@pytest.mark.parametrize(
    ("cadence", "keys"),
    [
        ({"Period": 600.0, "Visits": 3, "Epoch": "soon"}, {"Cadence.Epoch"}),
        ({"Period": 600.0, "Tolerance": 300.0, "Visits": 3, "Epoch": EPOCH}, {"Cadence.Tolerance"}),
        ({}, {"Cadence.Period", "Cadence.Visits"}),
        ({"Period": 1.0, "Visits": 0}, {"Cadence.Period", "Cadence.Visits"}),
        ({"Period": 600.0, "Tolerance": 600.0, "Visits": 3}, {"Cadence.Tolerance"}),
        ({"Period": 600.0, "Visits": 3, "Jitter": 1.0}, {"Cadence.Jitter"}),
        ("1 d", {"Cadence"}),
    ],
)
def test_a_wrong_cadence_is_named(contract: Contract, cadence: object, keys: set[str]) -> None:
    assert set(problems(contract, Cadence=cadence)) == keys


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:00:00-12:00",
        "9999-12-31T23:59:59.999999Z",  # rounded, in a float
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_an_instant_outside_the_calendar_in_utc_is_refused(contract: Contract, text: str) -> None:
    windows = [{"Start": "2026-11-21T01:00:00", "End": text}]
    said = problems(contract, Windows=windows)
    assert said["Windows[0].End"] == (
        f"came {text!r}, expected an instant of the years 1 to 9999 in UTC"
    )
    cadence = {"Period": 600.0, "Visits": 1, "Epoch": text}
    assert set(problems(contract, Cadence=cadence)) == {"Cadence.Epoch"}
    assert set(problems(contract, Start=text)) == {"Start"}
    lock = {"WOType": "Control", "User": "Ada", "Command": "lock", "Expires": text}
    with pytest.raises(BadOrder, match=r"Expires: came .*, expected an instant of the years"):
        contract.check(lock)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59"]
)
def test_the_first_and_last_instants_of_the_calendar_are_taken(text: str) -> None:
    assert datetime.fromtimestamp(read_instant(text), UTC).isoformat()[:19] == text[:19]


def test_a_window_may_be_open_until_the_last_year(contract: Contract) -> None:
    windows = [{"Start": "2026-11-21T01:00:00", "End": "9999-12-31T23:59:59Z"}]
    assert read(contract, Windows=windows).windows[0].end_utc_s == 253402300799.0
    cadence = {"Period": 7200, "Tolerance": 600, "Visits": 2, "Epoch": EPOCH}
    assert len(read(contract, Windows=windows, Cadence=cadence).windows) == 400


def test_visits_that_end_outside_the_calendar_are_refused(contract: Contract) -> None:
    start = "9999-12-31T23:59:30Z"
    assert problems(contract, Start=start) == {
        "Start": f"came {start!r}, expected visits that end before the year 10000"
    }
    cadence = {"Period": 864000, "Visits": 2, "Epoch": "9999-06-01T00:00:00Z"}
    said = problems(contract, Cadence=cadence)
    assert set(said) == {"Cadence.Epoch"}
    assert said["Cadence.Epoch"].endswith("expected visits that end before the year 10000")
    within = [{"Start": "9999-06-01T00:00:00Z", "End": "9999-12-31T23:59:59Z"}]
    assert read(contract, Cadence=cadence, Windows=within).windows[-1].end_utc_s < 253402300800.0


@pytest.mark.parametrize("readout_s", [0.0, 0.1, 0.2, 1.7])
@pytest.mark.parametrize("tolerance_s", [0, 0.3])
def test_a_cadence_to_the_instant_has_room_for_its_visits(
    readout_s: float, tolerance_s: float
) -> None:
    """Unix seconds are rounded: a visit's end less its begin may lack a bit of its length."""
    kinematics = replace(PROFILE.kinematics, readout_s=readout_s)
    contract = Contract.load(replace(PROFILE, kinematics=kinematics), FakeClock())
    cadence = {"Period": 3600, "Tolerance": tolerance_s, "Visits": 3}
    for minute in range(0, 60, 5):
        epoch = f"2026-11-24T00:{minute:02d}:00.7Z"
        keys = {"Exposure_Time": 30.1, "Number_of_Exposures": 3, "Cadence": cadence}
        request = read(contract, **keys | {"Cadence": cadence | {"Epoch": epoch}})
        assert len(request.windows) == 400
        lasts_s = 3 * (30.1 + readout_s) + 2 * tolerance_s
        for number, window in enumerate(request.windows):
            begin_s = read_instant(epoch) - tolerance_s + 3600 * number
            assert window.start_utc_s == pytest.approx(begin_s, abs=1e-3)
            assert window.end_utc_s - window.start_utc_s == pytest.approx(lasts_s, abs=1e-3)


@given(
    period_s=st.floats(60.0, 90000.0),
    tolerance=st.one_of(st.just(0.0), st.floats(0.0, 0.499)),
    length_s=st.floats(1.0, 90000.0),
    begins_s=st.floats(-90000.0, 90000.0),
    lasts_s=st.floats(1.0, 90000.0),
)
def test_the_cycles_in_a_window_are_those_that_a_search_finds(
    period_s: float, tolerance: float, length_s: float, begins_s: float, lasts_s: float
) -> None:
    tolerance_s = tolerance * period_s
    window = Window(START_S + begins_s, START_S + begins_s + lasts_s)
    found = Cadence(period_s, tolerance_s, 2, START_S).windows(length_s, [window])
    rooms_s = []
    for cycle in range(3200):
        begin_s = START_S - tolerance_s + cycle * period_s
        end_s = min(begin_s + 2.0 * tolerance_s + length_s, window.end_utc_s)
        rooms_s.append(end_s - max(begin_s, window.start_utc_s))
    surely = sum(room_s >= length_s + 0.01 for room_s in rooms_s)
    perhaps = sum(room_s >= length_s - 0.01 for room_s in rooms_s)
    assert min(surely, MOST_CYCLES) <= len(found) <= perhaps
    for one in found:
        assert window.start_utc_s <= one.start_utc_s < one.end_utc_s <= window.end_utc_s
        assert one.end_utc_s - one.start_utc_s >= length_s - 0.01
        late_s = (one.start_utc_s - START_S + tolerance_s) % period_s
        assert late_s <= 2.0 * tolerance_s + 0.01 or period_s - late_s < 0.01


class CountedPeriod(float):
    """A period that counts for how many cycles it is asked."""

    asked = 0

    def __rmul__(self, cycle: float) -> float:
        self.asked += 1
        assert self.asked < 10_000
        return cycle * float(self)


def test_windows_of_decades_cost_no_more_cycles_than_are_found() -> None:
    """A visit that is a bit longer than its time in each cycle was looked for a billion times."""
    windows = [
        Window(START_S + year * 31557600.0, START_S + (year + 0.9) * 31557600.0)
        for year in range(100)
    ]
    for length_s in (90.6, 1e9):
        period_s = CountedPeriod(60.0)
        found = Cadence(period_s, 0.0, 3, START_S).windows(length_s, windows)
        assert period_s.asked == len(found) <= MOST_CYCLES


def test_limits_on_hour_angle_and_moon(contract: Contract) -> None:
    limits = {
        "Min Hour Angle": -3, "Max Hour Angle": 2.5, "Max Moon Illumination": 0.3,
        "Max Moon Altitude": 0,
    }  # fmt: skip
    assert read(contract, Constraints=limits).constraints == Constraints(
        min_hour_angle_h=-3.0,
        max_hour_angle_h=2.5,
        max_moon_illumination=0.3,
        max_moon_altitude_deg=0.0,
    )
    limits = {"Min Hour Angle": 3.0, "Max Hour Angle": 3.0, "Max Moon Illumination": 30}
    assert set(problems(contract, Constraints=limits)) == {"Constraints.Max Moon Illumination"}
    limits["Max Moon Illumination"] = 0.3
    assert set(problems(contract, Constraints=limits)) == {"Constraints.Max Hour Angle"}


def test_a_group_is_a_label(contract: Contract) -> None:
    assert read(contract, Group="transit of WASP-12b").group == "transit of WASP-12b"

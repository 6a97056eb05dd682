"""Elements of a Status reply: value, age and state, or why not."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.profiles import Role
from ctmo_indi.telescope.elements import read_elements
from ctmo_indi.testing.fake_client import FakeClient
from ctmo_indi.testing.fake_clock import FakeClock


@dataclass
class Station:
    name: str = "Weather Sim. v1.2"


def test_each_element_is_told_or_why_not() -> None:
    clock = FakeClock(speed=10.0)
    client = FakeClient(clock)
    client.define("Weather Sim. v1.2", "WEATHER_PARAMETERS", {"WIND": 4.5}, PropertyState.BUSY)
    client.define("Weather Sim. v1.2", "CONNECTION", {"CONNECT": True}, PropertyState.OK)
    client.update("Weather Sim. v1.2", "WEATHER_PARAMETERS")
    clock.advance(2.0)

    told = read_elements(
        [
            "weather.WEATHER_PARAMETERS.WIND",
            "Weather Sim. v1.2.CONNECTION.CONNECT",
            "weather.WEATHER_PARAMETERS.RAIN",
            "weather.NOTHING.RAIN",
            "focuser.ABS_FOCUS_POSITION.FOCUS_ABSOLUTE_POSITION",
        ],
        {Role.WEATHER: Station()},
        client,
        clock,
    )

    values = list(told.values())
    assert values[0] == {"Value": 4.5, "Age (s)": 20.0, "State": "Busy"}
    assert values[1]["Value"] is True  # type: ignore[index]
    assert "its elements are WIND" in values[2]["Reason"]  # type: ignore[index]
    assert "NOTHING" in values[3]["Reason"]  # type: ignore[index]
    assert values[4] == {"Reason": "the profile has no focuser"}

"""Streams: means over windows, unknown what is old, one warning an outage."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from astropy.stats import circmean

from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling.telemetry_streams import (
    KNOWN_STREAMS,
    MOST_SAMPLES,
    Sample,
    StreamParameters,
    TelemetryStreamHandler,
)

WIND = "weather.WEATHER_PARAMETERS.WEATHER_WIND_SPEED"
SKY = "Sky Meter v1.2.SKY.CLOUD"


def _fed(
    handler: TelemetryStreamHandler, element: str, values: list[float], *, every_s: float = 10.0
) -> float:
    """Hand in values of one element; returns the instant of the last."""
    for number, value in enumerate(values):
        handler.update({element: Sample(value, 0.0)}, number * every_s)
    return (len(values) - 1) * every_s


def test_a_stream_is_the_mean_over_its_window() -> None:
    handler = TelemetryStreamHandler([StreamParameters("wind_speed", (WIND,), window_s=30.0)])
    now_s = _fed(handler, WIND, [100.0, 100.0, 1.0, 2.0, 3.0, 4.0])

    assert handler.values(now_s) == {"wind_speed": 2.5}
    assert handler.values(now_s + 15.0) == {"wind_speed": 3.5}
    assert handler.ages(now_s + 15.0) == {"wind_speed": 15.0}


def test_several_elements_give_a_tuple() -> None:
    handler = TelemetryStreamHandler([StreamParameters("both", (WIND, SKY), fill_value=-1.0)])

    assert handler.properties == (WIND, SKY)
    assert handler.values(0.0) == {"both": (-1.0, -1.0)}
    handler.update({WIND: Sample(4.0, 1.0)}, 100.0)
    assert handler.values(100.0) == {"both": (4.0, -1.0)}
    assert handler.ages(100.0) == {"both": math.inf}
    handler.update({WIND: Sample(6.0, 0.0), SKY: Sample(0.5, 3.0)}, 110.0)
    assert handler.values(110.0) == {"both": (5.0, 0.5)}
    assert handler.ages(110.0) == {"both": 3.0}


def test_an_element_of_two_streams_is_read_once() -> None:
    streams = [StreamParameters("fast", (WIND,), window_s=10.0), StreamParameters("slow", (WIND,))]
    handler = TelemetryStreamHandler(streams)
    now_s = _fed(handler, WIND, [2.0, 4.0, 6.0])

    assert handler.properties == (WIND,)
    assert handler.values(now_s) == {"fast": 5.0, "slow": 4.0}


@pytest.mark.parametrize("angles", [[350.0, 10.0], [350.0, 10.0, 20.0], [179.0, -179.0], [90.0]])
def test_directions_have_a_circular_mean(angles: list[float]) -> None:
    handler = TelemetryStreamHandler([StreamParameters("wind_direction", (WIND,))])
    now_s = _fed(handler, WIND, angles)

    mean_deg = handler.values(now_s)["wind_direction"]
    expected_deg = math.degrees(circmean(np.radians(angles)))
    assert isinstance(mean_deg, float)
    assert math.isclose(math.cos(math.radians(mean_deg - expected_deg)), 1.0, abs_tol=1e-12)
    assert 0.0 <= mean_deg < 360.0


def test_directions_that_cancel_each_other_have_no_mean() -> None:
    handler = TelemetryStreamHandler([StreamParameters("wind_direction", (WIND,))])
    now_s = _fed(handler, WIND, [0.0, 180.0])

    assert math.isnan(handler.values(now_s)["wind_direction"])  # type: ignore[arg-type]


def test_whether_it_is_an_angle_can_be_said() -> None:
    assert StreamParameters("wind_direction", (WIND,)).wraps
    assert not StreamParameters("wind_direction", (WIND,), is_angle=False).wraps
    assert StreamParameters("vane", (WIND,), is_angle=True).wraps
    assert set(KNOWN_STREAMS) == {"seeing", "bulk_cloud", "wind_speed", "wind_direction"}


def test_a_value_that_stands_counts_as_long_as_it_is_not_too_old() -> None:
    """The station is silent after 5 m/s at 0 s; we go on reading its last word."""
    stream = StreamParameters("wind_speed", (WIND,), window_s=20.0, max_age_s=50.0)
    handler = TelemetryStreamHandler([stream])
    for now_s in range(0, 100, 10):
        handler.update({WIND: Sample(5.0, float(now_s))}, float(now_s))

    assert handler.values(50.0) == {"wind_speed": 5.0}
    assert math.isnan(handler.values(51.0)["wind_speed"])  # type: ignore[arg-type]
    assert handler.ages(90.0) == {"wind_speed": 90.0}


def test_what_is_no_number_is_not_taken() -> None:
    handler = TelemetryStreamHandler([StreamParameters("wind_speed", (WIND,), fill_value=0.0)])
    for value, age_s in ((math.nan, 0.0), (math.inf, 0.0), (3.0, 1000.0), (3.0, math.nan)):
        handler.update({WIND: Sample(value, age_s)}, 10.0)

    assert handler.values(10.0) == {"wind_speed": 0.0}


def test_an_outage_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stream = StreamParameters("wind_speed", (WIND,), window_s=10.0)
    handler = TelemetryStreamHandler([stream])
    for now_s in range(100):
        is_there = now_s < 10 or now_s >= 70
        handler.update({WIND: Sample(5.0, 0.0)} if is_there else {}, float(now_s))

    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("WARNING", "telemetry stream unknown stream=wind_speed age_s=11 value=nan"),
        ("INFO", "telemetry stream known again stream=wind_speed"),
    ]


def test_a_long_window_does_not_grow_for_ever() -> None:
    stream = StreamParameters("wind_speed", (WIND,), window_s=86400.0, max_age_s=86400.0)
    handler = TelemetryStreamHandler([stream])
    now_s = _fed(handler, WIND, [float(n % 7) for n in range(90_000)], every_s=1.0)

    kept = handler._windows["wind_speed"][0]._samples
    assert len(kept) <= MOST_SAMPLES + 1
    assert handler.values(now_s)["wind_speed"] == pytest.approx(3.0, abs=0.05)


def test_everything_wrong_with_a_configuration_is_named_at_once() -> None:
    streams = [
        StreamParameters("Wind", (WIND,), window_s=0.0),
        StreamParameters("wind", ("weather.WIND",), max_age_s=math.inf, fill_value=math.nan),
        StreamParameters("wind", ()),
    ]
    with pytest.raises(ConfigError) as caught:
        TelemetryStreamHandler(streams)

    for word in (
        "'Wind'",
        "window_s: came 0.0",
        "weather.WIND",
        "max_age_s",
        "fill_value",
        "2 times",
    ):
        assert word in str(caught.value)

"""Attempts on real simulators end as complete FITS files; the lamp and other clients agree."""

from __future__ import annotations

import hashlib
import math
import warnings
from pathlib import Path

import pytest
from astropy.io import fits

from ctmo_indi.models.headers import parse_date
from ctmo_indi.store import exposures, journal

pytestmark = pytest.mark.indi


def read(path: str) -> tuple[fits.Header, float]:
    """Header and mean of a frame; any warning of astropy, of its checksums too, is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as units:
            units.verify("exception")
            header = units[0].header.copy()
            assert "CHECKSUM" in header
            assert "DATASUM" in header
            return header, float(units[0].data.mean())


def test_light_attempts_in_two_filters_leave_complete_frames(stage):
    scene = stage()
    target = scene.target()
    first = scene.light(**target, **{"Filter": "R", "Number of Exposures": 2})
    second = scene.light(**target, **{"Filter": "I", "Object": "M 999"})

    views = [scene.ended(first), scene.ended(second)]

    assert [view["Status"] for view in views] == ["COMPLETED", "COMPLETED"], views
    frames = [exposure for view in views for exposure in view["Exposures"]]
    headers = [read(str(frame["Path"]))[0] for frame in frames]
    assert [header["FILTER"] for header in headers] == ["R", "R", "I"]
    assert [header["EXPID"] for header in headers] == [f["Exposure ID"] for f in frames]
    assert [header["ATTEMPT"] for header in headers] == [first, first, second]
    assert headers[0]["RECEIPT"] == first.replace("A-", "O-")
    assert [header["ORDERID"] for header in headers] == ["order 1", "order 1", "order 2"]
    assert {header["OBSERVER"] for header in headers} == {"ada"}
    assert headers[2]["OBJECT"] == "M 999"
    for header, frame in zip(headers, frames, strict=True):
        # The simulated mount ends a slew within 20"; it says its position in steps of 4".
        ra_off_deg = (header["RA"] - target["RA"]) * math.cos(math.radians(target["Dec"]))
        assert math.hypot(ra_off_deg, header["DEC"] - target["Dec"]) < 30.0 / 3600.0
        assert header["TELESCOP"] == "CTMO"
        assert header["DOMESHUT"] == "OPEN"
        assert header["EXPTIME"] == 20.0
        age_s = scene.clock.utc().timestamp() - parse_date(header["DATE-OBS"])
        assert 20.0 < age_s < 3600.0
        path = Path(str(frame["Path"]))
        assert path.parent == Path(scene.config.data_dir) / "nights" / header["NIGHT"] / "raw"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == frame["SHA256"]
        assert [file.suffix for file in path.parent.iterdir()] == [".fits"] * 3
    with scene.service._database.read() as connection:
        assert [row.exposure_id for row in exposures.of_attempt(connection, first)] == [
            f"{first}-001",
            f"{first}-002",
        ]
        assert journal.open_intents(connection) == []


def test_calibrations_need_no_sky_and_the_lamp_is_seen_by_another_client(stage):
    scene = stage()
    scene.safety.say_unsafe("rain")
    bias = scene.attempt(**{"Frame Type": "Bias", "Exposure Time": 0.0, "Number of Exposures": 2})
    dark = scene.attempt(**{"Frame Type": "Dark", "Exposure Time": 30.0})
    flat = scene.attempt(**{"Frame Type": "Flat", "Exposure Time": 240.0, "Filter": "B"})
    scene.exposing(flat)
    lamp = "Light Panel Simulator.FLAT_LIGHT_CONTROL.FLAT_LIGHT_ON"
    lit = scene.indi("indi_getprop", lamp)

    views = [scene.ended(receipt) for receipt in (bias, dark, flat)]

    assert [view["Status"] for view in views] == ["COMPLETED"] * 3, views
    kinds = [read(str(view["Exposures"][0]["Path"])) for view in views]
    assert [header["FRAME"] for header, _ in kinds] == ["Bias", "Dark", "Flat"]
    assert kinds[1][0]["EXPTIME"] == 30.0
    assert kinds[2][0]["FILTER"] == "B"
    assert not any("RA" in header for header, _ in kinds)
    assert kinds[2][1] > 10.0 * kinds[0][1]
    assert "=On" in lit
    assert "=Off" in scene.indi("indi_getprop", lamp)
    assert scene.shutter() == "CLOSED"


def test_a_dark_puts_out_a_panel_that_another_client_lit(stage):
    scene = stage()
    lamp = "Light Panel Simulator.FLAT_LIGHT_CONTROL.FLAT_LIGHT_ON"
    scene.indi("indi_setprop", f"{lamp}=On")
    scene.until(lambda: scene.service._hands.sight().lamp is True, 10.0, "the panel is seen lit")

    view = scene.ended(scene.attempt(**{"Frame Type": "Dark", "Exposure Time": 10.0}))

    assert view["Status"] == "COMPLETED"
    assert "=Off" in scene.indi("indi_getprop", lamp)


def test_a_panel_that_a_flat_before_a_restart_lit_is_put_out(stage):
    scene = stage()
    lamp = "Light Panel Simulator.FLAT_LIGHT_CONTROL.FLAT_LIGHT_ON"
    scene.indi("indi_setprop", f"{lamp}=On")
    book = scene.service._lamp_book
    book.intend("A-0").result(5.0)
    scene.service.engine.inbox.post(lambda: scene.service._lamp.recall(book.still_lit()))

    scene.until(lambda: not book.still_lit(), 10.0, "the intent has an end")

    assert "=Off" in scene.indi("indi_getprop", lamp)
    assert "put out" in str(scene.events("recovery")[-1]["Data"])


def test_blink01_switches_the_lamp_as_another_client_sees_it(stage):
    scene = stage()
    lamp = "Light Panel Simulator.FLAT_LIGHT_CONTROL.FLAT_LIGHT_ON"

    on = scene.ask({"WOType": "Dome", "ID": "1", "Blink01": True}, "dome")
    lit = scene.indi("indi_getprop", lamp)
    off = scene.ask({"WOType": "Dome", "ID": "1", "Blink01": False}, "dome")

    assert [on["Status"], off["Status"]] == ["COMPLETED", "COMPLETED"]
    assert str(on["Message"]).startswith("Work order received.")
    assert "=On" in lit
    assert "=Off" in scene.indi("indi_getprop", lamp)


def test_a_target_below_the_horizon_moves_nothing(stage):
    scene = stage()
    before = scene.indi("indi_getprop", "Dome Simulator.DOME_SHUTTER.SHUTTER_OPEN")
    receipt = scene.light(Dec=-85.0)

    view = scene.ended(receipt)

    assert view["Status"] == "NOT_ATTEMPTED"
    assert "altitude" in str(view["Failure"])
    assert scene.indi("indi_getprop", "Dome Simulator.DOME_SHUTTER.SHUTTER_OPEN") == before


def test_the_dome_follows_the_tracking_mount(stage):
    scene = stage(speed=480.0)
    scene.by_hand("open")
    near_zenith = scene.target(hour_angle_h=-0.2, dec_deg=35.0)
    view = scene.by_hand("slew", **near_zenith)
    dome = scene.service.observatory.dome
    begin_deg = dome.status().az_deg

    scene.until(
        lambda: abs((dome.status().az_deg - begin_deg + 180.0) % 360.0 - 180.0) > 8.0,
        20.0,
        "the dome turns by itself",
    )

    assert view["Status"] == "COMPLETED", view
    assert {event["Subject"] for event in scene.events("telemetry")} >= {"mount", "dome", "camera"}
    needed_deg = scene.service.observatory.dome_azimuth_deg(near_zenith["RA"], near_zenith["Dec"])
    off_deg = abs((dome.status().az_deg - needed_deg + 180.0) % 360.0 - 180.0)
    assert off_deg < 8.0


def test_a_status_tells_what_the_weather_station_measures(stage):
    scene = stage()
    wind = "weather.WEATHER_PARAMETERS.WEATHER_WIND_SPEED"
    names = [wind, "Weather Simulator.WEATHER_PARAMETERS.WEATHER_WIND_SPEED", "weather.X.Y"]

    def told() -> dict[str, dict[str, object]]:
        return scene.ask({"WOType": "Status", "Properties": names})["Properties"]

    scene.until(lambda: "Value" in told()[wind], 20.0, "the weather")
    scene.indi("indi_setprop", "-n", "Weather Simulator.WEATHER_CONTROL.Wind=7.25")
    scene.until(lambda: told()[wind]["Value"] == 7.25, 20.0, "the new wind", lambda: str(told()))

    by_role, by_name, unknown = told().values()
    assert by_role["Value"] == by_name["Value"] == 7.25
    assert by_role["State"] in ("Ok", "Idle")
    assert 0.0 <= by_role["Age (s)"] < 180.0 * scene.clock.speed
    assert "X" in unknown["Reason"]

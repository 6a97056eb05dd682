"""The model of the observatory takes as long as the simulators do.

Attempts of the telescope service, one after the other; the model is told the state before the
first and then only what it said itself. Both are compared in seconds of the sky, within 20 % or
5 s, whichever is more: the simulators look at their axes once a second, and at speed 8 every 100 ms
that a loaded machine takes is 0.8 s of this sky.
"""

from __future__ import annotations

import pytest
from astropy.io import fits

from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.models.dome_geometry import TubeSide
from ctmo_indi.models.headers import parse_date
from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType

pytestmark = pytest.mark.indi

SPEED = 8.0
EXPOSURE_S = 4.0
# Hour angle (h), declination (deg), filter, frames: what each leads to.
SEQUENCE = (
    (-2.0, 40.0, "V", 1),  # opening, and out of the park place
    (-2.1, 41.0, "V", 3),  # a short way, nothing else; three frames
    (-2.1, 41.0, "R", 1),  # the filter alone
    (-0.5, -20.0, "R", 1),  # a long way in declination on one side of the pier
    (0.7, 45.0, "I", 1),  # over the meridian: the tube changes sides
    (4.0, 5.0, "I", 1),  # a long way in hour angle, and the dome
    (-4.0, 15.0, "B", 1),  # from west to east
)


def note(differences: list[str], what: str, took_s: float, model_s: float) -> None:
    if abs(took_s - model_s) > max(5.0, 0.2 * model_s):
        differences.append(f"{what}: {took_s:.1f} s, model {model_s:.1f} s")


def seen(scene) -> ObservatoryModelState:
    """What the devices say, as the model's state."""
    observatory = scene.service.observatory
    mount, dome = observatory.mount.status(), observatory.dome.status()
    return ObservatoryModelState(
        utc_s=scene.clock.utc().timestamp(),
        ra_deg=mount.ra_deg,
        dec_deg=mount.dec_deg,
        is_tracking=mount.tracking is True,
        is_parked=mount.parked is True,
        dome_azimuth_deg=dome.az_deg,
        filter_name=observatory.filter_wheel.status().filter_name,
        is_open=dome.shutter is ShutterState.OPEN,
        tube_side=TubeSide(mount.pier_side) if mount.pier_side else None,
    )


def first_exposure_s(view: dict[str, object]) -> float:
    """When the camera began, by its own word."""
    return parse_date(fits.getheader(str(view["Exposures"][0]["Path"]))["DATE-OBS"])


def test_attempts_and_closing_take_as_long_as_the_model_says(stage) -> None:
    scene = stage(SPEED)
    scene.by_hand("close")
    model = ObservatoryModel.of(scene.profile)
    state = seen(scene)
    assert not state.is_open
    differences: list[str] = []
    for hour_angle_h, dec_deg, filter_name, count in SEQUENCE:
        target = scene.target(hour_angle_h, dec_deg)
        request = ObservationRequest(
            order_id="model",
            user="ada",
            frame_type=FrameType.LIGHT,
            exposure_s=EXPOSURE_S,
            count=count,
            ra_deg=float(target["RA"]),
            dec_deg=float(target["Dec"]),
            filter_name=filter_name,
        )
        begin_s = scene.clock.utc().timestamp()
        state = model.idle(state, begin_s)
        expected = model.observe(state, request, count)
        said = model.activities_s(state, request)
        keys = {"Filter": filter_name, "Exposure Time": EXPOSURE_S, "Number of Exposures": count}

        view = scene.ended(scene.light(**target, **keys), 60.0)

        end_s = scene.clock.utc().timestamp()
        assert view["Status"] == "COMPLETED", view
        for what, took_s, model_s in (
            ("slew", first_exposure_s(view) - begin_s, expected.slew_s),
            ("whole", end_s - begin_s, expected.end_utc_s - begin_s),
        ):
            note(differences, f"{what} to {request.ra_deg} {dec_deg}", took_s, model_s)
        took = StepDurations.of_wire(view["Took"])
        assert took is not None
        assert took.exposing_s is not None
        exposing_s = expected.end_utc_s - expected.start_utc_s
        note(differences, f"exposing {filter_name}", took.exposing_s, exposing_s)
        is_first = state.is_parked
        assert (took.mount_s is None, took.filter_s is None) == (is_first, is_first)
        if took.mount_s is not None and took.filter_s is not None:
            mount_s = max(said["hour angle"], said["declination"]) + said["mount settle"]
            note(differences, f"mount to {request.ra_deg} {dec_deg}", took.mount_s, mount_s)
            note(differences, f"wheel to {filter_name}", took.filter_s, said["filter"])
            # What no motion explains of the way, and of the attempt's own time before it.
            motions_s = max(took.mount_s, took.filter_s, took.dome_s or 0.0)
            assert -1.0 < first_exposure_s(view) - begin_s - motions_s < 10.0
        assert seen(scene).tube_side is expected.after.tube_side
        assert seen(scene).dome_azimuth_deg == pytest.approx(
            expected.after.dome_azimuth_deg, abs=4.0
        )
        state = expected.after
    before = seen(scene)
    scene.by_hand("close")
    took_s = scene.clock.utc().timestamp() - before.utc_s
    note(differences, "closing", took_s, model.close(before).utc_s - before.utc_s)
    assert seen(scene).is_parked
    assert differences == []

"""A mount of another make by data only: no track state, silent while it tracks."""

from __future__ import annotations

import io

import pytest
from astropy.io import fits

from ctmo_indi.devices.closing import close_observatory
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.errors import CommandRejected, UnknownProperty
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.safety_policy import SafetyPolicy

from .conftest import Stage

pytestmark = pytest.mark.indi


def test_night_with_another_mount(lx200_stage: Stage) -> None:
    stage, observatory = lx200_stage, lx200_stage.observatory
    mount, policy = observatory.mount, SafetyPolicy()
    assert mount.name == "LX200 GPS"
    # It starts with neither PARK nor UNPARK on.
    assert observatory.state() is ObservatoryState.UNKNOWN
    result = close_observatory(observatory, policy, stage.clock, report=lambda _: None)
    assert result.confirmed, result.failures

    open_observatory(observatory, policy, stage.clock, report=lambda _: None)
    assert observatory.state() is ObservatoryState.OPEN
    site = observatory.profile.site
    place = altaz_to_icrs(60.0, 120.0, site, stage.clock.utc())
    status = mount.slew(*place)
    assert status.tracking is True
    assert mount.error_arcsec(*place) < 20.0
    with pytest.raises(UnknownProperty, match="cannot track_off"):
        mount.set_tracking(False)

    observatory.dome.goto(observatory.dome_azimuth_deg(*place)).wait()
    frame = observatory.camera.expose(10.0, FrameType.LIGHT, target_icrs_deg=place).wait()
    header = fits.getheader(io.BytesIO(frame.data))
    assert header["TELESCOP"] == "LX200 GPS"
    assert header["RA"] == pytest.approx(place[0], abs=0.02)
    assert header["FOCALLEN"] == 400.0
    assert "DATE-OBS" in header

    # Somebody else stops a slew: the driver says Ok half-way, we do not.
    slew = mount.start_slew(*altaz_to_icrs(30.0, 290.0, site, stage.clock.utc()))
    stage.client.wait_for(
        mount.name, "EQUATORIAL_EOD_COORD", 60.0, lambda found: found.state is PropertyState.BUSY
    )
    stage.client.command(mount.name, "TELESCOPE_ABORT_MOTION", {"ABORT": True})
    with pytest.raises(CommandRejected):
        slew.wait()

    stopped = mount.abort().wait()
    assert stopped.slewing is False
    result = close_observatory(observatory, policy, stage.clock, report=lambda _: None)
    assert result.confirmed, result.failures
    assert observatory.state() is ObservatoryState.CLOSED

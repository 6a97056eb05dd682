"""A hand on a real site: look, open, slew, stop, lock; what fails says why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi import Observatory
from ctmo_indi.api import NotDone
from ctmo_indi.desk_client import DeskFault
from ctmo_indi.errors import BadOrder, ConfigError, ServiceUnreachable

from ...running_fleet import RunningFleet

pytestmark = pytest.mark.indi


@pytest.fixture
def site(fleet: RunningFleet) -> Iterator[Observatory]:
    path = fleet.supervisor.config_path
    with Observatory.connect(path, user="ada") as connected:
        yield connected


def test_state_and_verdict_are_those_of_the_services(
    fleet: RunningFleet, site: Observatory
) -> None:
    state, verdict = site.state, site.verdict
    assert state.has_link
    assert state.state in {"CLOSED", "OPEN"}
    assert state.utc is not None
    assert abs(state.utc - fleet.clock.utc()) < timedelta(minutes=10)
    assert verdict.is_safe
    assert verdict.age_s is not None
    assert verdict.age_s < 5.0
    assert site.ask("preprocessor")["Service"] == "preprocessor"


def test_a_slew_ends_at_the_place_that_astropy_says(fleet: RunningFleet, site: Observatory) -> None:
    """The mount, as INDI tells it, against astropy's altitude; a degree is time meanwhile."""
    ra_deg, dec_deg = fleet.target(-1.0, 30.0).values()
    place = SkyCoord(ra_deg * u.deg, dec_deg * u.deg).galactic
    site.open().wait(120.0)
    done = site.slew(place).wait(60 * u.s)
    state = site.state
    where = fleet.profile.site
    assert state.utc is not None
    frame = AltAz(
        obstime=Time(state.utc.astimezone(UTC).replace(tzinfo=None)),
        location=EarthLocation(
            where.longitude_deg * u.deg, where.latitude_deg * u.deg, where.elevation_m * u.m
        ),
    )
    assert done.is_completed
    assert (state.ra_deg, state.dec_deg) == pytest.approx((ra_deg, dec_deg), abs=0.02)
    assert state.is_tracking
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        altitude_deg = place.transform_to(frame).alt.deg
    assert state.altitude_deg == pytest.approx(altitude_deg, abs=1.0)


def test_what_fails_on_its_way_is_raised_by_wait(fleet: RunningFleet, site: Observatory) -> None:
    site.open().wait(120.0)
    ra_deg = fleet.target()["RA"]
    with pytest.raises((NotDone, DeskFault)) as refused:
        site.slew((ra_deg, -80.0)).wait(30.0)
    assert "altitude" in str(refused.value)
    assert refused.value.exit_code == 4
    with pytest.raises(BadOrder, match="expected a SkyCoord"):
        site.slew("M 13")  # type: ignore[arg-type] # it is wrong on purpose


def test_nothing_moves_between_stop_and_release(site: Observatory) -> None:
    answers = site.stop("a test")
    stopped = site.verdict
    with pytest.raises(DeskFault, match="release") as refused:
        site.open()
    site.release()
    assert answers["safety"] == "stopped"
    assert stopped.is_stopped
    assert refused.value.is_safety
    assert not site.verdict.is_stopped


def test_a_lock_holds_inside_the_with_only(fleet: RunningFleet, site: Observatory) -> None:
    others = Observatory(fleet.supervisor.config_path, user="bob")
    expires = Time(fleet.clock.utc().replace(tzinfo=None)) + 1 * u.h

    def is_refused_to_others() -> None:
        with site.lock("optics", expires=expires) as locked:
            assert (locked.lock_owner, locked.lock_reason) == ("ada", "optics")
            fleet.watch("telescope", lambda status: status["Verdict"]["Lock"], "it is known")
            others.open()

    with others, pytest.raises(DeskFault, match="optics"):
        is_refused_to_others()
    assert site.verdict.lock_owner == ""


def test_events_and_orders_of_the_desk(fleet: RunningFleet, site: Observatory) -> None:
    receipt = site.desk.observe("M 31", exposure_s=30, filter="V", order_id="api-1")
    again = site.desk.observe("M 31", exposure_s=30, filter="V", order_id="api-1")
    waiting = {one.receipt for one in site.desk.orders("PENDING")}
    told = site.desk.explain(receipt)
    kinds = {one.kind for one in site.desk.events()}
    site.desk.cancel(receipt)
    ended = site.desk.wait(receipt, timeout_s=10.0)

    assert receipt == again
    assert receipt.receipt in waiting
    assert told.words
    assert "order" in kinds or kinds
    assert (ended.status, ended.is_settled, ended.is_completed) == ("CANCELED", True, False)


def test_the_last_nights_frames_and_report(site: Observatory) -> None:
    assert site.frames() == ()
    report = site.report("20261121")
    assert report.night == "20261121"
    assert str(report) == report.text != ""
    assert sum(report.ledger_s.values()) == pytest.approx(report.length_s, abs=1.0)


def test_a_wrong_configuration_and_a_dead_site_are_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("Scheduler Adress: {}\n")
    with pytest.raises(ConfigError, match=r"line 1, Scheduler Adress"):
        Observatory(wrong)
    dead = tmp_path / "dead.yaml"
    dead.write_text("Safety Address: {HTTP: 'http://localhost:9/', IP: 127.0.0.1, Port: 9}\n")
    with pytest.raises(ServiceUnreachable):
        Observatory.connect(dead)

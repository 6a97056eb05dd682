"""A dead night: it could have observed and did nothing; and nights that only look so."""

from __future__ import annotations

import pytest

from ctmo_indi.models.states import OrderState

from .night_rig import NightRig


def alarm(night: NightRig) -> str:
    return str(night.report()["Alarm"])


def test_safe_with_orders_and_no_frame_is_dead(night: NightRig) -> None:
    night.running()
    night.order("m31")
    night.event(0.0, "summaryState", Summary_State="STANDBY")
    told = alarm(night)
    assert "no frame of the sky although 1 order could be observed" in told
    assert "scheduler not running" in told
    assert night.report()["Attention"][0].startswith("DEAD NIGHT")  # type: ignore[index]


def test_one_frame_is_enough_to_live(night: NightRig) -> None:
    night.running()
    night.attempt(night.order("m31"), 100.0, 200.0, [(120.0, 60.0)])
    assert alarm(night) == ""


def test_less_than_an_hour_of_safety_is_no_chance(night: NightRig) -> None:
    night.running()
    night.order("m31")
    night.verdict(3500.0, "weather_alert")
    assert alarm(night) == ""
    night.verdict(20_000.0)
    night.verdict(20_200.0, "weather_alert")
    assert "no frame" in alarm(night)


def test_a_night_that_a_human_held_is_his(night: NightRig) -> None:
    night.running()
    night.order("m31")
    night.event(-10.0, "held", Held="observer lock of ada: visitors")
    assert alarm(night) == ""


def test_without_an_order_that_could_be_observed_it_is_not_dead(night: NightRig) -> None:
    night.running()
    night.order("bias", Frame_Type="Bias")
    night.order("south", Dec=-80.0)
    gone = night.order("gone")
    night.settle(gone, OrderState.CANCELED, -5.0)
    assert alarm(night) == ""
    waiting = [one["Why"] for one in night.report()["Orders"] if one["ID"] == "south"]  # type: ignore[attr-defined]
    assert waiting == ["not observable this night"]


def test_no_record_at_all_is_dead_where_there_was_one_before(night: NightRig) -> None:
    assert alarm(night) == ""  # nothing is known of any time: it was not there yet
    night.event(-80_000.0, "softwareVersions")
    night.event(-79_000.0, "heartbeat")
    assert "no record of the whole night" in alarm(night)


def test_a_night_that_lasts_is_not_judged(night: NightRig) -> None:
    night.running()
    night.order("m31")
    night.clock.step(-4.0 * 3600.0)
    report = night.report()
    assert (report["Whole"], report["Alarm"]) == (False, "")
    assert report["Length"] == pytest.approx(
        night.clock.utc().timestamp() - night.dusk_s, abs=0.001
    )

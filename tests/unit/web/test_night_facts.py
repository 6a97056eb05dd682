"""What is read out of the scheduler's replies: attempts, holds, the plan."""

from __future__ import annotations

import math

import pytest

from ctmo_indi.web.night_facts import add_attempts, begun, holds
from ctmo_indi.web.wire_readers import unix_s


def at_s(clock: str) -> float:
    return unix_s(f"2026-11-23T{clock}:00Z")


def event(kind: str, subject: str, clock: str, **data: object) -> dict[str, object]:
    return {"Kind": kind, "Subject": subject, "UTC": f"2026-11-23T{clock}:00+00:00", "Data": data}


def attempt(name: str, clock: str, status: str, reason: str = "") -> dict[str, object]:
    return event("attempt", name, clock, Parent="O-1", Status=status, Reason=reason)


TARGET = {"Parent": "O-1", "Object": "M 15", "Filter": "V", "RA": 322.49, "Dec": 12.17}
LIFE = (
    attempt("A-1", "00:32", "PENDING"),
    event("target", "A-1", "00:32", **TARGET),
    attempt("A-1", "00:33", "IN_PROGRESS"),
    attempt("A-1", "00:41", "IN_PROGRESS"),
    attempt("A-1", "00:49", "COMPLETED"),
)


def verdict(clock: str, level: str, *reasons: str, rule: str = "weather") -> dict[str, object]:
    rules = [{"Rule": rule, "Level": level, "Text": one} for one in reasons]
    return event("verdict", "safety", clock, Level=level, Reasons=list(reasons), Rules=rules)


def test_an_attempt_lasts_from_its_first_step_to_its_end() -> None:
    (one,) = add_attempts({}, LIFE).values()
    assert (one.start_s, one.end_s) == (at_s("00:33"), at_s("00:49"))
    assert (one.receipt, one.label, one.filter_name) == ("O-1", "M 15", "V")
    assert (one.ra_deg, one.dec_deg, one.status) == (322.49, 12.17, "COMPLETED")


def test_the_same_comes_out_however_the_events_are_handed_in() -> None:
    known = add_attempts({}, LIFE[:3])
    assert next(iter(known.values())).end_s is None
    assert add_attempts(known, LIFE[3:]) == add_attempts({}, LIFE)


def test_an_attempt_of_which_the_beginning_was_not_told_is_there_all_the_same() -> None:
    (one,) = begun(add_attempts({}, [LIFE[0], LIFE[4]]).values(), at_s("00:00"), at_s("12:00"))
    assert (one.start_s, one.end_s, one.status) == (at_s("00:32"), at_s("00:49"), "COMPLETED")
    assert math.isnan(one.ra_deg)


@pytest.mark.parametrize("status", ["PENDING", "NOT_ATTEMPTED", "CANCELED"])
def test_what_never_began_is_no_part_of_the_night(status: str) -> None:
    found = add_attempts({}, [LIFE[0], LIFE[1], attempt("A-1", "00:40", status)])
    assert begun(found.values(), at_s("00:00"), at_s("12:00")) == ()


def test_what_safety_held_up_has_its_times_and_reasons() -> None:
    events = [
        verdict("01:00", "SAFE"),
        verdict("02:00", "HOLD", "wind 12 m/s, limit 10", "clouds"),
        verdict("02:10", "HOLD", "wind 15 m/s, limit 10"),
        verdict("02:20", "UNSAFE", "rain"),
        verdict("03:00", "SAFE"),
    ]
    first, second = holds(events, at_s("00:00"), at_s("12:00"))
    assert (first.from_s, first.to_s, first.level) == (at_s("02:00"), at_s("02:20"), "HOLD")
    assert first.reasons == ("wind 12 m/s, limit 10", "clouds")
    assert (second.from_s, second.to_s, second.reasons) == (
        at_s("02:20"),
        at_s("03:00"),
        ("rain",),
    )


def test_a_hold_of_the_day_before_reaches_into_the_night_and_a_lasting_one_has_no_end() -> None:
    events = [verdict("01:00", "UNSAFE", "rain"), verdict("03:00", "SAFE")]
    (one,) = holds(events, at_s("02:00"), at_s("12:00"))
    assert (one.from_s, one.to_s) == (at_s("02:00"), at_s("03:00"))
    (lasting,) = holds(events[:1], at_s("02:00"), at_s("12:00"))
    assert lasting.to_s is None


def test_daylight_alone_is_no_hold_but_rain_by_day_is() -> None:
    assert holds([verdict("01:00", "UNSAFE", "Sun", rule="sun")], 0.0, at_s("12:00")) == ()
    both = verdict("01:00", "UNSAFE", "Sun", rule="sun")
    both["Data"]["Rules"].append({"Rule": "weather_alert", "Level": "UNSAFE", "Text": "rain"})  # type: ignore[index]  # a dict of the test's own
    assert len(holds([both], 0.0, at_s("12:00"))) == 1

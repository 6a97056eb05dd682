"""The events of a night are found and read by orders alone, each once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ctmo_indi.web.night_history import NightHistory

DAY_S = 86400.0
NOON_S = datetime(2026, 11, 22, 18, tzinfo=UTC).timestamp()


class Past:
    """A desk that has published for weeks; answers Events as the board does."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self.asked = 0

    def publish(self, kind: str, subject: str, at_s: float, **data: object) -> None:
        utc = datetime.fromtimestamp(at_s, UTC).isoformat()
        revision = 3 * len(self.events) + 5  # the numbers leave gaps
        self.events.append(
            {"Revision": revision, "Kind": kind, "Subject": subject, "UTC": utc, "Data": data}
        )

    def observe(self, number: int, at_s: float) -> None:
        name = f"A-{number}"
        self.publish("attempt", name, at_s, Parent=f"O-{number}", Status="PENDING")
        self.publish("target", name, at_s, Object=f"M {number}", RA=1.0, Dec=2.0)
        self.publish("detailedState", "", at_s)
        self.publish("attempt", name, at_s + 5.0, Parent=f"O-{number}", Status="IN_PROGRESS")
        self.publish("attempt", name, at_s + 300.0, Parent=f"O-{number}", Status="COMPLETED")

    async def ask(self, order: Mapping[str, object]) -> dict[str, object]:
        self.asked += 1
        assert order["WOType"] == "Events"
        newest = int(str(self.events[-1]["Revision"])) if self.events else 0
        cursor, limit = int(str(order.get("Cursor", newest))), int(str(order["Limit"]))
        assert cursor >= 0
        found = [
            one
            for one in self.events
            if int(str(one["Revision"])) > cursor and one["Kind"] in order["Kinds"]
        ][:limit]
        end = int(str(found[-1]["Revision"])) if len(found) == limit else newest
        return {"Events": found, "Cursor": max(end, cursor), "Lost": False}


def weeks() -> Past:
    """Forty nights of ten observations from 20 days before the night that is looked at."""
    past = Past()
    for day in range(-20, 20):
        past.publish("verdict", "safety", NOON_S + day * DAY_S + 7 * 3600.0, Level="SAFE")
        for number in range(10):
            past.observe(100 * (day + 20) + number, NOON_S + day * DAY_S + 3.6e4 + 600.0 * number)
    return past


def night() -> NightHistory:
    return NightHistory(NOON_S, NOON_S + DAY_S)


async def test_a_past_night_is_found_with_few_questions() -> None:
    past, history = weeks(), night()
    assert await history.read(past.ask)
    assert [one.label for one in history.attempts()] == [f"M {2000 + n}" for n in range(10)]
    assert all(one.status == "COMPLETED" for one in history.attempts())
    assert history.is_whole
    assert past.asked < 40


async def test_a_night_that_was_read_to_its_end_is_not_asked_for_again() -> None:
    past, history = weeks(), night()
    await history.read(past.ask)
    asked = past.asked
    assert not await history.read(past.ask)
    assert past.asked == asked


async def test_of_a_night_that_lasts_only_what_is_new_is_read() -> None:
    past, history = Past(), night()
    past.observe(1, NOON_S + 3.6e4)
    assert await history.read(past.ask)
    asked = past.asked
    assert not await history.read(past.ask)
    assert past.asked == asked + 1
    past.observe(2, NOON_S + 4e4)
    assert await history.read(past.ask)
    assert [one.label for one in history.attempts()] == ["M 1", "M 2"]
    assert not history.is_whole


async def test_a_hold_that_began_days_before_reaches_into_the_night() -> None:
    past, history = Past(), night()
    past.observe(1, NOON_S - 9 * DAY_S)
    past.publish("verdict", "safety", NOON_S - 3 * DAY_S, Level="UNSAFE", Reasons=["rain"])
    past.publish("observation", "", NOON_S - 3600.0)
    past.publish("verdict", "safety", NOON_S + 3.6e4, Level="SAFE")
    await history.read(past.ask)
    (hold,) = history.holds()
    assert (hold.from_s, hold.to_s, hold.reasons) == (NOON_S, NOON_S + 3.6e4, ("rain",))
    assert history.attempts() == ()


async def test_a_scheduler_without_a_past_has_an_empty_night() -> None:
    history = night()
    assert not await history.read(Past().ask)
    assert (history.attempts(), history.holds()) == ((), ())


async def test_more_than_one_page_of_events_is_read_to_the_end() -> None:
    past, history = Past(), night()
    for number in range(400):
        past.observe(number, NOON_S + 3.6e4 + 60.0 * number)
    await history.read(past.ask)
    assert len(history.attempts()) == 400

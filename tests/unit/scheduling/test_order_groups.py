"""Groups, all or none: no driver begins a member while another cannot be observed in the night."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import PendingOrder

from .test_bad_input import DRIVERS, MIDNIGHT, PROFILE, asked, conditions, models_of, order

pytestmark = pytest.mark.timeout(600.0)  # the first plan waits for the kernels to be compiled

NIGHT = models_of(25.996275).sky.night(MIDNIGHT)
MIDNIGHT_S = MIDNIGHT.timestamp()


def member(name: str, group: str = "pair", **more: object) -> PendingOrder:
    return replace(order(name, group=group, **more), priority=8.0)


WHOLE = member("a"), member("b", ra_deg=90.0)
LONG = {"exposure_s": 1800.0, "count": 10}
TORN = {
    "one never rises": (member("a"), member("b", dec_deg=-85.0)),
    "one is over for tonight": (member("a"), member("b", windows=(Window(0.0, MIDNIGHT_S),))),
    "one is due tomorrow": (
        member("a"),
        replace(member("b"), due_utc_s=NIGHT.morning.timestamp() + 3600.0),
    ),
    "one rests until tomorrow": (
        member("a"),
        replace(member("b"), not_before_utc_s=NIGHT.morning.timestamp() + 3600.0),
    ),
    "one would begin too late": (
        member("a"),
        member(
            "b",
            windows=(Window(MIDNIGHT_S + 600.0, MIDNIGHT_S + 6000.0),),
            latest_start_utc_s=MIDNIGHT_S + 300.0,
        ),
    ),
}
OTHER = replace(order("other", ra_deg=70.0), priority=2.0)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_group_that_can_be_whole_is_begun(driver: str) -> None:
    assert asked(driver, *WHOLE, OTHER)[0] in ("O-a", "O-b")


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("name", TORN)
def test_no_member_is_begun_while_another_cannot_be(driver: str, name: str) -> None:
    assert asked(driver, *TORN[name])[0] is None
    assert asked(driver, *TORN[name], OTHER)[0] == "O-other"
    # An order of the same place that is in no group is another matter.
    assert asked(driver, *TORN[name], order("free"))[0] == "O-free"


class CountingSky(SiteSky):
    """Counts the looks ahead, and those at one instant."""

    ahead = now = 0

    def next_observable(
        self, request: ObservationRequest, utc: datetime, until: datetime
    ) -> datetime | None:
        self.ahead += 1
        return super().next_observable(request, utc, until)

    def obstacles(self, request: ObservationRequest, utc: datetime) -> tuple[str, ...]:
        self.now += 1
        return super().obstacles(request, utc)


NEXT_MONTH = {"windows": (Window(MIDNIGHT_S + 30.0 * 86400.0, MIDNIGHT_S + 31.0 * 86400.0),)}
LARGE = (
    *(member(f"a{number:02d}", ra_deg=60.0 + 0.1 * number) for number in range(60)),
    member("b", **NEXT_MONTH),
)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_large_group_that_cannot_be_is_looked_at_once_and_not_by_each_of_it(driver: str) -> None:
    sky = CountingSky(PROFILE)
    kind, configuration = DRIVERS[driver]
    made = kind(replace(models_of(25.996275), sky=sky))
    made.configure_scheduler(configuration)
    made.update_conditions(conditions(MIDNIGHT, *LARGE))
    sky.ahead = sky.now = 0
    assert made.select_next_target() is None
    assert sky.ahead <= 2 * len(LARGE)
    made.estimate_next_target()
    assert sky.now <= 10 * len(LARGE)  # the feature driver looks at some ninety instants


@pytest.mark.parametrize("driver", ["sequential", "feature"])
def test_a_group_is_looked_at_anew_when_others_wait(driver: str) -> None:
    kind, configuration = DRIVERS[driver]
    made = kind(models_of(25.996275))
    made.configure_scheduler(configuration)
    torn = TORN["one never rises"]
    chosen = []
    for pending in (torn, torn[:1], torn):
        made.update_conditions(conditions(MIDNIGHT, *pending))
        target = made.select_next_target()
        chosen.append(None if target is None else target.receipt)
    assert chosen == [None, "O-a", None]


@pytest.mark.parametrize("driver", DRIVERS)
def test_another_users_group_of_the_same_name_is_another(driver: str) -> None:
    theirs = TORN["one never rises"][1]
    theirs = replace(theirs, request=replace(theirs.request, user="v"))
    assert asked(driver, member("a"), theirs)[0] == "O-a"


@pytest.mark.parametrize("driver", ["sequential", "feature"])
def test_all_members_together_must_fit_into_what_is_left_of_the_night(driver: str) -> None:
    pair = member("a", **LONG), member("b", **LONG)  # five hours each
    early, late = NIGHT.evening + timedelta(hours=1), NIGHT.morning - timedelta(hours=7)
    high = [replace(one, request=replace(one.request, dec_deg=70.0)) for one in pair]
    assert asked(driver, *high, utc=early)[0] == "O-a"
    assert asked(driver, *high, utc=late)[0] is None
    # What fits into no night is begun all the same, as any order of many frames.
    endless = [replace(one, missing_count=100) for one in high]
    assert asked(driver, *endless, utc=late)[0] == "O-a"


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_is_left_of_a_group_that_was_begun_is_a_group(driver: str) -> None:
    assert asked(driver, WHOLE[1])[0] == "O-b"


@pytest.mark.parametrize("name", TORN)
def test_a_plan_has_no_part_of_a_group(name: str) -> None:
    kind, configuration = DRIVERS["plan"]
    driver = kind(models_of(25.996275))
    driver.configure_scheduler(configuration)
    driver.update_conditions(conditions(MIDNIGHT, *TORN[name], OTHER))
    view = driver.plan_view()
    assert view is not None
    visits = view["Visits"]
    assert isinstance(visits, list)
    assert [one["Receipt"] for one in visits] == ["O-other"]

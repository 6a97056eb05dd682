"""Whole nights on the models alone: any scheduling driver, no device, no clock.

The decisions are those of :class:`~ctmo_indi.scheduling.lookahead.LookAhead`, which also plans
ahead and predicts: what a simulated night shows is what the scheduler would do. The sky's darkness
is a night; the observatory begins it closed.

Weather is drawn by the hour: each hour of the night is closed with the given probability. A visit
that has begun is finished, then the observatory is closed until the end of the hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.profiles import Site
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.lookahead import LookAhead, PlannedTarget, simulated
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.schema_converter import ObservedVisit
from ctmo_indi.scheduling.simulated_orders import OrderSource
from ctmo_indi.scheduling.target import PendingOrder

_SECONDS_PER_DEG = 240.0
_HOUR = timedelta(hours=1)
_SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)


@dataclass(frozen=True, slots=True)
class SimulatedNight:
    """What became of one night; all in seconds of the sky.

    Parameters
    ----------
    number
        From 1.
    night
        Dusk and dawn; both the same when it does not get dark.
    waiting, completed
        Orders at dusk, and how many of them have all their frames at dawn.
    exposing_s
        Shutter of the camera open.
    slewing_s
        Before the first exposures: opening, slews, dome, filter.
    observing_s
        Slews, exposures and readouts together, as far as they lie in the night.
    weather_s
        Closed by weather while nothing was being observed.
    """

    number: int
    night: Night
    targets: tuple[PlannedTarget, ...]
    waiting: int
    completed: int
    exposing_s: float
    slewing_s: float
    observing_s: float
    weather_s: float

    @property
    def length_s(self) -> float:
        """From dusk to dawn."""
        return (self.night.morning - self.night.evening).total_seconds()

    @property
    def idle_s(self) -> float:
        """Open or able to be, and nothing to do."""
        return max(0.0, self.length_s - self.observing_s - self.weather_s)

    @property
    def visits(self) -> Iterator[ObservedVisit]:
        """What is written about each visit."""
        for one in self.targets:
            yield ObservedVisit(
                simulated(one.target, one.visit.start_utc_s),
                night=self.number,
                slew_s=one.visit.slew_s,
                visit_s=one.visit.end_utc_s - one.visit.start_utc_s,
                note=one.target.note,
            )


class NightSimulation:
    """Simulates nights one after the other; what the driver learns stays with it.

    Parameters
    ----------
    driver
        Configured, and given ``models``.
    orders
        What waits at the beginning of each night.
    weather
        Probability, 0 to 1, that an hour of the night is closed.
    seed
        Of the weather.
    """

    def __init__(
        self,
        driver: Driver,
        models: Models,
        site: Site,
        orders: OrderSource,
        *,
        weather: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._driver = driver
        self._models = models
        self._site = site
        self._orders = orders
        self._weather = weather
        self._seed = seed

    def nights(self, first: date, count: int) -> Iterator[SimulatedNight]:
        """Simulate ``count`` nights, the first in the evening of ``first`` (the site's date).

        Raises
        ------
        DriverError
            The driver breaks its contract.
        """
        for index in range(count):
            yield self._night(self._night_of(first + timedelta(days=index)), index + 1)

    def _night_of(self, evening: date) -> Night:
        """Return the night of a date; one without length where it does not get dark."""
        noon_s = datetime(evening.year, evening.month, evening.day, 12, tzinfo=UTC).timestamp()
        noon_s -= self._site.longitude_deg * _SECONDS_PER_DEG
        noon = datetime.fromtimestamp(noon_s + 1.0, UTC)
        found = self._models.sky.night(noon)
        label = f"{evening:%Y%m%d}"
        return found if found.label == label else Night(label, noon, noon)

    def _night(self, night: Night, number: int) -> SimulatedNight:
        pending = tuple(self._orders.waiting(night, number))
        left = {order.receipt: order for order in pending}
        targets: list[PlannedTarget] = []
        busy_until = night.evening
        weather_s = 0.0
        filter_name = None
        for begin, end, is_open in self._spells(night):
            begin = max(begin, busy_until)
            if begin >= end:
                continue
            if not is_open:
                weather_s += (end - begin).total_seconds()
                continue
            if targets:
                filter_name = targets[-1].visit.after.filter_name
            conditions = _at_dusk(begin, tuple(left.values()), filter_name)
            for planned in LookAhead(self._driver, self._models).targets(conditions, until=end):
                targets.append(planned)
                _take(left, planned)
            if targets:
                busy_until = datetime.fromtimestamp(targets[-1].visit.end_utc_s, UTC)
        self._orders.left(tuple(left.values()))
        return _summed(number, night, targets, len(pending), len(left), weather_s)

    def _spells(self, night: Night) -> Iterator[tuple[datetime, datetime, bool]]:
        """Yield spans of open and closed hours, joined."""
        lots = np.random.default_rng((self._seed, int(night.label), 1))
        begin, is_open = night.evening, True
        at = night.evening
        while at < night.morning:
            is_good = bool(lots.random() >= self._weather)
            if is_good is not is_open:
                if at > begin:
                    yield begin, at, is_open
                begin, is_open = at, is_good
            at += _HOUR
        if night.morning > begin:
            yield begin, night.morning, is_open


def _at_dusk(
    utc: datetime, pending: tuple[PendingOrder, ...], filter_name: str | None
) -> Conditions:
    """A closed observatory that may open."""
    return Conditions(
        utc=utc,
        observatory=ObservatoryState.CLOSED,
        verdict=_SAFE,
        verdict_age_s=0.0,
        telescope_answers=True,
        pending=pending,
        state=ObservatoryModelState(utc.timestamp(), filter_name=filter_name),
    )


def _take(left: dict[str, PendingOrder], planned: PlannedTarget) -> None:
    """Take the frames of a target from its order."""
    order = left.get(planned.target.receipt)
    if order is None:
        return
    after = order.after(planned.target.count, planned.visit.start_utc_s)
    if after is not None:
        left[order.receipt] = after
    else:
        del left[order.receipt]


def _summed(
    number: int,
    night: Night,
    targets: Sequence[PlannedTarget],
    waiting: int,
    left: int,
    weather_s: float,
) -> SimulatedNight:
    morning_s = night.morning.timestamp()
    return SimulatedNight(
        number=number,
        night=night,
        targets=tuple(targets),
        waiting=waiting,
        completed=waiting - left,
        exposing_s=sum(one.target.count * one.target.request.exposure_s for one in targets),
        slewing_s=sum(one.visit.slew_s for one in targets),
        observing_s=sum(
            min(one.visit.end_utc_s, morning_s) - (one.visit.start_utc_s - one.visit.slew_s)
            for one in targets
        ),
        weather_s=weather_s,
    )


def summary(nights: Sequence[SimulatedNight]) -> Mapping[str, float | int]:
    """Return the figures of all nights together; shares are of the time from dusk to dawn.

    "open shutter" is what the camera exposes, "idle" what is neither observing nor weather.
    """
    length_s = sum(one.length_s for one in nights)
    visits = sum(len(one.targets) for one in nights)

    def percent(seconds: float) -> float:
        return round(100.0 * seconds / length_s, 2) if length_s else 0.0

    return {
        "Nights": len(nights),
        "Visits": visits,
        "Orders": sum(one.waiting for one in nights),
        "Completed": sum(one.completed for one in nights),
        "Dark (h)": round(length_s / 3600.0, 3),
        "Open Shutter (%)": percent(sum(one.exposing_s for one in nights)),
        "Idle (%)": percent(sum(one.idle_s for one in nights)),
        "Weather (%)": percent(sum(one.weather_s for one in nights)),
        "Mean Slew (s)": round(sum(one.slewing_s for one in nights) / visits, 2) if visits else 0.0,
    }

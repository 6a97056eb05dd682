"""What can be said of an order's place in a plan: in it, left out, or without time."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.planner.constraint_states import clock_text
from ctmo_indi.planner.plan import PlannedVisit


@dataclass(frozen=True, slots=True)
class AtMinute:
    """Who has the minute that was asked about.

    Parameters
    ----------
    visit
        Whose setup or exposures it lies in; None: nothing is planned then.
    loss
        How much less the plan is worth with the order in its place; None: the order cannot stand
        there, or it is not known.
    """

    utc_s: float
    visit: PlannedVisit | None
    loss: float | None = None

    def to_wire(self) -> dict[str, object]:
        """Return its keys."""
        if self.visit is None:
            return {"At Minute": {"At": clock_text(self.utc_s)}}
        told: dict[str, object] = {
            "At": clock_text(self.utc_s),
            "Receipt": self.visit.key,
            "Start": clock_text(self.visit.start_utc_s),
            "End": clock_text(self.visit.end_utc_s),
        }
        if self.loss is not None:
            told["Loss"] = round(self.loss, 3)
        return {"At Minute": told}


@dataclass(frozen=True, slots=True)
class InPlan:
    """A visit of the plan; ``place`` from 1 to ``visits``."""

    visit: PlannedVisit
    place: int
    visits: int
    minute: AtMinute | None = None

    def to_wire(self) -> dict[str, object]:
        """Return its keys."""
        return {
            "Planned": True,
            "Place": self.place,
            "Visits": self.visits,
            "Start": clock_text(self.visit.start_utc_s),
            "End": clock_text(self.visit.end_utc_s),
            "Setup": round(self.visit.setup_s, 1),
            "Value": round(self.visit.value, 3),
            **({} if self.minute is None else self.minute.to_wire()),
        }


@dataclass(frozen=True, slots=True)
class NoTime:
    """In what is left of the plan's night the order cannot start."""

    def to_wire(self) -> dict[str, object]:
        """Return its keys."""
        return {"Planned": False}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What an order that is not in the plan would have been worth at its best start.

    Parameters
    ----------
    start_utc_s
        Where its value exceeds the price of the time it takes by most, or falls short by least.
    value, price
        Of the visit there; of the time of setup and visit. ``price`` is None where the plan's
        prices are not known: then the start is the one of most value.
    setup_s
        What was taken for its setup.
    rate
        Value of a second of setup and visit.
    rivals
        Visits of the plan in that time, and of each its value of a second.
    gap
        The plan's.
    exchange
        The visit that it could stand in place of at the least loss, and how much the plan would be
        worth less then; None: it fits in place of no single one.
    is_timed
        The loss is by the planner's timing of the whole plan; else it is estimated, between the
        same neighbours.
    group
        Orders without which it is not planned; empty for one on its own.
    """

    start_utc_s: float
    end_utc_s: float
    value: float
    price: float | None
    setup_s: float
    rate: float
    rivals: tuple[tuple[PlannedVisit, float], ...]
    gap: float
    exchange: tuple[PlannedVisit, float] | None = None
    is_timed: bool = False
    group: tuple[str, ...] = ()
    minute: AtMinute | None = None

    @property
    def profit(self) -> float | None:
        """Value less the price of its time."""
        return None if self.price is None else self.value - self.price

    @property
    def rivals_value(self) -> float:
        """What would be lost by putting it there."""
        return float(sum(visit.value for visit, _ in self.rivals))

    def to_wire(self) -> dict[str, object]:
        """Return its keys."""
        wire: dict[str, object] = {
            "Planned": False,
            "Best Start": clock_text(self.start_utc_s),
            "Best End": clock_text(self.end_utc_s),
            "Value": round(self.value, 3),
            "Setup": round(self.setup_s, 1),
            "Value per Second": round(self.rate, 5),
            "Instead": [
                {
                    "Receipt": visit.key,
                    "Start": clock_text(visit.start_utc_s),
                    "End": clock_text(visit.end_utc_s),
                    "Value": round(visit.value, 3),
                    "Value per Second": round(rate, 5),
                }
                for visit, rate in self.rivals
            ],
            "Gap": round(self.gap, 6),
            "Group": list(self.group),
        }
        if self.price is not None:
            wire |= {
                "Price of Time": round(self.price, 3),
                "Net Profit": round(self.value - self.price, 3),
            }
        if self.exchange is not None:
            visit, loss = self.exchange
            wire |= {
                "Nearest": visit.key,
                "Nearest Loss": round(loss, 3),
                "Nearest Is Timed": self.is_timed,
            }
        return wire | ({} if self.minute is None else self.minute.to_wire())

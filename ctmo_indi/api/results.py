"""What comes back: frozen values with units in their names; ``raw`` is the reply as it came.

Instants are aware and UTC. What the reply leaves out is None, 0 or empty: ``raw`` tells which.
The keys of ``raw`` are explained in ``xmlrpc/front_desk.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ctmo_indi.api.reading import Reading, as_it_came, each, told
from ctmo_indi.api.replies import Reply, instant, is_true, number, struct, text, texts, whole
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS, SETTLED_ORDERS

_SETTLED = frozenset(SETTLED_ORDERS) | frozenset(SETTLED_ATTEMPTS)


@dataclass(frozen=True, slots=True)
class Receipt(Reading):
    """An order that was accepted; its text is the receipt.

    Parameters
    ----------
    receipt
        By which the desk knows it.
    order_id
        The sender's ID, or the one given.
    priority
        As assigned, 0 (last) to 10 (first).
    ra_deg, dec_deg
        Where, as understood: ICRS; None for what is no fixed place.
    """

    receipt: str = told(text, "Receipt")
    order_id: str = told(text, "ID")
    status: str = told(text, "Status")
    message: str = told(text, "Message")
    priority: float | None = told(number, "Priority")
    ra_deg: float | None = told(number, "RA")
    dec_deg: float | None = told(number, "Dec")
    raw: Reply = as_it_came()

    def __str__(self) -> str:
        return self.receipt


@dataclass(frozen=True, slots=True)
class Exposure(Reading):
    """A raw frame of an order.

    Parameters
    ----------
    path
        Of the file, on the telescope's machine.
    start_mjd, end_mjd
        UTC.
    """

    exposure_id: str = told(text, "Exposure ID")
    path: str = told(text, "Path")
    filter_name: str = told(text, "Filter")
    exposure_s: float | None = told(number, "Exposure Time")
    start_mjd: float | None = told(number, "MJD Start")
    end_mjd: float | None = told(number, "MJD End")
    ra_deg: float | None = told(number, "RA")
    dec_deg: float | None = told(number, "Dec")
    raw: Reply = as_it_came()


@dataclass(frozen=True, slots=True)
class OrderStatus(Reading):
    """How it is with an order, or with a command by hand.

    Parameters
    ----------
    status
        Its state: PENDING, SCHEDULED, IN_PROGRESS, COMPLETED ...
    count, good_count
        Frames wanted, and those on disk.
    failure
        Why the last attempt failed; "" where none did.
    """

    receipt: str = told(text, "Receipt")
    order_id: str = told(text, "ID")
    status: str = told(text, "Status")
    revision: int = told(whole, "Revision")
    message: str = told(text, "Message")
    reasons: tuple[str, ...] = told(texts, "Reasons")
    object_name: str = told(text, "Object")
    priority: float | None = told(number, "Priority")
    ra_deg: float | None = told(number, "RA")
    dec_deg: float | None = told(number, "Dec")
    count: int = told(whole, "Number of Exposures")
    good_count: int = told(whole, "Good Exposures")
    failure: str = told(text, "Failure")
    exposures: tuple[Exposure, ...] = told(each(Exposure), "Exposures")
    raw: Reply = as_it_came()

    @property
    def is_settled(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.status in _SETTLED

    @property
    def is_completed(self) -> bool:
        """Whether it ended well."""
        return self.status == "COMPLETED"


@dataclass(frozen=True, slots=True)
class Explanation(Reading):
    """Why an order can start at an instant, or not.

    Parameters
    ----------
    words
        Sentences, the most important first.
    first_failing
        Name of the first constraint that is not met; "" where all are.
    next_start_utc
        When a visit can start next, by sky and windows; None where it is not known.
    """

    receipt: str = told(text, "Receipt")
    at_utc: datetime | None = told(instant, "At")
    can_start: bool = told(is_true, "Can Start")
    words: tuple[str, ...] = told(texts, "Words")
    first_failing: str = told(text, "First Failing")
    next_start_utc: datetime | None = told(instant, "Next Start")
    raw: Reply = as_it_came()

    def __str__(self) -> str:
        return "\n".join(self.words)


@dataclass(frozen=True, slots=True)
class PlannedVisit(Reading):
    """One visit of the night's plan; ``altitude_deg`` is of its middle, without refraction."""

    receipt: str = told(text, "Receipt")
    object_name: str = told(text, "Object")
    filter_name: str = told(text, "Filter")
    start_utc: datetime | None = told(instant, "Start")
    end_utc: datetime | None = told(instant, "End")
    count: int = told(whole, "Count")
    exposure_s: float | None = told(number, "Exposure Time")
    ra_deg: float | None = told(number, "RA")
    dec_deg: float | None = told(number, "Dec")
    altitude_deg: float | None = told(number, "Altitude")
    value: float | None = told(number, "Value")
    raw: Reply = as_it_came()


@dataclass(frozen=True, slots=True)
class NightPlan(Reading):
    """The plan of a night.

    Parameters
    ----------
    night
        The evening's date, YYYYMMDD.
    bound
        No plan is worth more.
    gap
        (bound - value) / bound.
    preview
        Why this plan is not followed yet; "" for the one that is.
    """

    night: str = told(text, "Night")
    begin_utc: datetime | None = told(instant, "Begin")
    end_utc: datetime | None = told(instant, "End")
    made_utc: datetime | None = told(instant, "Made")
    value: float | None = told(number, "Value")
    bound: float | None = told(number, "Bound")
    gap: float | None = told(number, "Gap")
    preview: str = told(text, "Preview")
    visits: tuple[PlannedVisit, ...] = told(each(PlannedVisit), "Visits")
    raw: Reply = as_it_came()


@dataclass(frozen=True, slots=True)
class Happening(Reading):
    """One event that a service published."""

    revision: int = told(whole, "Revision")
    kind: str = told(text, "Kind")
    subject: str = told(text, "Subject")
    utc: datetime | None = told(instant, "UTC")
    data: Reply = told(struct, "Data")

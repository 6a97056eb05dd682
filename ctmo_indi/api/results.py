"""What comes back: frozen values with units in their names; ``raw`` is the reply as it came.

Instants are aware and UTC. What the reply leaves out is None, 0 or empty: ``raw`` tells which.
The keys of ``raw`` are explained in ``xmlrpc/front_desk.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ctmo_indi.api.replies import instant, number, struct, structs, text, texts, whole
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS, SETTLED_ORDERS

_SETTLED = frozenset(SETTLED_ORDERS) | frozenset(SETTLED_ATTEMPTS)
Raw = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Receipt:
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

    receipt: str
    order_id: str
    status: str
    message: str
    priority: float | None
    ra_deg: float | None
    dec_deg: float | None
    raw: Raw = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.receipt

    @classmethod
    def from_wire(cls, reply: Raw) -> Receipt:
        """Read the reply to an order."""
        return cls(
            receipt=text(reply, "Receipt"),
            order_id=text(reply, "ID"),
            status=text(reply, "Status"),
            message=text(reply, "Message"),
            priority=number(reply, "Priority"),
            ra_deg=number(reply, "RA"),
            dec_deg=number(reply, "Dec"),
            raw=reply,
        )


@dataclass(frozen=True, slots=True)
class Exposure:
    """A raw frame of an order.

    Parameters
    ----------
    path
        Of the file, on the telescope's machine.
    start_mjd, end_mjd
        UTC.
    """

    exposure_id: str
    path: str
    filter_name: str
    exposure_s: float | None
    start_mjd: float | None
    end_mjd: float | None
    ra_deg: float | None
    dec_deg: float | None
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def from_wire(cls, wire: Raw) -> Exposure:
        """Read one struct of ``Exposures``."""
        return cls(
            exposure_id=text(wire, "Exposure ID"),
            path=text(wire, "Path"),
            filter_name=text(wire, "Filter"),
            exposure_s=number(wire, "Exposure Time"),
            start_mjd=number(wire, "MJD Start"),
            end_mjd=number(wire, "MJD End"),
            ra_deg=number(wire, "RA"),
            dec_deg=number(wire, "Dec"),
            raw=wire,
        )


@dataclass(frozen=True, slots=True)
class OrderStatus:
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

    receipt: str
    order_id: str
    status: str
    revision: int
    message: str
    reasons: tuple[str, ...]
    object_name: str
    priority: float | None
    ra_deg: float | None
    dec_deg: float | None
    count: int
    good_count: int
    failure: str
    exposures: tuple[Exposure, ...]
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def from_wire(cls, reply: Raw) -> OrderStatus:
        """Read a Status reply about an order, an attempt or a command."""
        return cls(
            receipt=text(reply, "Receipt"),
            order_id=text(reply, "ID"),
            status=text(reply, "Status"),
            revision=whole(reply, "Revision"),
            message=text(reply, "Message"),
            reasons=texts(reply, "Reasons"),
            object_name=text(reply, "Object"),
            priority=number(reply, "Priority"),
            ra_deg=number(reply, "RA"),
            dec_deg=number(reply, "Dec"),
            count=whole(reply, "Number of Exposures"),
            good_count=whole(reply, "Good Exposures"),
            failure=text(reply, "Failure"),
            exposures=tuple(map(Exposure.from_wire, structs(reply, "Exposures"))),
            raw=reply,
        )

    @property
    def is_settled(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.status in _SETTLED

    @property
    def is_completed(self) -> bool:
        """Whether it ended well."""
        return self.status == "COMPLETED"


@dataclass(frozen=True, slots=True)
class Explanation:
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

    receipt: str
    at_utc: datetime | None
    can_start: bool
    words: tuple[str, ...]
    first_failing: str
    next_start_utc: datetime | None
    raw: Raw = field(repr=False, compare=False)

    def __str__(self) -> str:
        return "\n".join(self.words)

    @classmethod
    def from_wire(cls, reply: Raw) -> Explanation:
        """Read an Explain reply."""
        return cls(
            receipt=text(reply, "Receipt"),
            at_utc=instant(reply, "At"),
            can_start=reply.get("Can Start") is True,
            words=texts(reply, "Words"),
            first_failing=text(reply, "First Failing"),
            next_start_utc=instant(reply, "Next Start"),
            raw=reply,
        )


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One visit of the night's plan; ``altitude_deg`` is of its middle, without refraction."""

    receipt: str
    object_name: str
    filter_name: str
    start_utc: datetime | None
    end_utc: datetime | None
    count: int
    exposure_s: float | None
    ra_deg: float | None
    dec_deg: float | None
    altitude_deg: float | None
    value: float | None
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def from_wire(cls, wire: Raw) -> PlannedVisit:
        """Read one struct of ``Visits``."""
        return cls(
            receipt=text(wire, "Receipt"),
            object_name=text(wire, "Object"),
            filter_name=text(wire, "Filter"),
            start_utc=instant(wire, "Start"),
            end_utc=instant(wire, "End"),
            count=whole(wire, "Count"),
            exposure_s=number(wire, "Exposure Time"),
            ra_deg=number(wire, "RA"),
            dec_deg=number(wire, "Dec"),
            altitude_deg=number(wire, "Altitude"),
            value=number(wire, "Value"),
            raw=wire,
        )


@dataclass(frozen=True, slots=True)
class NightPlan:
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

    night: str
    begin_utc: datetime | None
    end_utc: datetime | None
    made_utc: datetime | None
    value: float | None
    bound: float | None
    gap: float | None
    preview: str
    visits: tuple[PlannedVisit, ...]
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def from_wire(cls, reply: Raw) -> NightPlan:
        """Read a Plan reply."""
        return cls(
            night=text(reply, "Night"),
            begin_utc=instant(reply, "Begin"),
            end_utc=instant(reply, "End"),
            made_utc=instant(reply, "Made"),
            value=number(reply, "Value"),
            bound=number(reply, "Bound"),
            gap=number(reply, "Gap"),
            preview=text(reply, "Preview"),
            visits=tuple(map(PlannedVisit.from_wire, structs(reply, "Visits"))),
            raw=reply,
        )


@dataclass(frozen=True, slots=True)
class Happening:
    """One event that a service published."""

    revision: int
    kind: str
    subject: str
    utc: datetime | None
    data: Raw

    @classmethod
    def from_wire(cls, wire: Raw) -> Happening:
        """Read one struct of ``Events``."""
        return cls(
            revision=whole(wire, "Revision"),
            kind=text(wire, "Kind"),
            subject=text(wire, "Subject"),
            utc=instant(wire, "UTC"),
            data=struct(wire, "Data"),
        )

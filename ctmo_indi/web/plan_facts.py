"""What is planned for the rest of a night, or predicted: read from the scheduler's replies.

Pure; what a reply does not tell, or tells in another form than expected, is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ctmo_indi.web.wire_readers import Wire, number, struct, structs, text, unix_s

_DAY_S = 86400.0
_UNIX_EPOCH_MJD = 40587.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of the plan; places in ICRS degrees, times in Unix seconds."""

    receipt: str
    label: str
    filter_name: str
    start_s: float
    end_s: float
    ra_deg: float
    dec_deg: float
    count: int
    exposure_s: float
    priority: float


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """The plan as the scheduler told it.

    Parameters
    ----------
    made, changed
        ISO 8601; empty where it is not told.
    preview
        Why nothing is followed yet; what is shown would be done.
    refused
        Why the plan is not followed at all.
    number
        Visits of the plan; ``visits`` may be fewer.
    """

    night: str
    made: str
    changed: str
    value: float
    gap: float
    filled: float
    preview: str
    refused: str
    number: int
    visits: tuple[Visit, ...]


def plan_of(reply: Wire) -> PlanFacts:
    """Read the reply to a Plan order; a visit without place or time is left out."""
    visits = []
    for one in structs(reply.get("Visits")):
        start_s, end_s = unix_s(one.get("Start")), unix_s(one.get("End"))
        ra_deg, dec_deg = number(one.get("RA")), number(one.get("Dec"))
        if not (math.isfinite(start_s + ra_deg + dec_deg) and start_s <= end_s):
            continue
        visits.append(
            Visit(
                receipt=text(one.get("Receipt")),
                label=text(one.get("Object")) or text(one.get("ID")) or text(one.get("Receipt")),
                filter_name=text(one.get("Filter")),
                start_s=start_s,
                end_s=end_s,
                ra_deg=ra_deg,
                dec_deg=dec_deg,
                count=int(number(one.get("Count"), 0.0)),
                exposure_s=number(one.get("Exposure Time"), 0.0),
                priority=number(one.get("Priority"), 0.0),
            )
        )
    return PlanFacts(
        night=text(reply.get("Night")),
        made=text(reply.get("Made")),
        changed=text(reply.get("Changed")),
        value=number(reply.get("Value"), 0.0),
        gap=number(reply.get("Gap"), 0.0),
        filled=number(reply.get("Filled"), 0.0),
        preview=text(reply.get("Preview")),
        refused=text(reply.get("Refused")),
        number=int(number(reply.get("Number of Visits"), float(len(visits)))),
        visits=tuple(visits),
    )


def predicted_of(status: Wire) -> PlanFacts | None:
    """Read what a driver without a plan is predicted to do, from the scheduler's Status.

    Returns
    -------
    PlanFacts or None
        Without receipts and figures; None where nothing is predicted.
    """
    told = struct(status.get("Predicted Schedule"))
    columns = [
        column if isinstance(column := told.get(key), list) else []
        for key in (
            *("Target", "Filter", "MJD", "End", "RA", "Dec"),
            *("Number of Exposures", "Exposure Time"),
        )
    ]
    visits = []
    for name, filter_name, begin, end, ra_deg, dec_deg, count, exposure_s in zip(
        *columns, strict=False
    ):
        start_s, end_s = (_DAY_S * (number(mjd) - _UNIX_EPOCH_MJD) for mjd in (begin, end))
        place = number(ra_deg), number(dec_deg)
        if not math.isfinite(start_s + end_s + sum(place)):
            continue
        visits.append(
            Visit(
                "", text(name), text(filter_name), start_s, end_s, *place,
                int(number(count, 0.0)), number(exposure_s, 0.0), math.nan,
            )
        )  # fmt: skip
    if not visits:
        return None
    return PlanFacts(
        night="",
        made=text(told.get("UTC")),
        changed="",
        value=math.nan,
        gap=math.nan,
        filled=math.nan,
        preview="",
        refused="",
        number=len(visits),
        visits=tuple(visits),
    )

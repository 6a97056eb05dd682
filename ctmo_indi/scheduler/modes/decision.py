"""What the driver's thread is asked, and what it answers: frozen values that cross threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.profiles import Site
from ctmo_indi.scheduler.modes.queue_view import QueueView
from ctmo_indi.scheduler.safety_link import VerdictNews
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.lookahead import PlannedTarget
from ctmo_indi.scheduling.target import DriverTarget, NextTarget, PendingOrder

REASONS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What a decision is made on; put together in the engine thread.

    Parameters
    ----------
    not_before_utc_s
        Targets of the driver's own that rest, as Conditions has them.
    view
        Scripts of the queue that stay there.
    """

    pending: tuple[PendingOrder, ...]
    news: VerdictNews | None
    not_before_utc_s: Mapping[str, float]
    view: QueueView = field(default_factory=QueueView)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the driver's thread found.

    Parameters
    ----------
    next_target
        When one is expected; only when there is none and it was asked for.
    snapshot
        Address of the driver's state that the targets were chosen from.
    no_room
        Why nothing can be decided while nothing can be stored; "" when it can.
    """

    conditions: Conditions
    night: Night
    targets: tuple[PlannedTarget, ...] = ()
    next_target: NextTarget | None = None
    snapshot: str = ""
    no_room: str = ""


def with_slew(planned: PlannedTarget) -> DriverTarget:
    """Return the target with the model's slew time, unless the driver gave one."""
    target = planned.target
    return target if target.slew_time_s > 0.0 else replace(target, slew_time_s=planned.visit.slew_s)


def placed(planned: PlannedTarget, site: Site) -> PlannedTarget:
    """Work out where the target stands at its decision, and its air mass unless the driver did."""
    with FIRST_IMPORT:
        from ctmo_indi.models import (  # heavy: only the driver's thread needs them
            coordinates,
            moving_targets,
        )

    target, visit = planned.target, planned.visit
    if not target.request.has_place:
        return planned
    decided_utc_s = visit.start_utc_s - visit.slew_s
    ra_deg, dec_deg = moving_targets.place_icrs_deg(target.request, site, decided_utc_s)
    altitude_deg, azimuth_deg = coordinates.altaz(ra_deg, dec_deg, site, decided_utc_s)
    airmass = target.airmass
    if airmass is None and altitude_deg >= 0.0:
        airmass = coordinates.airmass(altitude_deg)
    target = replace(
        target,
        altitude_deg=altitude_deg,
        azimuth_deg=azimuth_deg,
        airmass=airmass,
        ra_deg=ra_deg,
        dec_deg=dec_deg,
    )
    return replace(planned, target=target)


def reasons(last: Decision) -> list[str]:
    """Why there is no target, one line each."""
    blocked = list(last.conditions.sky_forbidden)
    if last.next_target is None:
        return blocked
    if not last.conditions.pending:
        blocked.append("no order is pending")
    for receipt, texts in list(last.next_target.reasons.items())[:REASONS_SHOWN]:
        blocked.extend(f"{receipt}: {reason}" for reason in texts)
    return blocked

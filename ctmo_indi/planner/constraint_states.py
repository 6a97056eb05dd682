"""What stands for and against one order at one instant: every constraint, its value, its limit.

Limits of the sky are the rules of ``models/observing_rules.py``, in their words; windows, times of
the order and what the observatory says stand beside them. Pure; works without any plan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ctmo_indi.models.coordinates import airmass, from_unix_s, horizontal_deg
from ctmo_indi.models.motions import BodyMotion
from ctmo_indi.models.moving_targets import GOOD_TO_ARCSEC, place_rad
from ctmo_indi.models.observing_rules import Rule, Skies, horizon_deg, rules
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import Limits, NightPolicy, Site

KNOWN_FOR_S = 60.0
"""How long before and after the instant it was learnt at the observatory's state is taken to be."""

_HOURS_PER_RAD = 12.0 / math.pi


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What besides the sky stands against an order.

    Parameters
    ----------
    over
        Why it is not observed any more, such as "the order is COMPLETED"; "": it waits.
    not_before_utc_s
        Unix seconds before which it is not tried (again), or its next visit is not due.
    blocked
        Why nothing at all may be done: lock, stop, takeover, a silent telescope.
    forbidden
        Why no frame of the sky may be taken: the verdict, the observatory's state.
    known_utc_s
        When ``blocked`` and ``forbidden`` were learnt: they say nothing of other times. None:
        nothing is known of them.
    """

    over: str = ""
    not_before_utc_s: float = -math.inf
    blocked: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    known_utc_s: float | None = None

    def tell_of(self, utc_s: float) -> bool:
        """Whether what is known of the observatory is known for that instant."""
        return self.known_utc_s is not None and abs(utc_s - self.known_utc_s) <= KNOWN_FOR_S


@dataclass(frozen=True, slots=True)
class ConstraintState:
    """One constraint at one instant.

    Parameters
    ----------
    text
        In words, with value and limit.
    value, limit
        In ``unit``; None where the constraint is no number.
    at_least
        Whether the value must not be below the limit; None where there is none.
    asked_by
        Whose limit it is; "" where that says nothing.
    rule
        Place among the rules of ``observing_rules``, -1 for others.
    """

    name: str
    text: str
    is_met: bool
    unit: str = ""
    value: float | None = None
    limit: float | None = None
    at_least: bool | None = None
    asked_by: str = ""
    rule: int = -1

    def to_wire(self) -> dict[str, object]:
        """Return its keys; what does not apply is left out."""
        wire: dict[str, object] = {"Name": self.name, "Met": self.is_met, "Text": self.text}
        if self.value is not None and self.limit is not None:
            wire |= {
                "Value": round(self.value, 4),
                "Limit": round(self.limit, 4),
                "Sense": "at least" if self.at_least else "at most",
                "Unit": self.unit.strip(),
            }
        if self.asked_by:
            wire["Asked By"] = self.asked_by
        return wire


@dataclass(frozen=True, slots=True)
class TargetPlace:
    """Where the target stands.

    Parameters
    ----------
    altitude_deg
        Without refraction.
    airmass
        None below the horizon.
    good_to_arcsec
        The most by which the place of a planet or of the Moon is off; None for all others.
    """

    altitude_deg: float
    azimuth_deg: float
    hour_angle_h: float
    airmass: float | None
    good_to_arcsec: float | None = None

    def to_wire(self) -> dict[str, object]:
        """Return its keys."""
        wire: dict[str, object] = {
            "Altitude": round(self.altitude_deg, 3),
            "Azimuth": round(self.azimuth_deg, 3),
            "Hour Angle": round(self.hour_angle_h, 4),
        }
        if self.airmass is not None:
            wire["Airmass"] = round(self.airmass, 3)
        if self.good_to_arcsec is not None:
            wire["Good To"] = self.good_to_arcsec
        return wire


def place_at(request: ObservationRequest, site: Site, utc_s: float) -> TargetPlace | None:
    """Return where an order's target stands; None when it names no place."""
    if not request.has_place:
        return None
    skies = Skies.at(site, utc_s)
    ra_rad, dec_rad = place_rad(request, skies.frame, site, skies.times_s)
    ha_rad = np.atleast_1d(skies.frame.hour_angle_rad(ra_rad, site))
    altitude, azimuth = horizontal_deg(ha_rad, dec_rad, site)
    up_deg, motion = float(altitude[0]), request.motion
    return TargetPlace(
        up_deg,
        float(azimuth[0]),
        float(ha_rad[0]) * _HOURS_PER_RAD,
        float(airmass(up_deg)) if up_deg >= 0.0 else None,
        GOOD_TO_ARCSEC[motion.body] if isinstance(motion, BodyMotion) else None,
    )


def constraint_states(
    request: ObservationRequest,
    site: Site,
    limits: Limits,
    night: NightPolicy,
    utc_s: float,
    known: Circumstances,
) -> tuple[ConstraintState, ...]:
    """Return every constraint at an instant: the order's times, the sky, then the observatory.

    Those of the sky that are not met are those of ``observability.observable_now``, word for word.
    """
    found = [*_of_times(request, utc_s, known)]
    if request.frame_type.needs_sky:
        place = place_at(request, site, utc_s)
        for index, rule in enumerate(rules(request, Skies.at(site, utc_s), limits, night)):
            found.append(_of_rule(index, rule, request, limits, night, place))
    if known.tell_of(utc_s):
        found.append(_of_reasons("observatory", known.blocked, "nothing holds the observatory"))
        if request.frame_type.needs_sky:
            more = tuple(one for one in known.forbidden if one not in known.blocked)
            found.append(_of_reasons("safety", more, "safety lets the sky be observed"))
    return tuple(found)


def clock_text(utc_s: float) -> str:
    """Return an instant in ISO 8601, UTC, to the second."""
    return from_unix_s(utc_s).strftime("%Y-%m-%dT%H:%M:%SZ")


def _of_times(
    request: ObservationRequest, utc_s: float, known: Circumstances
) -> list[ConstraintState]:
    found = []
    if known.over:
        found.append(ConstraintState("state", known.over, is_met=False))
    if request.windows:
        found.append(_of_windows(request, utc_s))
    if math.isfinite(known.not_before_utc_s) and known.not_before_utc_s > 0.0:
        is_due = utc_s >= known.not_before_utc_s
        text = f"not before {clock_text(known.not_before_utc_s)}"
        found.append(ConstraintState("not before", text, is_due))
    if request.latest_start_utc_s is not None:
        is_early = utc_s <= request.latest_start_utc_s
        until = clock_text(request.latest_start_utc_s)
        text = f"begins by {until}" if is_early else f"its start is missed: expected by {until}"
        found.append(ConstraintState("latest start", text, is_early))
    return found


def _of_windows(request: ObservationRequest, utc_s: float) -> ConstraintState:
    """Say it as ``observability`` does."""
    windows = request.windows
    inside = [one for one in windows if one.start_utc_s <= utc_s <= one.end_utc_s]
    coming = [one.start_utc_s for one in windows if one.start_utc_s > utc_s]
    if inside:
        text = f"inside a window, which ends at {clock_text(max(o.end_utc_s for o in inside))}"
    elif coming:
        text = f"outside its windows, the next begins at {clock_text(min(coming))}"
    else:
        last_s = max(one.end_utc_s for one in windows)
        text = f"every window has ended, the last at {clock_text(last_s)}"
    return ConstraintState("windows", text, bool(inside), asked_by="the order")


def _of_rule(
    index: int,
    rule: Rule,
    request: ObservationRequest,
    limits: Limits,
    night: NightPolicy,
    place: TargetPlace | None,
) -> ConstraintState:
    return ConstraintState(
        name=rule.name,
        text=rule.reason(),
        is_met=bool(rule.slack[0] >= 0.0),
        unit=rule.unit,
        value=float(rule.values[0]),
        limit=float(rule.bounds[0]),
        at_least=rule.at_least,
        asked_by=_asked_by(rule, request, limits, night, place),
        rule=index,
    )


def _asked_by(
    rule: Rule,
    request: ObservationRequest,
    limits: Limits,
    night: NightPolicy,
    place: TargetPlace | None,
) -> str:
    """Say whose limit a rule is: of several that are one rule, the one that binds."""
    wants = request.constraints
    if rule.name == "altitude":
        if not rule.at_least or place is None:
            return "the mount"
        own_deg = -90.0 if wants.min_altitude_deg is None else wants.min_altitude_deg
        local_deg = float(horizon_deg(limits, place.azimuth_deg))
        if own_deg > local_deg:
            return "the order"
        is_mask = local_deg > limits.horizon_deg
        return f"the horizon mask at azimuth {place.azimuth_deg:.0f} deg" if is_mask else "the site"
    if rule.name == "Sun altitude":
        own_deg = 90.0 if wants.max_sun_altitude_deg is None else wants.max_sun_altitude_deg
        return "the order" if own_deg < night.sun_max_altitude_deg else "the site's night"
    if rule.name == "meridian flip margin":
        return "the mount"
    is_sites = rule.name == "Sun separation" or (
        rule.name == "hour angle" and rule.bounds[0] == limits.max_hour_angle_h
    )
    return "the site" if is_sites else "the order"


def _of_reasons(name: str, reasons: tuple[str, ...], otherwise: str) -> ConstraintState:
    return ConstraintState(name, "; ".join(reasons) or otherwise, is_met=not reasons)

"""Read which target an Observation order means: RA and Dec, a name, a body, an orbit, a direction.

The schema has seen to it that an order names its target once. ``Object`` is a label; it is looked
up only where nothing else names the target, and what was found is put into the order, so that the
same target is meant after any change of the catalogue.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.models.motions import (
    BodyMotion,
    FixedHorizontal,
    Motion,
    Orbit,
    SolarSystemBody,
    mean_motion_deg,
)
from ctmo_indi.models.named_objects import UnknownObject, find_object
from ctmo_indi.models.states import FrameType
from ctmo_indi.work_orders.draft import Draft

_BODIES = {body.value.casefold(): body for body in SolarSystemBody}
_LEAST_DISTANCE_AU = 0.001  # inside the Sun


@dataclass(frozen=True, slots=True)
class Target:
    """What an order names; both places None: no sky, or wrong.

    Parameters
    ----------
    name
        For header and lists.
    """

    name: str
    ra_deg: float | None = None
    dec_deg: float | None = None
    motion: Motion | None = None


def read_target(draft: Draft, frame_type: FrameType) -> Target:
    """Return the target; what cannot be read is noted in the draft's problems.

    Blocks for some milliseconds when a name is looked up for the first time.
    """
    name = str(draft.good("Object") or "")
    ra_deg, dec_deg = draft.pointing()
    wire, body = draft.wire, draft.good("Solar System Body")
    if body is not None:
        return Target(name or body, motion=BodyMotion(SolarSystemBody(body)))
    if "Orbit" in wire:
        return Target(name, motion=_orbit(draft))
    if "Altitude" in wire or "Azimuth" in wire:
        altitude_deg, azimuth_deg = draft.finite("Altitude"), draft.finite("Azimuth")
        if altitude_deg is None or azimuth_deg is None:
            return Target(name)
        return Target(name, motion=FixedHorizontal(altitude_deg, azimuth_deg))
    is_named_only = not {"RA", "Dec", "Solar System Body"} & wire.keys()
    if name and is_named_only and frame_type is FrameType.LIGHT:
        return _named(draft, name)
    return Target(name, ra_deg, dec_deg)


def motion_to_wire(motion: Motion | None) -> dict[str, object]:
    """Return the keys that name a moving target; none for the others."""
    if isinstance(motion, BodyMotion):
        return {"Solar System Body": motion.body.value}
    if isinstance(motion, FixedHorizontal):
        return {"Altitude": motion.altitude_deg, "Azimuth": motion.azimuth_deg}
    if isinstance(motion, Orbit):
        elements = {
            "Perihelion Distance": motion.perihelion_distance_au,
            "Eccentricity": motion.eccentricity,
            "Inclination": motion.inclination_deg,
            "Ascending Node": motion.ascending_node_deg,
            "Argument of Perihelion": motion.perihelion_deg,
            "Perihelion Time": motion.perihelion_jd,
        }
        return {"Orbit": elements | ({"Epoch": motion.epoch_jd} if motion.epoch_jd else {})}
    return {}


def _named(draft: Draft, name: str) -> Target:
    body = _BODIES.get(name.strip().casefold())
    if body is not None:
        draft.wire["Solar System Body"] = body.value
        draft.wire.pop("RA Unit", None)  # of an RA that is not there: a body has none beside it
        return Target(name, motion=BodyMotion(body))
    try:
        found = find_object(name)
    except UnknownObject as error:
        draft.problems.came(
            "Object",
            name,
            f"{error}, expected a name of NGC, IC, Messier or another of OpenNGC, a planet or the"
            " Moon, or RA and Dec beside it",
        )
        return Target(name)
    draft.wire.update({"RA": found.ra_deg, "Dec": found.dec_deg, "RA Unit": "deg"})
    return Target(name, found.ra_deg, found.dec_deg)


def _orbit(draft: Draft) -> Orbit | None:
    """Return the elements; None when they are wrong, contradict each other, or do not suffice."""
    came = draft.good("Orbit")
    if not isinstance(came, Mapping):
        return None
    values: dict[str, float] = {}
    for key, value in came.items():
        if not math.isfinite(value):
            draft.problems.came(f"Orbit.{key}", value, "expected a finite number")
        values[key] = float(value)
    eccentricity = values["Eccentricity"]
    _exactly_one(draft, values, "Perihelion Distance", "Semi-major Axis")
    _exactly_one(draft, values, "Perihelion Time", "Mean Anomaly")
    if eccentricity >= 1.0:
        for key in ("Semi-major Axis", "Mean Anomaly"):
            if key in values:
                expected = "expected with Eccentricity < 1 only (an open orbit has Perihelion "
                expected += "Distance and Perihelion Time)"
                draft.problems.came(f"Orbit.{key}", values[key], expected)
    if "Mean Anomaly" in values and "Epoch" not in values:
        draft.problems.add("Orbit.Epoch", "missing, expected with Mean Anomaly, which holds then")
    if "Orbit" in draft.problems:
        return None
    draft.wire["Orbit"] = values  # 10 and 10.0 are the same wish, whatever the sender's language
    if "Perihelion Distance" in values:
        distance_au = values["Perihelion Distance"]
    else:
        distance_au = values["Semi-major Axis"] * (1.0 - eccentricity)
    if distance_au < _LEAST_DISTANCE_AU:
        expected = f"expected a perihelion at {_LEAST_DISTANCE_AU:g} au at least"
        draft.problems.came("Orbit", dict(came), f"{expected}, this is {distance_au:g} au")
        return None
    perihelion_jd = values.get("Perihelion Time", 0.0)
    if "Mean Anomaly" in values:
        daily_deg = mean_motion_deg(distance_au / (1.0 - eccentricity))
        anomaly_deg = (values["Mean Anomaly"] + 180.0) % 360.0 - 180.0
        perihelion_jd = values["Epoch"] - anomaly_deg / daily_deg
    return Orbit(
        perihelion_distance_au=distance_au,
        eccentricity=eccentricity,
        inclination_deg=values["Inclination"],
        ascending_node_deg=values["Ascending Node"],
        perihelion_deg=values["Argument of Perihelion"],
        perihelion_jd=perihelion_jd,
        epoch_jd=values.get("Epoch"),
    )


def _exactly_one(draft: Draft, values: Mapping[str, float], first: str, second: str) -> None:
    if first in values and second in values:
        draft.problems.came(f"Orbit.{second}", values[second], f"expected {first} or {second}")
    elif first not in values and second not in values:
        draft.problems.add(f"Orbit.{first}", f"missing, expected {first} or {second}")

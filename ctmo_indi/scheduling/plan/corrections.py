"""What was learned of how long things take, put into the profile's kinematics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ctmo_indi.profiles import Kinematics
from ctmo_indi.scheduling.plan.step_lines import Line

_SETUP = ("mount_settle_s", "dome_settle_s", "flip_s", "filter_change_s", "filter_step_s")
_BEFORE = ("handling_s", "open_s", "unpark_s", "start_tracking_s")
_AXES = ("hour_angle", "declination", "dome")


@dataclass(frozen=True, slots=True)
class Corrections:
    """What each step takes; None: as the profile says.

    Parameters
    ----------
    ratio
        What whole ways take over what the model says, where no telescope measured their steps.
    mount, dome
        Of a slew and of a turn of the dome; the constant is their settling.
    wheel
        Of a change of filter: of the steps between slots, and what any change takes.
    readout_s, handling_s
        Seconds, instead of the profile's.
    """

    ratio: float = 1.0
    mount: Line | None = None
    dome: Line | None = None
    wheel: Line | None = None
    readout_s: float | None = None
    handling_s: float | None = None


def corrected(kinematics: Kinematics, known: Corrections) -> Kinematics:
    """Return kinematics by which everything takes as long as was learned."""
    found = scaled(kinematics, known.ratio)
    if known.mount is not None:
        values = _axis(found, "hour_angle", known.mount) | _axis(found, "declination", known.mount)
        values |= {"flip_s": found.flip_s * known.mount.factor}
        values |= {"mount_settle_s": known.mount.constant_s}
        found = replace(found, **values)
    if known.dome is not None:
        values = _axis(found, "dome", known.dome) | {"dome_settle_s": known.dome.constant_s}
        found = replace(found, **values)
    if known.wheel is not None:
        step_s = found.filter_step_s * known.wheel.factor
        found = replace(found, filter_step_s=step_s, filter_change_s=known.wheel.constant_s)
    if known.readout_s is not None:
        found = replace(found, readout_s=known.readout_s)
    if known.handling_s is not None:
        found = replace(found, handling_s=known.handling_s)
    return found


def scaled(kinematics: Kinematics, ratio: float) -> Kinematics:
    """Return kinematics by which every setup takes ``ratio`` times as long; readouts do not."""
    if ratio == 1.0:
        return kinematics
    values = {name: getattr(kinematics, name) * ratio for name in (*_SETUP, *_BEFORE)}
    for axis in _AXES:
        values |= _axis(kinematics, axis, Line(ratio))
    return replace(kinematics, **values)


def _axis(
    kinematics: Kinematics, axis: str, line: Line
) -> dict[str, Any]:  # Any: keywords of replace
    """Return rate and acceleration of an axis that takes so much longer.

    A way takes way / v + v / a, or 2 sqrt(way / a): v / factor and a / factor^2 do it.
    """
    rate, acceleration = f"{axis}_rate_deg_s", f"{axis}_acceleration_deg_s2"
    return {
        rate: getattr(kinematics, rate) / line.factor,
        acceleration: getattr(kinematics, acceleration) / line.factor**2,
    }

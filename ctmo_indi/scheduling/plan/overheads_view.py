"""What was learned of overheads as it is shown: what goes over the wire."""

from __future__ import annotations

from ctmo_indi.profiles import Kinematics
from ctmo_indi.scheduling.plan.overheads import Overheads
from ctmo_indi.scheduling.plan.step_lines import Line


def overheads_view(overheads: Overheads, kinematics: Kinematics) -> list[dict[str, object]]:
    """Return one row for each activity: what the profile says and what is planned with.

    Samples: observations that tell of it; with fewer than five the profile stands. Factor: of the
    motion by the profile's kinematics. Constant and Profile Constant: seconds in addition.
    """
    steps, known = overheads.steps, overheads.corrections(kinematics)
    whole = Line(known.ratio)
    lines = (
        ("slew and settling", len(steps.mount), known.mount, kinematics.mount_settle_s),
        ("dome", len(steps.dome), known.dome, kinematics.dome_settle_s),
        ("filter change", len(steps.wheel), known.wheel, kinematics.filter_change_s),
    )
    rows = [
        _row(name, count, line or _scaled(whole, constant_s), constant_s)
        for name, count, line, constant_s in lines
    ]
    constants = (
        ("readout", len(steps.readout), known.readout_s, kinematics.readout_s, 1.0),
        ("handling", len(steps.handling), known.handling_s, kinematics.handling_s, known.ratio),
    )
    for name, count, learned_s, profile_s, ratio in constants:
        planned_s = ratio * profile_s if learned_s is None else learned_s
        rows.append(_row(name, count, Line(1.0, planned_s), profile_s))
    if known.ratio != 1.0:
        rows.append(_row("whole ways", len(overheads.ratios), whole, 0.0))
    return rows


def _scaled(whole: Line, constant_s: float) -> Line:
    return Line(whole.factor, whole.factor * constant_s)


def _row(name: str, samples: int, line: Line, profile_s: float) -> dict[str, object]:
    return {
        "Name": name,
        "Samples": samples,
        "Factor": line.factor,
        "Constant": round(line.constant_s, 2),
        "Profile Constant": profile_s,
    }

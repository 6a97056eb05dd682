"""Read when an Observation order wants its exposures: a fixed start, a cadence, hour angles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.models.orders import Cadence, Window
from ctmo_indi.work_orders.draft import Draft
from ctmo_indi.work_orders.instants import END_UTC_S, read_instant

START_TOLERANCE_S = 60.0
CADENCE_TOLERANCE = 0.1  # of the period
_IN_CALENDAR = "expected visits that end before the year 10000"


@dataclass(frozen=True, slots=True)
class Start:
    """What the fixed start of a time-critical order comes to; empty for all others."""

    windows: tuple[Window, ...] = ()
    latest_utc_s: float | None = None


def read_start(draft: Draft, exposure_s: float, count: int) -> Start:
    """Return the window of a fixed start: all frames, begun at the latest, end in it."""
    start_utc_s, tolerance_s = draft.instant("Start"), draft.finite("Start Tolerance")
    if start_utc_s is None:
        return Start()
    if tolerance_s is None:
        tolerance_s = START_TOLERANCE_S
    length_s = count * (exposure_s + draft.profile.kinematics.readout_s)
    latest_utc_s = start_utc_s + tolerance_s
    if latest_utc_s + length_s >= END_UTC_S:
        draft.problems.came("Start", draft.good("Start"), _IN_CALENDAR)
    return Start((Window(start_utc_s - tolerance_s, latest_utc_s + length_s),), latest_utc_s)


def read_cadence(draft: Draft) -> Cadence | None:
    """Return the cadence, and write what it leaves open into the wire; None without one."""
    came = draft.good("Cadence")
    if not isinstance(came, Mapping):
        return None
    period_s = float(came["Period"])
    tolerance_s = float(came.get("Tolerance", CADENCE_TOLERANCE * period_s))
    if not tolerance_s < period_s:
        draft.problems.came("Cadence.Tolerance", tolerance_s, "expected below Period")
        return None
    visits, epoch = int(came["Visits"]), came.get("Epoch")
    wire = {"Period": period_s, "Tolerance": tolerance_s, "Visits": visits}
    if epoch is None:
        draft.wire["Cadence"] = wire
        return Cadence(period_s, tolerance_s, visits)
    if not 2.0 * tolerance_s < period_s:
        draft.problems.came(
            "Cadence.Tolerance", tolerance_s, "expected below half of Period, with an Epoch"
        )
        return None
    try:
        epoch_utc_s = read_instant(epoch)
    except ValueError as error:
        draft.problems.came("Cadence.Epoch", epoch, str(error))
        return None
    draft.wire["Cadence"] = {**wire, "Epoch": epoch}
    return Cadence(period_s, tolerance_s, visits, epoch_utc_s)


def windows_in_phase(
    draft: Draft, cadence: Cadence | None, windows: tuple[Window, ...], visit_s: float
) -> tuple[Window, ...]:
    """Return an order's windows: those of a cadence in phase, cut to the order's own."""
    if cadence is None or cadence.epoch_utc_s is None:
        return windows
    found = cadence.windows(visit_s, windows)
    if found and found[-1].end_utc_s >= END_UTC_S:
        draft.problems.came("Cadence.Epoch", draft.wire["Cadence"]["Epoch"], _IN_CALENDAR)
    if not found:
        draft.problems.add(
            "Cadence.Epoch", f"no visit of {visit_s:g} s in phase is in Windows, expected one"
        )
    return found


def check_hour_angles(draft: Draft) -> None:
    """Note limits of the hour angle between which there is nothing."""
    limits = draft.good("Constraints") or {}
    least, most = limits.get("Min Hour Angle"), limits.get("Max Hour Angle")
    if least is not None and most is not None and not least < most:
        draft.problems.came(
            "Constraints.Max Hour Angle", most, f"expected above Min Hour Angle, {least:g} h"
        )

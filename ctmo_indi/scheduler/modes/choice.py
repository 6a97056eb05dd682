"""Which operation mode a configuration asks for."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.scheduler.configuration import SchedulerCscParameters, SchedulerModes
from ctmo_indi.scheduler.modes.advance_mode import AdvanceMode
from ctmo_indi.scheduler.modes.dry_mode import DryMode
from ctmo_indi.scheduler.modes.mode import MakeMode
from ctmo_indi.scheduler.modes.simple_mode import SimpleMode

MODES: Mapping[SchedulerModes, MakeMode] = {
    SchedulerModes.SIMPLE: SimpleMode,
    SchedulerModes.ADVANCE: AdvanceMode,
    SchedulerModes.DRY: DryMode,
}


def make_mode(parameters: SchedulerCscParameters) -> MakeMode:
    """Return what makes the mode of these parameters."""
    return MODES[parameters.mode]

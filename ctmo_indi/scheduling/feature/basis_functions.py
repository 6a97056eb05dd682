"""All basis functions by the name that a configuration calls them."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.order_functions import Age, Priority, TargetOfOpportunity
from ctmo_indi.scheduling.feature.sky_functions import (
    Airmass,
    Altitude,
    AltitudeAhead,
    HourAngle,
    MoonDistance,
    MoonPhase,
    Planets,
)
from ctmo_indi.scheduling.feature.time_functions import (
    FilterChange,
    SlewTime,
    SunAltitude,
    TimeWindow,
)
from ctmo_indi.scheduling.feature.visit_functions import (
    Cadence,
    Completion,
    FastRevisit,
    Footprint,
    VisitGap,
    VisitsTonight,
)

BASIS_FUNCTIONS: Mapping[str, type[BasisFunction]] = {
    one.name: one
    for one in (
        *(Airmass, Altitude, AltitudeAhead, HourAngle, MoonDistance, MoonPhase, Planets),
        *(SunAltitude, TimeWindow, SlewTime, FilterChange),
        *(FastRevisit, VisitGap, Cadence, Footprint, VisitsTonight, Completion),
        *(Priority, Age, TargetOfOpportunity),
    )
}

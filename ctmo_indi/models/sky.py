"""The sky over a site, in one import: Sun, Moon, nights, and when an order can be observed."""

from __future__ import annotations

from ctmo_indi.models.nights import moon_up, night_bounds, night_of, noon_before
from ctmo_indi.models.observability import ever_observable, observable_now, observable_span
from ctmo_indi.models.observing_rules import Rule, Skies, horizon_deg, rules
from ctmo_indi.models.sun_moon import (
    Body,
    moon,
    moon_illumination,
    moon_separation_deg,
    sun,
    sun_altitude_deg,
    sun_icrs,
    sun_separation_deg,
)

__all__ = [
    "Body",
    "Rule",
    "Skies",
    "ever_observable",
    "horizon_deg",
    "moon",
    "moon_illumination",
    "moon_separation_deg",
    "moon_up",
    "night_bounds",
    "night_of",
    "noon_before",
    "observable_now",
    "observable_span",
    "rules",
    "sun",
    "sun_altitude_deg",
    "sun_icrs",
    "sun_separation_deg",
]

"""Verdicts for tests."""

from __future__ import annotations

from dataclasses import replace

from ctmo_indi.models.verdict import Latch, Lock, LockKind, Verdict, VerdictLevel

SAFE = Verdict(VerdictLevel.SAFE, (), 1, "2026-11-22T00:30:00+00:00", 0.0)
UNSAFE = replace(SAFE, level=VerdictLevel.UNSAFE, reasons=("wind 30 km/h",))
HOLD = replace(SAFE, level=VerdictLevel.HOLD, reasons=("weather warning: WEATHER_WIND_SPEED",))
OBSERVER_LOCK = replace(SAFE, lock=Lock(LockKind.OBSERVER, "ana", "collimation", "now", None))
MAINTENANCE_LOCK = replace(SAFE, lock=Lock(LockKind.MAINTENANCE, "ana", "in the dome", "now", None))
LATCHED = replace(SAFE, latch=Latch("ben", "smoke", "now"))

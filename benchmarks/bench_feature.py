"""How fast the feature based driver decides, saves and restores.

Decisions, as CPU time: a survey of 49,152 fields (as many as HEALPix has pixels at nside 64, a
Fibonacci tessellation of the whole sky) with ten basis functions at the simulators' site, through
a night; every target is registered as observed, the telescope goes there. One decision is
``update_conditions`` and ``select_next_target``; "first" is the first one of the night, when the
fields' apparent places are worked out. "4 filters": the same survey in four filters at once.
"orders": so many pending orders instead of fields.

State: ``get_state`` as text, snapshot written and read, with some and with all fields visited in
four filters; CPU, and of the snapshot with its fsync the time that passed, too.

Goals: a decision <= 10 ms CPU (stretch 3 ms) with one filter; a snapshot of all fields <= 50 ms.

Run ``python benchmarks/bench_feature.py`` (about 20 s, prints JSON); ``--decisions 100`` for less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from promised_rows import verdict

from ctmo_indi import profiles
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import state_digest
from ctmo_indi.scheduling.feature.driver import FeatureScheduler
from ctmo_indi.scheduling.lookahead import simulated
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import PendingOrder

NOON = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)
NSIDE = 64
GOAL_MS, STRETCH_MS, SAVE_GOAL_MS = 10.0, 3.0, 50.0

FUNCTIONS: Sequence[Mapping[str, Any]] = (
    {"type": "altitude_ahead", "ahead_s": 1200, "min_deg": 20},
    {"type": "planets", "radius_deg": 2},
    {"type": "airmass", "weight": 1.0, "max_airmass": 2.5},
    {"type": "hour_angle", "weight": 0.3},
    {"type": "moon_distance", "weight": 1.0, "min_deg": 20},
    {"type": "slew_time", "weight": 2.0, "norm_s": 60},
    {"type": "filter_change", "weight": 0.5},
    {"type": "fast_revisit", "least_s": 3600},
    {"type": "cadence", "weight": 0.5, "interval_d": 3},
    {"type": "footprint", "weight": 1.0},
)
ORDER_FUNCTIONS: Sequence[Mapping[str, Any]] = (
    {"type": "altitude_ahead", "ahead_s": 300, "min_deg": 20},
    {"type": "planets", "radius_deg": 2},
    {"type": "airmass", "max_airmass": 2.5},
    {"type": "hour_angle"},
    {"type": "moon_distance"},
    {"type": "moon_phase"},
    {"type": "slew_time"},
    {"type": "filter_change"},
    {"type": "priority", "weight": 5},
    {"type": "age"},
)


def models() -> Models:
    profile = profiles.load("simulators")
    return Models(SiteSky(profile), ObservatoryModel.of(profile), tuple(profile.filters))


def survey(filters: Sequence[str]) -> dict[str, object]:
    one = {
        "type": "greedy",
        "name": "wide",
        "fields": "sky",
        "filters": list(filters),
        "exposure_s": 30,
        "basis_functions": list(FUNCTIONS),
    }
    return {"fields": {"sky": {"nside": NSIDE}}, "tiers": [{"name": "survey", "surveys": [one]}]}


def order_survey() -> dict[str, object]:
    one = {"type": "orders", "name": "orders", "basis_functions": list(ORDER_FUNCTIONS)}
    return {"tiers": [{"surveys": [one]}]}


def orders(count: int) -> tuple[PendingOrder, ...]:
    lots = np.random.default_rng(1)
    ra_deg, dec_deg = lots.uniform(0, 360, count), lots.uniform(-50, 85, count)
    found = []
    for number in range(count):
        request = ObservationRequest(
            order_id=str(number),
            user="bench",
            frame_type=FrameType.LIGHT,
            exposure_s=60.0,
            count=1,
            ra_deg=float(ra_deg[number]),
            dec_deg=float(dec_deg[number]),
            object_name=f"field {number}",
            filter_name="BVRI"[number % 4],
        )
        found.append(PendingOrder(f"O-{number}", request, 3.0 + number % 5, float(number), 1))
    return tuple(found)


def made(configuration: Mapping[str, object]) -> tuple[FeatureScheduler, float]:
    """Return a configured driver, and the milliseconds that took."""
    begin = time.process_time()
    driver = FeatureScheduler(models())
    driver.configure_scheduler(configuration)
    return driver, (time.process_time() - begin) * 1e3


def decisions(
    driver: FeatureScheduler, count: int, pending: tuple[PendingOrder, ...] = ()
) -> dict[str, object]:
    """Decide and observe through a night, again from its evening when it is over."""
    night = driver.models.sky.night(NOON)
    now = Conditions(
        utc=night.evening,
        observatory=ObservatoryState.OPEN,
        verdict=SAFE,
        verdict_age_s=1.0,
        telescope_answers=True,
        pending=pending,
        state=ObservatoryModelState(
            night.evening.timestamp(), 30.0, 20.0, True, False, 180.0, "R", True
        ),
    )
    costs, chosen = [], 0
    while len(costs) < count:
        begin = time.process_time()
        driver.update_conditions(now)
        target = driver.select_next_target()
        costs.append((time.process_time() - begin) * 1e3)
        if target is None:
            break
        chosen += 1
        visit = driver.models.observatory.observe(now.state, target.request, target.count)
        driver.register_observation(simulated(target, visit.start_utc_s))
        left = tuple(one for one in now.pending if one.receipt != target.receipt)
        utc = datetime.fromtimestamp(visit.end_utc_s, UTC)
        now = replace(now, utc=utc, state=visit.after, pending=left)
        if utc >= night.morning:
            break
    first, *others = costs
    return {
        "decisions": len(costs),
        "targets": chosen,
        "first_ms": round(first, 2),
        "median_ms": round(statistics.median(others), 3),
        "p99_ms": round(float(np.percentile(others, 99)), 3),
    }


def states(visited: int, folder: Path) -> dict[str, object]:
    """Save and restore with so many fields visited in each of four filters."""
    driver, _ = made(survey(["B", "V", "R", "I"]))
    visits = driver._memory.visits["sky"]
    for code in range(4):
        for row in range(visited):
            visits.add(row, visits.filters[code], 1.79e9 + row, "20261121")
    path = folder / "snapshot.json"
    costs = {
        "save_ms": lambda: (_forget(driver), driver.save_state(path)),
        "restore_ms": lambda: driver.reset_from_state(path),
        "digest_ms": lambda: state_digest(driver),
    }
    found: dict[str, object] = {"fields_visited": visited, "filters": 4}
    for name, what in costs.items():
        found[name] = round(statistics.median(_ms(what, time.process_time) for _ in range(9)), 2)
    found["save_wall_ms"] = round(statistics.median(_ms(costs["save_ms"]) for _ in range(9)), 2)
    return found | {"bytes": path.stat().st_size}


def _forget(driver: FeatureScheduler) -> None:
    """Let the next state be worked out anew, as after a visit."""
    driver._memory.visits["sky"]._saved = None


def _ms(what: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    begin = clock()
    what()
    return (clock() - begin) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=1000)
    count = parser.parse_args().decisions
    warm, _ = made(survey(["R"]))
    decisions(warm, 3)  # imports and caches of the libraries
    one, configured_ms = made(survey(["R"]))
    with tempfile.TemporaryDirectory() as name:
        result: dict[str, Any] = {
            "load": os.getloadavg()[0],
            "fields": 12 * NSIDE**2,
            "basis functions": len(FUNCTIONS),
            "configure_ms": round(configured_ms, 1),
            "1 filter": decisions(one, count),
            "4 filters": decisions(made(survey(["B", "V", "R", "I"]))[0], count),
            "orders": {
                str(pending): decisions(made(order_survey())[0], 200, orders(pending))
                for pending in (1_000, 10_000)
            },
            "state": [states(visited, Path(name)) for visited in (0, 1_000, 12 * NSIDE**2)],
        }
    p99 = result["1 filter"]["p99_ms"]
    saves = max(one["save_ms"] for one in result["state"])
    result["verdicts"] = {
        "decision median": _verdict(result["1 filter"]["median_ms"], GOAL_MS, STRETCH_MS),
        "decision p99": _verdict(p99, GOAL_MS, STRETCH_MS),
        "snapshot": _verdict(saves, SAVE_GOAL_MS, SAVE_GOAL_MS),
    }
    print(json.dumps(result, indent=2))


def _verdict(value: float, goal: float, stretch: float) -> str:
    return f"{value:g} ms of {goal:g} ms: {verdict(value, goal, stretch)}"


if __name__ == "__main__":
    main()

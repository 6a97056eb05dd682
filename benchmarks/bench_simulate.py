"""How many times faster than real time nights are simulated, and what the model costs a call.

The nights are those of ``ctmo-indi simulate``: sequential driver, 300 drawn orders a night, every
visit written to an opsim file. Each run begins with fresh models and a fresh driver; imports,
profile and models are start-up and not counted. Real time is the time from dusk to dawn, at the
simulators' site in November. Run by run, wall and CPU time; the median counts.

Goals: 10,000 times real time (stretch 40,000); delay_s below 100 us, observe below 200 us, delays_s
of 1,000 targets below 1 ms.

Run ``python benchmarks/bench_simulate.py`` (about 15 s, prints JSON; exit 1 when a goal is missed).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from ctmo_indi import profiles
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.scheduler.models_of_site import models_of_site
from ctmo_indi.scheduling.night_simulation import NightSimulation, summary
from ctmo_indi.scheduling.schema_converter import SchemaConverter
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.simulated_orders import DrawnOrders

FIRST = date(2026, 11, 21)
GOAL_SPEED = 10_000.0
GOALS_US = {"delay_s": 100.0, "observe": 200.0, "delays_s of 1000": 1000.0}


def one_run(nights: int, orders: int, seed: int, folder: Path) -> dict[str, float]:
    """Simulate and write nights; return the speeds by wall and by CPU."""
    profile = profiles.load("simulators")
    models = models_of_site(profile)
    driver = SequentialScheduler(models)
    driver.configure_scheduler({})
    driver.cold_start()
    simulation = NightSimulation(driver, models, profile.site, DrawnOrders(profile, orders, seed))
    converter = SchemaConverter(profile.site)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    done = []
    for night in simulation.nights(FIRST, nights):
        converter.write_visits(folder / f"{seed}.sqlite3", night.visits)
        done.append(night)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    dark_s = sum(night.length_s for night in done)
    return {
        "visits": summary(done)["Visits"],
        "wall_speed": round(dark_s / wall_s),
        "cpu_speed": round(dark_s / cpu_s),
    }


def call_us(call: Callable[[], object], count: int) -> float:
    """Median of five: microseconds of one call."""
    call()
    took = []
    for _ in range(5):
        begin_s = time.perf_counter()
        for _ in range(count):
            call()
        took.append((time.perf_counter() - begin_s) / count * 1e6)
    return round(statistics.median(took), 1)


def calls_us() -> dict[str, float]:
    """What the model of the observatory costs."""
    model = ObservatoryModel.of(profiles.load("simulators"))
    request = ObservationRequest(
        "1", "bench", FrameType.LIGHT, 60.0, 3, ra_deg=100.0, dec_deg=20.0, filter_name="V"
    )
    state = model.observe(model.at_rest(1.8e9), request, 1).after
    lots = np.random.default_rng(0)
    ra_deg, dec_deg = lots.uniform(0.0, 360.0, 1000), lots.uniform(-30.0, 89.0, 1000)
    filters = ["V", "R"] * 500
    return {
        "delay_s": call_us(lambda: model.delay_s(state, 120.0, 30.0, "R"), 1000),
        "observe": call_us(lambda: model.observe(state, request, 3), 1000),
        "delays_s of 1000": call_us(lambda: model.delays_s(state, ra_deg, dec_deg, filters), 100),
    }


def main() -> int:
    """Run all and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--nights", type=int, default=5)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ctmo-bench-") as folder:
        runs = [
            one_run(options.nights, options.orders, seed, Path(folder))
            for seed in range(options.runs)
        ]
    speed = statistics.median(run["wall_speed"] for run in runs)
    costs_us = calls_us()
    report = {
        "nights a run": options.nights,
        "orders a night": options.orders,
        "runs": runs,
        "median_wall_speed": speed,
        "median_cpu_speed": statistics.median(run["cpu_speed"] for run in runs),
        "goal_speed": GOAL_SPEED,
        "calls_us": costs_us,
        "goals_us": GOALS_US,
    }
    print(json.dumps(report, indent=2))
    has_met = speed >= GOAL_SPEED and all(costs_us[name] < us for name, us in GOALS_US.items())
    return 0 if has_met else 1


if __name__ == "__main__":
    sys.exit(main())

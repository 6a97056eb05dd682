"""How fast a scheduling driver decides, predicts and saves, against the plain loop in one run.

Decisions, as CPU time: the sequential driver through a night, every ten minutes, with 100, 1,000
and 10,000 orders pending (fields, filters and priorities by lot, the simulators' site). "plain" is
the same choice made the plain way: sort all orders, ask the sky's kept spans of each, then the
exact rules (``ctmo_indi.testing.plain_sequential``). Both are asked the same questions in the same
run, in turns. "first" is the first question of a night, when the spans are worked out; p95 is of
the others. One question is ``update_conditions`` with another set of orders, then
``select_next_target``. "In vain": none of the orders is ever up, and all have to be looked at.

Goals: p95 <= 50 ms at 1,000 orders; a prediction of two hours with 1,000 orders <= 0.5 s CPU.

Run ``python benchmarks/bench_scheduling.py`` (about 10 s, prints JSON); ``--orders 100 1000`` for
less.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ctmo_indi import profiles
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import state_digest
from ctmo_indi.scheduling.lookahead import LookAhead
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.observing_list import TARGET_ID_PREFIX
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import DriverTarget, Observation, PendingOrder
from ctmo_indi.testing.plain_sequential import PlainSequential

NOON = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
DECISION_EVERY = timedelta(minutes=10)
PREDICTION = timedelta(hours=2)
SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)


class PlainLoop(PlainSequential):
    """The named baseline."""

    asks_spans_first = True


def orders(count: int, seed: int = 1) -> tuple[PendingOrder, ...]:
    """Make orders all over the sky this site sees; a third of them is up at any time."""
    lots = random.Random(seed)
    found = []
    for number in range(count):
        request = ObservationRequest(
            order_id=str(number),
            user="bench",
            frame_type=FrameType.LIGHT,
            exposure_s=lots.choice([30.0, 60.0, 120.0]),
            count=1,
            ra_deg=lots.uniform(0.0, 360.0),
            dec_deg=lots.uniform(-50.0, 85.0),
            object_name=f"field {number}",
            filter_name=lots.choice(["B", "V", "R", "I"]),
        )
        found.append(
            PendingOrder(f"O-{number}", request, lots.choice([3.0, 5.0, 7.0]), float(number), 1)
        )
    return tuple(found)


def conditions(utc: datetime, pending: tuple[PendingOrder, ...]) -> Conditions:
    return Conditions(
        utc=utc,
        observatory=ObservatoryState.OPEN,
        verdict=SAFE,
        verdict_age_s=1.0,
        telescope_answers=True,
        pending=pending,
        state=ObservatoryModelState(utc.timestamp(), 10.0, 20.0, True, False, 180.0, "R", True),
    )


def fresh_models() -> Models:
    profile = profiles.load("simulators")
    return Models(SiteSky(profile), ObservatoryModel.of(profile))


def timed(what: Callable[[], object]) -> float:
    """Milliseconds of this thread's CPU."""
    begin = time.thread_time()
    what()
    return (time.thread_time() - begin) * 1000.0


def decide(driver: SequentialScheduler, now: Conditions) -> tuple[DriverTarget | None, float]:
    begin = time.thread_time()
    driver.update_conditions(now)
    target = driver.select_next_target()
    return target, (time.thread_time() - begin) * 1000.0


def decisions(count: int, every: timedelta, is_in_vain: bool = False) -> dict[str, object]:
    """Ask both drivers through a night; every decision's order is gone at the next.

    ``is_in_vain``: no order is ever up, so that the plain way asks for every one of them.
    """
    fast, plain = SequentialScheduler(fresh_models()), PlainLoop(fresh_models())
    pending = orders(count)
    if is_in_vain:
        pending = tuple(
            replace(order, request=replace(order.request, dec_deg=-80.0)) for order in pending
        )
    night = fast.models.sky.night(NOON)
    costs: dict[str, list[float]] = {"fast": [], "plain": []}
    differing, questions = 0, 0
    utc = night.evening
    while utc < night.morning:
        now = conditions(utc, pending)
        chosen = []
        for name, driver in (("fast", fast), ("plain", plain)):
            target, cost_ms = decide(driver, now)
            chosen.append(target)
            costs[name].append(cost_ms)
        mine, theirs = chosen
        questions += 1
        differing += (mine and mine.receipt) != (theirs and theirs.receipt)
        gone = mine.receipt if mine is not None else ""
        pending = tuple(order for order in pending if order.receipt != gone)
        utc += every
    return {
        "orders": count,
        "decisions": questions,
        "differing": differing,
        **{name: _figures(one) for name, one in costs.items()},
    }


def _figures(costs: Sequence[float]) -> dict[str, float]:
    first, *others = costs
    return {
        "first_ms": round(first, 2),
        "median_ms": round(statistics.median(others), 3),
        "p95_ms": round(statistics.quantiles(others, n=20)[-1], 3),
    }


def prediction(count: int, folder: Path) -> dict[str, object]:
    """Predict two hours as the component does: save, look ahead, reset."""
    models = fresh_models()
    driver = SequentialScheduler(models)
    now = conditions(models.sky.night(NOON).evening + timedelta(hours=3), orders(count))
    found: list[int] = []

    def predict() -> None:
        driver.update_conditions(now)
        snapshot = driver.save_state(folder / "prediction.json")
        targets = LookAhead(driver, models).targets(now, until=now.utc + PREDICTION)
        found.append(len(list(targets)))
        driver.reset_from_state(snapshot)

    cold, warm = timed(predict), timed(predict)
    return {
        "orders": count,
        "targets": found[-1],
        "new_night_ms": round(cold, 1),
        "same_night_ms": round(warm, 1),
        "per_target_ms": round(warm / found[-1], 3),
    }


def snapshots(observed: int, folder: Path) -> dict[str, object]:
    """Save and reset with so many targets of lists observed (an fsync each)."""
    driver = SequentialScheduler(fresh_models())
    for number in range(observed):
        target_id = f"{TARGET_ID_PREFIX}{number:012x}-0"
        made = Observation(
            f"A-{number}", "", "x", 1.0, 2.0, 61000.0, 30.0, 1, "R", target_id, number + 1
        )
        driver.register_observation(made)
    path = folder / "snapshot.json"

    def wall_ms(what: Callable[[], object]) -> float:
        begin = time.perf_counter()
        what()
        return (time.perf_counter() - begin) * 1000.0

    saves = [wall_ms(lambda: driver.save_state(path)) for _ in range(9)]
    resets = [wall_ms(lambda: driver.reset_from_state(path)) for _ in range(9)]
    digests = [timed(lambda: state_digest(driver)) for _ in range(9)]
    return {
        "observed": observed,
        "save_ms": round(statistics.median(saves), 2),
        "reset_ms": round(statistics.median(resets), 2),
        "digest_ms": round(statistics.median(digests), 3),
        "bytes": path.stat().st_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, nargs="*", default=[100, 1_000, 10_000])
    wanted = parser.parse_args().orders
    decisions(10, DECISION_EVERY)  # imports and caches of the libraries
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "decisions": [decisions(count, DECISION_EVERY) for count in wanted],
            "decisions in vain": [decisions(count, DECISION_EVERY, True) for count in wanted],
            "prediction of two hours": [prediction(count, folder) for count in wanted],
            "snapshots": [snapshots(count, folder) for count in (0, 1_000, 10_000)],
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

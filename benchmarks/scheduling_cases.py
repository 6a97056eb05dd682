"""One measurement of ``bench_sched.py``, in a process of its own: ``scheduling_cases.py CASE``.

CASE is JSON: ``{"kind": ..., ...}`` with the arguments of the function of that kind in
:data:`KINDS`; what it found is printed as JSON. Seconds are CPU of the whole process
(``time.process_time``: all threads). Before anything is timed a plan for 50 requests is made, so
that numba's machine code is loaded (after an installation: compiled). Memory is the process's peak
(``VmHWM``, which begins anew with each program) when the plan is there, before it is checked.

A part of the planner that is not there yet answers ``{"not built": MODULE}``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # the oracles are among the tests

import numpy as np
import scheduling_scenarios as given
from numpy.typing import NDArray
from peak_memory import peak_mib

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.planner.plan_request import PlanRequest

Found = dict[str, Any]  # JSON

_ROUNDS = 5


def _night() -> Any:  # NightGrid, imported when it is needed
    from ctmo_indi.planner.night_grid import NightGrid

    return NightGrid.of(given.SITE, given.LIMITS, given.NIGHT, given.BEGIN_UTC_S, given.END_UTC_S)


def _plan(requests: given.Requests, tries: int | None) -> tuple[Any, dict[str, float]]:
    """Return a plan and the CPU seconds of its parts: table, night, plan."""
    from ctmo_indi.planner.pipeline import PlanStart, plan_night
    from ctmo_indi.planner.problem import PlanSettings

    settings = PlanSettings() if tries is None else replace(PlanSettings(), tries=tries)
    marks = [time.process_time()]
    table = requests.table()
    marks.append(time.process_time())
    night = _night()
    marks.append(time.process_time())
    start = PlanStart(given.BEGIN_UTC_S, given.START)
    plan = plan_night(table, night, given.MODEL, start, settings)
    marks.append(time.process_time())
    names = ("table_s", "night_s", "plan_s")
    return plan, dict(zip(names, np.diff(marks).tolist(), strict=True))


def plan(scenario: str, count: int, seed: int, tries: int | None = None) -> Found:
    """Plan a night: first plan, plan with search, what they are worth, and whether they are sound.

    ``cpu_s``: table, night and plan together; ``first_cpu_s``: the same without search.
    """
    _plan(given.make("uniform", 50, 0), None)
    requests = given.make(scenario, count, seed)
    first, first_parts = _plan(requests, 0)
    found, parts = _plan(requests, tries)
    memory_mib = peak_mib()
    again, _ = _plan(requests, tries) if count <= 10_000 else (found, None)
    length_s = given.END_UTC_S - given.BEGIN_UTC_S
    return {
        "scenario": scenario,
        "count": count,
        "seed": seed,
        "cpu_s": sum(parts.values()),
        "first_cpu_s": sum(first_parts.values()),
        **parts,
        "peak_mib": memory_mib,
        "value": found.value,
        "first_value": first.value,
        "bound": found.bound,
        "gap": found.gap,
        "first_gap": first.gap,
        "visits": len(found.visits),
        "filled": sum(one.end_utc_s - one.start_utc_s for one in found.visits) / length_s,
        "mean_setup_s": float(np.mean([one.setup_s for one in found.visits] or [0.0])),
        "same_again": again == found,
        "violations": [*_violations(requests, first), *_violations(requests, found)],
    }


def _violations(
    requests: given.Requests,
    found: Any,  # a Plan
    state: ObservatoryModelState = given.START,
    closed_utc_s: NDArray[np.float64] | None = None,
    more: Sequence[PlanRequest] = (),
) -> list[str]:
    from ctmo_indi.planner import checker  # astropy: not within what is timed

    rows = [visit.row for visit in found.visits if visit.row < len(requests)]
    planned = [*requests.requests(rows), *more]
    judged = (given.SITE, given.LIMITS, given.NIGHT, given.MODEL, state, closed_utc_s)
    return [str(one) for one in checker.check(found, planned, *judged)]


def astroplan(count: int, seed: int, slot_s: float, is_rounded: bool) -> Found:
    """Plan with astroplan's PriorityScheduler."""
    import scheduling_rivals

    requests = given.make("uniform", count, seed).requests()
    named = {"count": count, "seed": seed, "slot_s": slot_s}
    return {**named, **scheduling_rivals.astroplan_plan(requests, slot_s, is_rounded=is_rounded)}


def exact(count: int, seed: int) -> Found:
    """Find the proven optimum over starts on whole minutes."""
    import scheduling_rivals

    requests = given.make("uniform", count, seed).requests()
    return {"count": count, "seed": seed, **scheduling_rivals.exact_value(requests)}


def visibility(count: int) -> Found:
    """Time the bitmap: ns for each pair of request and minute; and the spans of all."""
    from ctmo_indi.planner.visibility import intervals, visible_bits

    table, night = given.make("uniform", count, 1).table(), _night()
    visible_bits(table, night, np.arange(10))
    intervals(given.make("uniform", 50, 1).table(), night)
    pairs = count * night.times_utc_s.size
    bits_s = [_timed(lambda: visible_bits(table, night)) for _ in range(_ROUNDS)]
    spans_s = [_timed(lambda: intervals(table, night)) for _ in range(_ROUNDS)]
    return {
        "count": count,
        "instants": int(night.times_utc_s.size),
        "ns_a_pair": float(np.median(bits_s)) / pairs * 1e9,
        "spans_cpu_s": float(np.median(spans_s)),
        "peak_mib": peak_mib(),
    }


def altitude(count: int) -> Found:
    """Compare altitudes with astropy's, where a star is 5 to 85 degrees high."""
    from ctmo_indi.planner.checked_sky import places
    from ctmo_indi.planner.visibility import sin_altitude

    requests = given.make("uniform", count, 1)
    night = _night()
    times_s = night.times_utc_s[::30]
    ours = np.degrees(np.arcsin(sin_altitude(requests.table(), night, None, times_s)))
    ra, dec = (np.repeat(each, times_s.size) for each in (requests.ra_deg, requests.dec_deg))
    seen = places(given.SITE, ra, dec, np.tile(times_s, count))
    theirs = seen.altitude_deg.reshape(ours.shape)
    off = np.abs(ours - theirs)[(theirs > 5.0) & (theirs < 85.0)] * 3600.0
    return {
        "pairs": off.size,
        "worst_arcsec": float(off.max()),
        "median_arcsec": float(np.median(off)),
        "ut1_arcsec": float(seen.ut1_deg.max()) * 3600.0,
    }


def decision(count: int) -> Found:
    """Time decisions at any instant of the night, from any field; what is chosen is done then."""
    from ctmo_indi.planner.pipeline import NightPlanner

    requests = given.make("uniform", count, 1)
    began_s = time.process_time()
    dispatcher = NightPlanner(requests.table(), _night(), given.MODEL).dispatcher()
    made_s = time.process_time() - began_s
    lots = np.random.Generator(np.random.PCG64(5))
    costs_ms, chosen = [], 0
    for number in range(1_100):
        row = int(lots.integers(count))
        state = replace(
            given.START,
            utc_s=float(lots.uniform(given.BEGIN_UTC_S, given.END_UTC_S)),
            ra_deg=float(requests.ra_deg[row]),
            dec_deg=float(requests.dec_deg[row]),
            filter_name=given.FILTERS[requests.filter_code[row]],
        )
        began_s = time.process_time()
        found = dispatcher.decide(state)
        if number >= 100:  # the first ones load numba's code
            costs_ms.append((time.process_time() - began_s) * 1e3)
            chosen += found is not None
        if found is not None:
            dispatcher.drop(found.key)
    return {
        "p99_ms": float(np.percentile(costs_ms, 99)),
        "detail": f"{len(costs_ms)} decisions, {chosen} requests chosen, median "
        f"{np.median(costs_ms):.3f} ms, worst {max(costs_ms):.2f}; the night's cache: "
        f"{made_s:.2f} s, {peak_mib():.0f} MiB",
    }


def replan(count: int) -> Found:
    """Time what a change of a plan costs, at every half hour of the night; tell the worst.

    The plan of the evening is changed for the visits that were made by then and for an hour of
    weather after the one under way. Into that plan an alert is put, a target that culminates two
    hours later.
    """
    from ctmo_indi.planner.pipeline import NightPlanner, PlanStart

    requests, night = given.make("uniform", count, 1), _night()
    planner = NightPlanner(requests.table(), night, given.MODEL)
    evening = PlanStart(given.BEGIN_UTC_S, given.START)
    plan = planner.plan(evening)
    replan_ms, too_ms, broken, gaps, put_in = [], [], [], [], 0
    halves_s = np.arange(given.BEGIN_UTC_S + 1800.0, given.END_UTC_S - 7200.0, 1800.0)
    for number, utc_s in enumerate((halves_s[0], *halves_s)):  # the first time loads numba's code
        begun = [visit for visit in plan.visits if visit.start_utc_s <= utc_s]
        start = _lost_hour(requests, begun, utc_s)
        done = {visit.key for visit in begun}
        marks = [time.process_time()]
        changed = planner.replan(plan, start, without=done)
        marks.append(time.process_time())
        alert = given.alert(utc_s)
        with_it = planner.insert(changed, alert, start)
        marks.append(time.process_time())
        broken += [f"{key} again" for key in done & {visit.key for visit in changed.visits}]
        for found in (changed, with_it or changed):
            broken += _violations(requests, found, start.state, start.closed_utc_s, [alert])
        if number:
            replan_ms.append((marks[1] - marks[0]) * 1e3)
            too_ms.append((marks[2] - marks[1]) * 1e3)
            gaps.append(100.0 * changed.gap)
            put_in += with_it is not None
    return {
        "replan_ms": max(replan_ms),
        "too_ms": max(too_ms),
        "violations": broken,
        "detail": f"median {np.median(replan_ms):.1f} of {len(gaps)}, gaps {min(gaps):.1f} to "
        f"{max(gaps):.1f} %; alert: median {np.median(too_ms):.2f} ms, {put_in} put in",
    }


def _lost_hour(requests: given.Requests, begun: list[Any], utc_s: float) -> Any:  # PlanStart
    """Return the start behind the visit under way, an hour of weather after it."""
    from ctmo_indi.planner.pipeline import PlanStart

    free_s = max(begun[-1].end_utc_s, utc_s)
    (last,) = requests.requests([begun[-1].row])
    state = replace(given.START, utc_s=free_s, filter_name=last.filter_name)
    state = replace(state, ra_deg=last.ra_deg, dec_deg=last.dec_deg)
    return PlanStart(free_s, state, np.array([[free_s, free_s + 3600.0]]))


def feature(count: int) -> Found:
    """Time decisions of the feature based driver: ``bench_feature.py``, one filter."""
    import bench_feature

    driver, _ = bench_feature.made(bench_feature.survey(["R"]))
    bench_feature.decisions(driver, 3)
    driver, configured_ms = bench_feature.made(bench_feature.survey(["R"]))
    found = bench_feature.decisions(driver, count)
    detail = (
        f"{found['decisions']} decisions, {len(bench_feature.FUNCTIONS)} basis functions, median "
        f"{found['median_ms']} ms, first of the night {found['first_ms']} ms"
    )
    return {**found, "configured_ms": configured_ms, "detail": detail}


def _timed(what: Callable[[], object]) -> float:
    began_s = time.process_time()
    what()
    return time.process_time() - began_s


KINDS: dict[str, Callable[..., Found]] = {
    "plan": plan,
    "astroplan": astroplan,
    "exact": exact,
    "visibility": visibility,
    "altitude": altitude,
    "decision": decision,
    "replan": replan,
    "feature": feature,
}


def main() -> None:
    """Measure what the command line asks for."""
    case = json.loads(sys.argv[1])
    kind = case.pop("kind")
    try:
        found = KINDS[kind](**case) if kind in KINDS else {"not built": kind}
    except (ImportError, AttributeError) as error:
        if not str(getattr(error, "name", "")).startswith(("ctmo_indi.", "dispatcher")):
            raise
        found = {"not built": error.name}
    print(json.dumps(found))


if __name__ == "__main__":
    main()

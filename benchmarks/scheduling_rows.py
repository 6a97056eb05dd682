"""The rows of ``bench_sched.py``: what the planner promises, and how each figure is made of cases.

A case is what ``scheduling_cases.py`` printed, with ``asked``: its name, as the rows look for it. A
row shows the worst of its seeds.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from promised_rows import LEFT_OUT, NOT_BUILT, Row

ASTROPLAN_RUNS = ((300.0, False), (60.0, True), (20.0, True))
"""Seconds of its slots, and whether its blocks are rounded up to whole ones."""
Found = dict[str, Any]  # JSON of a case


def why_not(found: list[Found]) -> str:
    """Return why there is no figure; "" when all cases have one."""
    for one in found:
        if NOT_BUILT in one:
            return f"{NOT_BUILT}: {one[NOT_BUILT]}"
        if "failed" in one:
            return f"failed: {one['failed']}"
    return "" if found else LEFT_OUT


@dataclass(frozen=True, slots=True)
class Promise:
    """A figure of the table that is taken from cases of one kind."""

    what: str
    of: Callable[[Found], float]
    unit: str
    must: float
    stretch: float

    def row(self, cases: list[Found], detail: Callable[[Found], str]) -> Row:
        """Return the row of the worst case."""
        reason = why_not(cases)
        if reason:
            return Row(self.what, math.nan, self.unit, self.must, self.stretch, reason)
        worst = max(cases, key=self.of)
        is_flawed = any(one.get("violations") or not one.get("same_again", True) for one in cases)
        return Row(self.what, self.of(worst), self.unit, self.must, self.stretch, detail(worst),
                   flaw="rules broken" if is_flawed else "")  # fmt: skip


def gap(one: Found) -> float:
    """Return the certified gap, percent."""
    return 100.0 * float(one["gap"])


def cpu_s(one: Found) -> float:
    """Return the CPU of table, night and plan."""
    return float(one["cpu_s"])


def of_plan(one: Found) -> str:
    """Say what else there is to know of a plan."""
    return (
        f"seed {one['seed']}: {one['visits']} visits, {one['filled']:.0%} filled, gap "
        f"{gap(one):.2f} % ({100 * one['first_gap']:.1f} % without search), CPU {one['cpu_s']:.2f} "
        f"s ({one['first_cpu_s']:.3f}), {one['peak_mib']:.0f} MiB"
    )


PLANS: tuple[tuple[str, int, Promise], ...] = (
    ("uniform", 10_000, Promise("10,000 requests, plan with search", cpu_s, "s", 1.5, 1.0)),
    ("uniform", 10_000, Promise("  certified gap", gap, "%", 4.0, 2.5)),
    ("uniform", 10_000, Promise("  peak memory", lambda one: one["peak_mib"], "MiB", 300, 300)),
    ("uniform", 100_000, Promise("100,000 requests, plan with search", cpu_s, "s", 3.0, 1.5)),
    ("uniform", 300, Promise("300 requests, certified gap", gap, "%", 4.0, 2.5)),
    ("survey", 1_000, Promise("survey, 1,000: certified gap", gap, "%", 10.0, 6.0)),
    ("survey", 1_000, Promise("  CPU", cpu_s, "s", 5.0, 5.0)),
    ("survey", 10_000, Promise("survey, 10,000: certified gap", gap, "%", 8.0, 5.0)),
    ("survey", 10_000, Promise("  CPU", cpu_s, "s", 5.0, 5.0)),
)


def of_plans(found: list[Found]) -> Iterator[Row]:
    """Rows of the plans."""
    for scenario, count, promise in PLANS:
        cases = [one for one in found if one["asked"] == ["plan", scenario, count]]
        yield promise.row(cases, of_plan)
    yield growth([one for one in found if one["asked"][:2] == ["plan", "uniform"]])


def growth(plans: list[Found]) -> Row:
    """Fit a power of the number of requests to the CPU of 10^3 to 10^5, by least squares."""
    what, must, stretch = "growth of CPU with N, 10^3 to 10^5", 0.6, 0.4
    reason = why_not(plans)
    large = [one for one in plans if one["asked"][2] >= 1_000]
    sizes = sorted({one["asked"][2] for one in large})
    if reason or len(sizes) < 2:
        return Row(what, math.nan, "exponent", must, stretch, reason or LEFT_OUT)
    times = [statistics.median(cpu_s(x) for x in large if x["asked"][2] == size) for size in sizes]
    slope = statistics.linear_regression([math.log(n) for n in sizes], [math.log(t) for t in times])
    detail = ", ".join(f"{n:,}: {t:.2f} s" for n, t in zip(sizes, times, strict=True))
    return Row(what, slope.slope, "exponent", must, stretch, detail)


def of_astroplan(found: list[Found]) -> Iterator[Row]:
    """Ratios to astroplan for the same requests, the worst seed; the promise is of 300 s slots.

    With those its blocks are what the requests ask for, and count as observed whole where it cut
    them; with shorter ones they are rounded up.
    """
    for count in (50, 300):
        for slot_s, is_rounded in ASTROPLAN_RUNS:
            theirs = [one for one in found if one["asked"] == ["astroplan", slot_s, count]]
            ours = [one for one in found if one["asked"] == ["plan", "uniform", count]]
            is_promised = count == 300 and slot_s == 300.0
            name = f"{count} requests, astroplan, slots of {slot_s:.0f} s"
            name += ", whole" if is_rounded else ""
            yield from _ratios(name, ours, theirs, is_promised=is_promised)


def _ratios(
    name: str, ours: list[Found], theirs: list[Found], *, is_promised: bool
) -> Iterator[Row]:
    cpu_goal, value_goal = ((200.0, 400.0), (1.25, 1.4)) if is_promised else ((None,) * 2,) * 2
    reason = why_not(theirs) or why_not(ours)
    if reason:
        yield Row(f"{name}: CPU, first plan", math.nan, "x less", *cpu_goal, reason, is_more=True)
        return
    pairs = [(mine, rival) for mine in ours for rival in theirs if mine["seed"] == rival["seed"]]
    ratio, detail = min(
        (rival["cpu_s"] / mine["first_cpu_s"],
         f"{mine['first_cpu_s']:.4f} s against {rival['cpu_s']:.1f}; with search "
         f"{rival['cpu_s'] / mine['cpu_s']:.0f} x")
        for mine, rival in pairs
    )  # fmt: skip
    yield Row(f"{name}: CPU, first plan", ratio, "x less", *cpu_goal, detail, is_more=True)
    for what, key in (("first plan", "first_value"), ("with search", "value")):
        ratio, detail = min(
            (mine[key] / rival["value"],
             f"{mine[key]:.0f} against {rival['value']:.0f} ({rival['visits']} visits); not more "
             f"than {mine['bound'] / rival['value']:.2f} is possible")
            for mine, rival in pairs
        )  # fmt: skip
        yield Row(f"  value, {what}", ratio, "x", *value_goal, detail, is_more=True)


def of_exact(found: list[Found]) -> Iterator[Row]:
    """How far a plan of 50 requests is below the optimum over starts on whole minutes."""
    exact = [one for one in found if one["asked"][0] == "exact"]
    ours = [one for one in found if one["asked"] == ["plan", "uniform", 50]]
    name, reason = "50 requests, below the exact optimum", why_not(exact) or why_not(ours)
    if reason:
        yield Row(name, math.nan, "%", 1.5, 0.0, reason)
        return
    off = [
        (100.0 * (1.0 - mine["value"] / best["value"]), mine, best)
        for mine in ours
        for best in exact
        if best["seed"] == mine["seed"]
    ]
    worst, mine, best = max(off, key=lambda one: one[0])
    detail = (
        f"seed {mine['seed']}: {mine['value']:.0f} against {best['value']:.0f} (milp, "
        f"{best['cpu_s']:.0f} s); certified gap {gap(mine):.2f} %"
    )
    yield Row(name, worst, "%", 1.5, 0.0, detail)


def of_sky(found: list[Found]) -> Iterator[Row]:
    """Visibility and altitudes."""
    bits = [one for one in found if one["asked"][0] == "visibility"]
    yield Promise(
        "visibility, a pair of request and minute", lambda one: one["ns_a_pair"], "ns", 1.0, 0.4
    ).row(bits, lambda one: f"{one['count']:,} x {one['instants']}; spans of all in "
          f"{one['spans_cpu_s'] * 1e3:.0f} ms")  # fmt: skip
    places = [one for one in found if one["asked"][0] == "altitude"]
    yield Promise(
        "altitude against astropy", lambda one: one["worst_arcsec"], "arcsec", 5.0, 1.0
    ).row(places, lambda one: f"{one['pairs']} pairs, median {one['median_arcsec']:.2f}; UT1 = UTC "
          f"accounts for up to {one['ut1_arcsec']:.2f}")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timed:
    """A row that is one case's time."""

    kind: str
    count: int
    what: str
    key: str
    must: float
    stretch: float


TIMED = (
    Timed("decision", 100_000, "decision, cached night, 10^5 pending: p99", "p99_ms", 1.0, 0.3),
    Timed("decision", 1_000_000, "  10^6 pending: p99", "p99_ms", 5.0, 1.0),
    Timed("feature", 1_000, "FeatureScheduler decision, 49,152 fields: p99", "p99_ms", 10.0, 3.0),
    Timed("replan", 10_000, "re-plan at 10,000 pending", "replan_ms", 50.0, 15.0),
    Timed("replan", 10_000, "  ToO insertion", "too_ms", 5.0, 1.0),
)


def of_timed(found: list[Found]) -> Iterator[Row]:
    """Decisions and re-plans."""
    for one in TIMED:
        cases = [case for case in found if case["asked"] == [one.kind, one.count]]
        if cases and not why_not(cases) and one.key not in cases[0]:
            cases = [{NOT_BUILT: one.what.strip()}]
        promise = Promise(one.what, lambda case, key=one.key: float(case[key]), "ms", one.must,
                          one.stretch)  # fmt: skip
        yield promise.row(cases, lambda case: str(case.get("detail", "")))


def every_row(found: list[Found]) -> list[Row]:
    """Return the table's rows, in its order."""
    return [
        *of_plans(found),
        *of_astroplan(found),
        *of_exact(found),
        *of_timed(found),
        *of_sky(found),
    ]

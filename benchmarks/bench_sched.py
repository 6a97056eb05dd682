"""Every number the planner promises, in one table: measured, must, stretch, reached or missed.

Inputs are those of ``scheduling_scenarios.py`` (made from a name and a seed), three seeds each; a
row shows the worst of its seeds. Every case is a process of its own (``scheduling_cases.py``, which
says what is timed and how), one after the other; seconds are CPU of the whole process. Every plan
is judged by the independent checker, and a plan that breaks a rule makes its rows missed. astroplan
plans the same requests in the same run and is valued by the same checker
(``scheduling_rivals.py``). The optimum of 50 requests is that over starts on whole minutes, proven
by scipy's milp with nothing else rounded (``tests/unit/planner/oracle_exact.py``); a plan with free
starts may be worth more, which shows as a negative distance.

The gap is (bound - value) / bound, with the bound of all requests, not of those that were kept.

Run ``make bench-sched``, or ``python benchmarks/bench_sched.py [--quick] [--json FILE]
[--only PART ...]``: some 15 minutes (quick: two sizes, one seed, no astroplan, half a minute;
of use to see that all works). Exit 1 when a must is missed. A part that is not there yet shows as
``not built``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from promised_rows import load, machine, missed, show, show_rows
from scheduling_rows import ASTROPLAN_RUNS, TIMED, Found, every_row, gap, why_not

HERE = Path(__file__).parent
DEADLINE_S = 900.0
PACKAGES = ("numpy", "numba", "scipy", "astropy", "astroplan")
SCENARIOS = ("uniform", "pile-up", "tight", "survey")
SEEDS = (1, 2, 3)
COUNTS = (50, 300, 1_000, 10_000, 100_000)


def run(kind: str, **arguments: object) -> Found:
    """Run a case; what fails comes back as ``{"failed": why}``."""
    case = json.dumps({"kind": kind, **arguments})
    command = [sys.executable, str(HERE / "scheduling_cases.py"), case]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        if done.returncode == 0:
            return dict(json.loads(done.stdout.splitlines()[-1]))
        return {"failed": done.stderr.strip().splitlines()[-1]}
    except subprocess.TimeoutExpired:
        return {"failed": f"not ready after {DEADLINE_S:.0f} s"}
    except (ValueError, IndexError) as error:
        return {"failed": f"{type(error).__name__}: {error}"}


# -- the run ------------------------------------------------------------------------------------


def cases(parts: tuple[str, ...], *, is_quick: bool) -> Iterator[tuple[list[object], Found]]:
    """Yield what is to be measured: its name, and what its process is asked."""
    seeds, counts = (SEEDS[:1], COUNTS[:2]) if is_quick else (SEEDS, COUNTS)
    if "plans" in parts:
        for scenario in SCENARIOS:
            for count in counts:
                for seed in seeds:
                    asked = {"scenario": scenario, "count": count, "seed": seed}
                    yield ["plan", scenario, count], {"kind": "plan", **asked}
    if "exact" in parts:
        for seed in seeds:
            yield ["exact", 50], {"kind": "exact", "count": 50, "seed": seed}
    if "sky" in parts:
        for count in (10_000,) if is_quick else (10_000, 100_000):
            yield ["visibility", count], {"kind": "visibility", "count": count}
        yield ["altitude", 500], {"kind": "altitude", "count": 100 if is_quick else 500}
    if "timed" in parts:
        for kind, count in dict.fromkeys((one.kind, one.count) for one in TIMED):
            yield [kind, count], {"kind": kind, "count": min(count, 1_000) if is_quick else count}
    if "astroplan" in parts and not is_quick:
        for count in (50, 300):
            for slot_s, is_rounded in ASTROPLAN_RUNS:
                for seed in seeds:
                    asked = {
                        "count": count,
                        "seed": seed,
                        "slot_s": slot_s,
                        "is_rounded": is_rounded,
                    }
                    yield ["astroplan", slot_s, count], {"kind": "astroplan", **asked}


def all_plans(found: list[Found]) -> list[tuple[str, ...]]:
    """Return every plan as a line."""
    heads = ("scenario", "N", "seed", "CPU s", "first s", "MiB", "value", "gap %", "first gap %",
             "visits", "filled", "setup s", "same again", "rules broken")  # fmt: skip
    lines = [heads]
    for one in found:
        if one["asked"][0] == "plan" and not why_not([one]):
            lines.append((
                one["scenario"], f"{one['count']:,}", str(one["seed"]), f"{one['cpu_s']:.3f}",
                f"{one['first_cpu_s']:.3f}", f"{one['peak_mib']:.0f}", f"{one['value']:.0f}",
                f"{gap(one):.2f}", f"{100 * one['first_gap']:.2f}", str(one["visits"]),
                f"{one['filled']:.2f}", f"{one['mean_setup_s']:.1f}", str(one["same_again"]),
                str(len(one["violations"])),
            ))  # fmt: skip
    return lines


def keep(file: Path, found: list[Found]) -> None:
    """Write the rows and the cases."""
    rows = [asdict(row) | {"verdict": row.verdict()} for row in every_row(found)]
    file.write_text(json.dumps({"rows": rows, "cases": found}, indent=1), encoding="utf-8")


PARTS = ("plans", "exact", "sky", "timed", "astroplan")


def main() -> int:
    """Measure all, print the tables, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two sizes, one seed, no astroplan")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    chosen = parser.parse_args()
    print(machine(PACKAGES))
    began, before = time.perf_counter(), load()
    found: list[Found] = []
    for asked, case in cases(tuple(chosen.only), is_quick=chosen.quick):
        found.append({"asked": asked, **run(**case)})
        reason = why_not(found[-1:])
        print(*case.values(), reason, f"load {load()}", file=sys.stderr, flush=True)
        if chosen.json:  # after each case: an interrupted run leaves what it has
            keep(chosen.json, found)
    print(f"{time.perf_counter() - began:.0f} s; load before {before}, after {load()}\n")
    rows = every_row(found)
    show_rows(rows)
    print()
    show(all_plans(found))
    if chosen.quick:
        print("\nquick: not all sizes, one seed; no figure counts")
    bad = missed(rows)
    print(f"\nmissed: {', '.join(bad)}" if bad else "\nevery must that is built is reached")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())

"""Every number the preprocessor promises, in one table: measured, must, stretch, verdict.

Runs the benchmarks of its parts one after the other, each a process of its own that starts fresh
processes for what it measures: ``bench_combine`` (masters, memory, median), ``bench_lights``
(calibration, cosmic rays), ``bench_preprocess_night`` (200 lights against their disk),
``bench_solve`` (plates) and ``bench_preprocess_desk`` (answers meanwhile); what each row is and how
it is measured stands at the top of that file. A ratio counts only if the pixels agree: where they
do not, the row is missed whatever its ratio. Nothing else should run on the machine; the load is
printed.

Run ``make bench-preprocess``, or ``python benchmarks/bench_preprocess.py [--quick] [--json FILE]
[--only PART ...] [--folder DIR]``: 12 to 15 minutes on two cores and 40 GB of disk (quick: 512^2, a
minute, figures of no use but to see that all works). Exit 1 when a must is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from promised_rows import Row, load, machine, missed, show_rows

HERE = Path(__file__).parent
DEADLINE_S = 1200.0
DIFFER = "pixels differ"
PACKAGES = ("numpy", "numba", "astropy", "ccdproc", "astroscrappy", "sep")
Found = Any  # JSON of a part


# -- rows of the parts ----------------------------------------------------------------------------


def of_masters(found: Found) -> Iterator[Row]:
    """Rows of bench_combine."""
    for one in found:
        is_master = one["unit"] == "x less"
        yield Row(
            what=f"master, {one['name']}, against ccdproc" if is_master else one["name"],
            value=one["value"],
            unit=one["unit"],
            must=one["must"],
            stretch=one["stretch"],
            detail=one["detail"],
            is_more=is_master,
            flaw="" if one["off_adu"] <= one["allowed_adu"] else DIFFER,
        )
    for method, what in (("median", "median, bit-equal"), ("clipped", "clipped mean")):
        of_method = [one for one in found if one["unit"] == "x less" and method in one["name"]]
        off_adu, allowed = (
            max(one[key] for one in of_method) for key in ("off_adu", "allowed_adu")
        )
        detail = "largest difference from ccdproc of any pixel, all sizes"
        yield Row(f"tolerance: {what}", off_adu, "ADU", allowed, None, detail)


def of_lights(found: Found) -> Iterator[Row]:
    """Rows of bench_lights."""
    agreement, medians, goals = found["agreement"], found["medians"], found["goals"]
    iou = agreement["intersection over union of rays"]
    differences = [agreement[f"{name}, largest relative difference"] for name in ("data", "error")]
    is_equal = agreement["masks of calibration equal"]
    names = {
        "calibrate": ("light with error and mask, against ccdproc", "ours", "ccdproc"),
        "cosmic rays": ("cosmic rays, against astroscrappy", "ours, rays", "astroscrappy"),
    }
    for stage, (what, ours, theirs) in names.items():
        is_rays = stage == "cosmic rays"
        own_s, other_s = (medians[name]["CPU s"] for name in (ours, theirs))
        detail = f"CPU {own_s:.3f} s, {theirs} {other_s:.2f} s"
        agrees = iou >= 0.99 if is_rays else is_equal and max(differences) <= 1e-6
        yield Row(what, other_s / own_s, "x less", goals[stage]["goal"], goals[stage]["stretch"],
                  detail, is_more=True, flaw="" if agrees else DIFFER)  # fmt: skip
    hit = f"{agreement['pixels hit by rays']} pixels"
    yield Row("cosmic rays, masks' intersection over union", iou, "", 0.99, None, hit, is_more=True)
    yield Row("tolerance: lights, image and error", max(differences), "relative", 1e-6, None,
              "largest difference from ccdproc in float64")  # fmt: skip
    yield Row("tolerance: masks of calibration", float(not is_equal), "differ", 0.0, None,
              "0 if all pixels are equal")  # fmt: skip


def of_night(found: Found) -> Iterator[Row]:
    """Rows of bench_preprocess_night."""
    before_s, after_s = found["bare writing s"]
    detail = (
        f"{found['making s']} s against {before_s} + {after_s} s for {found['GB written']} GB; CPU "
        f"{found['CPU s']} s with looking; worker "
        f"{found['worker peak MB']} MB"
    )
    what = f"{found['lights']} lights of {found['side, pixels']}^2, against writing their bytes"
    yield Row(what, found["ratio"], "x", 1.5, 1.15, detail)
    detail = f"{found['looking s']} s more"
    yield Row("  with scan, hash and look of the raw frames", found["ratio, looking too"], "x",
              None, None, detail)  # fmt: skip
    for name, more in found["more"].items():
        detail = f"CPU {more['CPU s a light']} s, worker up to {more['worker peak MB']} MB"
        yield Row(f"  a light: {name}", more["wall s a light"], "s", None, None, detail)


def of_plates(found: Found) -> Iterator[Row]:
    """Rows of bench_solve."""
    every = found["all"]
    share = 100.0 * every["good"] / every["fields"]
    detail = (
        f"to 0.5 px, {every['fields']} fields; error {every['error px, median']} px, worst "
        f"{every['error px, worst']}; {every['s, median']} s, worst {every['s, worst']}"
    )
    yield Row("plates solved", share, "%", 95.0, None, detail, is_more=True)
    yield Row("plates, 95 % of them within", every["s, 95 %"], "s", 5.0, None, "machine time")


def of_desk(found: Found) -> Iterator[Row]:
    """Rows of bench_preprocess_desk."""
    detail = (
        f"{found['answers']} answers, p50 {found['p50 ms']} ms, worst {found['worst ms']}; status "
        f"p99 {found['status p99 ms']}, orders {found['order p99 ms']}; workers on "
        f"{found['busy cores of workers']} cores"
    )
    yield Row("front_desk answer while pixels are crunched, p99", found["p99 ms"], "ms", 50.0, 20.0,
              detail)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A benchmark, how it is called, and the rows of what it prints."""

    file: str
    full: tuple[str, ...]
    quick: tuple[str, ...]
    rows: Callable[[Found], Iterator[Row]]
    has_folder: bool = False


PARTS = {
    "masters": Part("bench_combine.py", (), ("--quick",), of_masters),
    "lights": Part("bench_lights.py", ("--json",), ("--json", "--size", "512", "--rounds", "1"),
                   of_lights),
    "night": Part("bench_preprocess_night.py", ("--json",), ("--json", "--quick"), of_night, True),
    "plates": Part("bench_solve.py", (), ("--fields", "2"), of_plates),
    "desk": Part("bench_preprocess_desk.py", ("--json",), ("--json", "--quick"), of_desk, True),
}  # fmt: skip


def run_part(name: str, folder: Path | None, *, is_quick: bool) -> list[Row]:
    """Run a part; what fails is a row that is missed."""
    part = PARTS[name]
    command = [sys.executable, str(HERE / part.file), *(part.quick if is_quick else part.full)]
    if folder is not None and part.has_folder:
        command += ["--folder", str(folder)]
    with tempfile.TemporaryDirectory(dir=folder) as own:
        if name == "masters":  # prints its lines as they come
            file = Path(own) / "found.json"
            command += ["--json", str(file)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=DEADLINE_S, check=False
            )
            text = file.read_text() if name == "masters" else done.stdout
            return list(part.rows(json.loads(text)))
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            said = "" if isinstance(error, subprocess.TimeoutExpired) else done.stderr[-300:]
            detail = f"{type(error).__name__}: {error}; {said}".replace("\n", " ")
            return [Row(name, float("nan"), "", 0.0, None, detail)]


def main() -> int:
    """Measure all, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small frames: does it work at all")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--json", type=Path, metavar="FILE")
    chosen = parser.parse_args()
    if chosen.folder is not None and not chosen.folder.is_dir():
        parser.error(
            f"--folder {chosen.folder}: no such folder, expected one on the disk to measure"
        )
    rows: list[Row] = []
    print(machine(PACKAGES))
    for name in chosen.only:
        before, began = load(), time.perf_counter()
        rows += run_part(name, chosen.folder, is_quick=chosen.quick)
        passed_s = time.perf_counter() - began
        print(f"{name}: {passed_s:.0f} s, load before {before}, after {load()}", flush=True)
    print()
    show_rows(rows)
    if chosen.quick:
        print("\nquick: of frames this small no figure counts")
    bad = missed(rows)
    print(f"\nmissed: {', '.join(bad)}" if bad else "\nevery must is reached")
    if chosen.json:
        lines = [asdict(row) | {"verdict": row.verdict()} for row in rows]
        chosen.json.write_text(json.dumps(lines, indent=1), encoding="utf-8")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())

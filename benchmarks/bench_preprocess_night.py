"""Calibrated lights against nothing but writing them: what a night waits for beside its disk.

The product's own path: ``NightRun`` (scan, hash and look, plan, make, commit to SQLite) over the
pool of worker processes, files with image, error, mask, provenance and checksums, each synced and
renamed. The floor: as many processes write as many files of the same bytes, sync and rename them,
half of them before and half of them after. Masters are made before the clock starts; workers are
warm then, as they are in the service. What counts is from the plan to the last commit; the time
with scan, hash and look of the raw frames is given, too.

Raw frames: 5 biases, 5 darks, 5 flats and 4 lights from ``testing.night_frames``, made at a quarter
of the side and tiled; every other light has the pixels of one of the four and a time of its own, so
all files differ and none is taken for another.

The goal names error and mask, so the run that counts does that and its statistics. What
else a light gets by default (stars measured, a preview, cosmic rays) is measured after it on a few.
Plates are not solved here: ``bench_solve.py``.

Run ``python benchmarks/bench_preprocess_night.py [--quick] [--json]``: 200 lights of 4096^2, 3 to 4
minutes, 40 GB of disk below ``--folder`` (default: that of temporary files); quick: 16 of 512^2.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psutil
from promised_rows import MISSED, verdict

from ctmo_indi.clock import SystemClock
from ctmo_indi.durable_file import replacing
from ctmo_indi.preprocessor import jobs, setting_up
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.night_book import NightBook
from ctmo_indi.preprocessor.night_run import NightRun, Progress, Report, RunParts
from ctmo_indi.preprocessor.worker_pool import ProcessPool
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.intake import Writer

WORKERS = 2
MUST, STRETCH = 1.5, 1.15
EXPOSURE_S, FILTER, TARGET = 30.0, "V", "M 31"
DISTINCT_LIGHTS, TILES = 4, 4
BARE = Settings(
    gain_e_per_adu=1.5, read_noise_e=8.0, has_cosmic_rays=False, has_quality=False,
    has_previews=False,
)  # fmt: skip
MORE = {  # what a light gets by default, one after the other
    "error and mask": BARE,
    "+ stars measured": replace(BARE, has_quality=True),
    "+ preview": replace(BARE, has_quality=True, has_previews=True),
    "+ cosmic rays": replace(BARE, has_quality=True, has_previews=True, has_cosmic_rays=True),
}
_LINE = 80


@dataclass(frozen=True, slots=True)
class Run:
    """One run over the night."""

    wall_s: float
    making_s: float
    cpu_s: float
    report: Report


class Night:
    """A night, its database and a pool of workers."""

    def __init__(self, folder: Path, size: int, workers: int = WORKERS) -> None:
        self.raw = folder / "nights" / "20261121" / "raw"
        self.products = self.raw.parent / "products"
        self._size = size
        self._database_file = folder / "preprocessor.sqlite3"
        self._kept = folder / "kept"
        self.pool = ProcessPool(workers, warm_up=jobs.warm_up)
        self._lights: list[Path] = []

    def make_frames(self) -> None:
        """Write the calibration frames of the night, and lights to make others from."""
        from astropy.io import fits
        from numpy import tile

        from ctmo_indi.testing.night_frames import write_night

        side = self._size // TILES
        small = self._kept / "small"
        frames = write_night(
            small, seed=1, shape=(side, side), biases=5, darks={EXPOSURE_S: 5}, flats={FILTER: 5},
            lights={(TARGET, FILTER): DISTINCT_LIGHTS}, exposure_s=EXPOSURE_S,
        )  # fmt: skip
        self.raw.mkdir(parents=True)
        for path in frames:
            is_light = path.name.startswith(TARGET[0])
            with fits.open(path) as file:
                pixels = tile(file[0].data, (TILES, TILES))
                unit = fits.PrimaryHDU(pixels, file[0].header)
                unit.writeto((self._kept if is_light else self.raw) / path.name)
        shutil.rmtree(small)
        self._lights = sorted(self._kept.glob("*.fits"))

    def add_lights(self, count: int) -> None:
        """Put lights into the night: the pixels of a few, each at a time of its own."""
        from ctmo_indi.testing.night_frames import EVENING

        sources = [path.read_bytes() for path in self._lights]
        for number in range(count):
            source = sources[number % len(sources)]
            began = EVENING + timedelta(hours=1.0, seconds=33.0 * number)
            card = f"DATE-OBS= '{began.isoformat(timespec='milliseconds')}' / start, UTC"
            place = source.index(b"DATE-OBS=")
            with (self.raw / f"light_{number:03d}.fits").open("wb") as file:
                file.write(source[:place])
                file.write(card.ljust(_LINE).encode())
                file.write(memoryview(source)[place + _LINE :])
        os.sync()

    def forget_lights(self, kept: int) -> None:
        """Delete the products of lights, and the lights but for some."""
        for path in self.products.glob("*calib_light*"):
            path.unlink()
        for path in sorted(self.raw.glob("light_*.fits"))[kept:]:
            path.unlink()
        os.sync()

    def run(self, settings: Settings) -> Run:
        """Calibrate what is there; CPU time is that of the workers and this process."""
        parameters = setting_up.parameters_of(settings)
        making_since = 0.0

        def tell(progress: Progress) -> None:
            nonlocal making_since
            if progress.stage == "making products" and not making_since:
                making_since = time.perf_counter()

        with closing(open_database("preprocessor", self._database_file)) as database:
            with closing(Writer(database)) as writer:
                parts = RunParts(self.pool, self._book(database, writer, settings), settings,
                                 parameters, tell=tell)  # fmt: skip
                cpu_s, began = self._cpu_s(), time.perf_counter()
                report = NightRun(self.raw, self.products, parts).run()
                ended = time.perf_counter()
                cpu_s = self._cpu_s() - cpu_s
        if not report.is_complete:
            sys.exit(f"{report}: {report.not_made} {report.rejected}")
        return Run(ended - began, ended - making_since, cpu_s, report)

    def worker_peak_mb(self) -> float:
        """Return the largest resident size a worker ever had, MB of 2^20 bytes."""
        return max(peak_mb(pid) for pid in self.pool.pids)

    @staticmethod
    def _book(database: Database, writer: Writer, settings: Settings) -> NightBook:
        return NightBook(database, writer, SystemClock(), setting_up.parameters_of(settings))

    def _cpu_s(self) -> float:
        processes = [psutil.Process(), *map(psutil.Process, self.pool.pids)]
        return sum(sum(one.cpu_times()[:2]) for one in processes)


def peak_mb(pid: int | str = "self") -> float:
    """Return the largest resident size of a process, MB of 2^20 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024.0
    return float("nan")


# -- the floor ------------------------------------------------------------------------------------


def write_copies(source: Path, folder: Path, count: int) -> None:
    """Write the bytes of a file ``count`` times, as a product is written; in a fresh process."""
    content = source.read_bytes()
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        with replacing(folder / f"{number:03d}.fits") as file:
            file.write(content)


def floor_s(source: Path, folder: Path, count: int) -> float:
    """Return how long as many processes as there are workers take to write ``count`` files."""
    writers, folders = [], [folder / f"writer_{number}" for number in range(WORKERS)]
    for number, own in enumerate(folders):
        own.mkdir(parents=True)
        share = count // WORKERS + (number < count % WORKERS)
        command = [sys.executable, __file__, "--write", str(source), str(own), str(share)]
        writers.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    began = time.perf_counter()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    codes = [writer.wait() for writer in writers]
    passed_s = time.perf_counter() - began
    shutil.rmtree(folder)
    if any(codes):
        sys.exit(f"writing {count} copies of {source}: exit codes {codes}")
    return passed_s


# -- all of it ------------------------------------------------------------------------------------


def measure(
    folder: Path, size: int, lights: int, few: int, *, workers: int, is_short: bool
) -> dict[str, object]:
    """Measure the night and what more a light costs."""
    night = Night(folder, size, workers)
    try:
        night.make_frames()
        masters = night.run(BARE)
        night.add_lights(1)
        first = night.run(BARE)
        shutil.copyfile(first.report.made[0], folder / "product.fits")
        product = folder / "product.fits"
        night.forget_lights(0)
        night.add_lights(lights)
        free = shutil.disk_usage(folder).free
        needed = int(1.1 * lights * product.stat().st_size)
        if free < needed:
            sys.exit(f"{folder}: {free / 1e9:.0f} GB free, {needed / 1e9:.0f} GB needed")
        before_s = floor_s(product, folder / "floor", lights // 2)
        run = night.run(BARE)
        peak = night.worker_peak_mb()
        size_bytes = sum(path.stat().st_size for path in run.report.made)
        night.forget_lights(few)
        after_s = floor_s(product, folder / "floor", lights - lights // 2)
        more = {}
        for name, settings in {} if is_short else MORE.items():
            some = night.run(settings)
            more[name] = {
                "wall s a light": round(some.making_s / few, 4),
                "CPU s a light": round(some.cpu_s / few, 4),
                "worker peak MB": round(night.worker_peak_mb()),
            }
            night.forget_lights(few)
        bare_s = before_s + after_s
        ratio = run.making_s / bare_s
        return {
            "lights": lights,
            "side, pixels": size,
            "masters s": round(masters.wall_s, 2),
            "GB written": round(size_bytes / 1e9, 2),
            "making s": round(run.making_s, 2),
            "looking s": round(run.wall_s - run.making_s, 2),
            "CPU s": round(run.cpu_s, 2),
            "bare writing s": [round(before_s, 2), round(after_s, 2)],
            "ratio": round(ratio, 3),
            "ratio, looking too": round(run.wall_s / bare_s, 3),
            "worker peak MB": round(peak),
            "more": more,
            "verdict": verdict(ratio, MUST, STRETCH),
        }
    finally:
        night.pool.close()


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--size", type=int)
    parser.add_argument("--lights", type=int)
    parser.add_argument("--few", type=int, help="lights for what more they get")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--short", action="store_true", help="without what more they get")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.write:
        write_copies(Path(chosen.write[0]), Path(chosen.write[1]), int(chosen.write[2]))
        return 0
    size = chosen.size or (512 if chosen.quick else 4096)
    lights = chosen.lights or (16 if chosen.quick else 200)
    few = min(chosen.few or (4 if chosen.quick else 12), lights)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        found = measure(Path(folder), size, lights, few, workers=chosen.workers,
                        is_short=chosen.short)  # fmt: skip
    if chosen.json:
        print(json.dumps(found, indent=1))
    else:
        for name, value in found.items():
            if isinstance(value, dict):
                print(f"{name}:")
                for key, figures in value.items():
                    print(f"  {key:20s}", *(f"{text} {figure}" for text, figure in figures.items()))
            else:
                print(f"{name:36s} {value}")
    return int(found["verdict"] == MISSED)


if __name__ == "__main__":
    sys.exit(main())

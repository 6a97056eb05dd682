"""Masters from many frames: against ccdproc, against a plain sum, and how much memory.

* Master: 20 frames to a file, median and MAD-clipped mean, 2048^2 and 4096^2. CPU time of reading,
  combining and writing, ours (data, error, mask, checksums, synced) against ``ccdproc.combine``
  (data) of the same files. First the pixels must agree: the median to the last bit of float32, the
  clipped mean within 1e-3 adu.
* Memory: the largest resident size of a process that combines 60 frames of 4096^2.
* Kernel: median, error and count of a stack in memory against numba code that only sums it up.

Each measurement is a fresh process, alternating ours and theirs, medians of the rounds; imports and
the compilation of kernels are not counted, the files are in the page cache. Frames are made here:
bias structure, dark signal, noise of 8 adu, hot pixels and cosmic rays.

Must: 30 x less CPU than ccdproc, 450 MB, 1.5 x a sum. Stretch: 50 x, 300 MB, 1.15 x. Run
``python benchmarks/bench_combine.py [--quick] [--json FILE]`` (4 minutes, 2.2 GB of disk; quick:
512^2, 20 s; exit 1 when a must is missed).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from promised_rows import MISSED, verdict

COUNT, COUNT_MEMORY = 20, 60
TOLERANCE_ADU = {"median": 0.0, "clipped_mean": 1e-3}
CCDPROC_MEMORY = 2e9  # bytes; its own default would hold all of it at once
MIB = 1 << 20


@dataclass(frozen=True)
class Figure:
    """One line of the answer."""

    name: str
    value: float
    unit: str
    must: float
    stretch: float
    detail: str
    off_adu: float = 0.0
    allowed_adu: float = 0.0

    def verdict(self) -> str:
        """Say what was reached; a ratio to ccdproc is to be large, all others small."""
        if not self.off_adu <= self.allowed_adu:
            return f"{MISSED}: does not agree"
        return verdict(self.value, self.must, self.stretch, is_more=self.unit == "x less")


# -- frames ---------------------------------------------------------------------------------------


def make_frames(folder: Path, size: int, count: int) -> None:
    """Write darks of ``size`` squared, whole adu."""
    from astropy.io import fits

    rng = np.random.default_rng(size)
    noise = [rng.normal(0.0, 8.0, size * size).astype(np.float32) for _ in range(2)]
    structure = 1000.0 + 20.0 * np.sin(np.arange(size, dtype=np.float32) / 50.0)
    level = np.repeat(structure[:, None], size, axis=1).ravel()
    hot = rng.integers(0, size * size, size * size // 1000)
    level[hot] += rng.exponential(3000.0, len(hot)).astype(np.float32)
    for number in range(count):
        frame = level + np.roll(noise[number % 2], int(rng.integers(size * size)))
        hits = rng.integers(0, size * size, size * size // 2000)
        frame[hits] += rng.exponential(2000.0, len(hits)).astype(np.float32)
        pixels = np.clip(np.rint(frame), 0, 65535).astype(np.uint16).reshape(size, size)
        fits.PrimaryHDU(pixels).writeto(folder / f"dark_{number:03d}.fits")


# -- what a fresh process does --------------------------------------------------------------------


def peak_mb() -> float:
    """Return the largest resident size of this process image, MB of 2^20 bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024.0
    return float("nan")


def ours(paths: list[Path], method: str, out: Path) -> None:
    from astropy.io import fits

    from ctmo_indi.pixels.combine import combine
    from ctmo_indi.pixels.write_fits import write_products

    made = combine(paths, method=method)  # type: ignore[arg-type]
    write_products(
        out,
        [
            fits.PrimaryHDU(made.data),
            fits.ImageHDU(made.error, name="ERR"),
            fits.ImageHDU(made.mask, name="MASK"),
        ],
    )


def theirs(paths: list[Path], method: str, out: Path) -> None:
    import ccdproc
    from astropy.stats import mad_std

    clip = {
        "sigma_clip": True,
        "sigma_clip_low_thresh": 5,
        "sigma_clip_high_thresh": 5,
        "sigma_clip_func": "median",
        "sigma_clip_dev_func": mad_std,
    }
    made = ccdproc.combine(
        list(map(str, paths)),
        method="median" if method == "median" else "average",
        unit="adu",
        mem_limit=CCDPROC_MEMORY,
        **({} if method == "median" else clip),
    )
    made.mask = made.uncertainty = None
    made.write(out, overwrite=True)


def run_task(task: str, folder: Path, method: str, count: int) -> dict[str, float]:
    """Warm up on small frames, then measure."""
    warnings.simplefilter("ignore")
    if task == "kernel":
        return kernel_against_sum(int(folder.name), count)
    do: Callable[[list[Path], str, Path], None] = ours if task == "ours" else theirs
    out = folder / f"{task}_{method}.out"
    with tempfile.TemporaryDirectory() as small:
        make_frames(Path(small), 64, count)
        do(sorted(Path(small).glob("*.fits")), method, Path(small) / "out.fits")
    paths = sorted(folder.glob("dark_*.fits"))[:count]
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    do(paths, method, out.with_suffix(".fit"))
    return {
        "cpu_s": time.process_time() - cpu_s,
        "wall_s": time.perf_counter() - wall_s,
        "peak_mb": peak_mb(),
    }


def kernel_against_sum(size: int, count: int) -> dict[str, float]:
    """Return CPU times of the median kernel and of a sum, medians of five, alternating."""
    import numba

    from ctmo_indi.pixels import combine_kernels

    @numba.njit(nogil=True)
    def plain_sum(stack, out):  # type: ignore[no-untyped-def]
        frames, pixels = stack.shape
        for first in range(0, pixels, 4096):  # the sums stay in the cache
            size = min(4096, pixels - first)
            sums = out[first : first + size]
            for p in range(size):
                sums[p] = 0
            for frame in range(frames):
                row = stack[frame, first : first + size]
                for p in range(size):
                    sums[p] += row[p]

    pixels = size * size
    rng = np.random.default_rng(1)
    stored = np.empty((count, pixels), np.uint16)
    for row in stored:
        row[:] = (rng.normal(1000.0, 8.0, pixels).astype(np.uint16) ^ 0x8000).byteswap()
    sums = np.empty(pixels, np.uint32)
    planes = np.empty(pixels, np.float32), np.empty(pixels, np.float32), np.empty(pixels, np.uint8)

    def cpu(function: Callable[..., None], *arguments: object) -> float:
        began = time.process_time()
        function(*arguments)
        return time.process_time() - began

    how = combine_kernels.MEDIAN, 5.0, 0.3, float("inf")
    cpu(plain_sum, stored[:, :64], sums)
    cpu(combine_kernels.combine_stored, stored[:, :64], (0,) * count, *how, *planes)
    sum_s, median_s = [], []
    for _ in range(5):
        sum_s.append(cpu(plain_sum, stored, sums))
        median_s.append(cpu(combine_kernels.combine_stored, stored, (0,) * count, *how, *planes))
    return {"sum_s": statistics.median(sum_s), "median_s": statistics.median(median_s)}


# -- what is measured -----------------------------------------------------------------------------


def measured(task: str, folder: Path, method: str, count: int) -> dict[str, float]:
    """Run one task in a fresh process."""
    command = [sys.executable, __file__, "--task", task, str(folder), method, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        sys.exit(f"{task} {method}: {done.stderr}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def compare(folder: Path, size: int, method: str, rounds: int) -> Figure:
    """Make a master with both, hold ours to theirs, then compare CPU times."""
    from astropy.io import fits

    mine, other = [], []
    for _ in range(rounds):
        other.append(measured("theirs", folder, method, COUNT))
        mine.append(measured("ours", folder, method, COUNT))
    off_adu = np.abs(
        fits.getdata(folder / f"ours_{method}.fit")
        - fits.getdata(folder / f"theirs_{method}.fit").astype(np.float64)
    ).max()
    ours_s, theirs_s = (statistics.median(one["cpu_s"] for one in runs) for runs in (mine, other))
    ours_mb, theirs_mb = (max(one["peak_mb"] for one in runs) for runs in (mine, other))
    return Figure(
        f"{method} of {COUNT}, {size}^2",
        theirs_s / ours_s,
        "x less",
        30.0,
        50.0,
        f"CPU {ours_s:.3f} s, ccdproc {theirs_s:.2f} s; {ours_mb:.0f} MB, ccdproc {theirs_mb:.0f} "
        f"MB; off by at most {off_adu:.1e} adu",
        float(off_adu),
        TOLERANCE_ADU[method],
    )


def figures(folder: Path, *, is_quick: bool) -> list[Figure]:
    """Measure everything; prints each line as it comes."""
    found: list[Figure] = []

    def tell(figure: Figure) -> None:
        found.append(figure)
        print(
            f"{figure.name:28s} {figure.value:8.2f} {figure.unit:8s} must {figure.must:g}, stretch "
            f"{figure.stretch:g}: {figure.verdict()} ({figure.detail})",
            flush=True,
        )

    sizes = {512: 3} if is_quick else {2048: 3, 4096: 1}
    for size, rounds in sizes.items():
        frames = folder / str(size)
        frames.mkdir()
        is_last = size == max(sizes)
        make_frames(frames, size, COUNT_MEMORY if is_last else COUNT)
        for method in ("median", "clipped_mean"):
            tell(compare(frames, size, method, rounds))
        kernel = measured("kernel", frames, "median", COUNT)
        ratio = kernel["median_s"] / kernel["sum_s"]
        detail = f"CPU {kernel['median_s']:.4f} s, sum {kernel['sum_s']:.4f} s"
        tell(Figure(f"median kernel, {size}^2", ratio, "x a sum", 1.5, 1.15, detail))
        if is_last:
            run = measured("ours", frames, "clipped_mean", COUNT_MEMORY)
            detail = f"CPU {run['cpu_s']:.2f} s, {run['wall_s']:.2f} s"
            name = f"memory, {COUNT_MEMORY} of {size}^2"
            tell(Figure(name, run["peak_mb"], "MB", 450.0, 300.0, detail))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--task", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.task:
        task, folder, method, count = chosen.task
        print(json.dumps(run_task(task, Path(folder), method, int(count))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = figures(Path(folder), is_quick=chosen.quick)
    if chosen.json:
        lines = [asdict(figure) | {"verdict": figure.verdict()} for figure in found]
        chosen.json.write_text(json.dumps(lines, indent=1))
    return int(any(figure.verdict().startswith(MISSED) for figure in found))


if __name__ == "__main__":
    sys.exit(main())

"""What a light costs: calibration against ccdproc, cosmic rays against astroscrappy.

Both ways get the same synthetic frame and masters (``ctmo_indi.testing.night_frames``), each run in
a fresh process, in turn. A run warms up on a small piece (imports, compiling, caches), then does
the whole frame a few times; its figure is the median of CPU time of the process, and the figure
printed the median of the rounds. Reading and writing of files is not counted.

Calibration is bias, scaled dark, flat, gain, with an error and a mask for each pixel. ccdproc works
in float64, which is also the oracle; in float32 it is shown for comparison. "room given" is how a
worker calls ours, frame after frame into the same memory.

Agreement is checked first: data and errors to 1e-6 relative, masks of calibration equal, masks of
cosmic rays with an intersection over union of at least 0.99. Then the goals: calibration 8 times
less CPU than ccdproc (stretch 12), cosmic rays 4 times less than astroscrappy (stretch 10).

Run ``python benchmarks/bench_lights.py`` (4096 x 4096, 2 minutes when it is quiet; ``--size 1024``
is quick; ``--json``). Exit 1 when it does not agree or misses a goal.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from promised_rows import verdict

from ctmo_indi.testing.night_frames import Sensor, cosmic_rays, star_field

GAIN_E_PER_ADU, READ_NOISE_E, SATURATION_ADU, DARK_SCALE = 1.5, 8.0, 65535.0, 0.7
SKY_E = 300.0
GOALS = {"calibrate": (8.0, 12.0), "cosmic rays": (4.0, 10.0)}
Arrays = dict[str, NDArray[np.generic]]


class Master(NamedTuple):
    """Planes of a master, as calibrate takes them."""

    data: NDArray[np.float32]
    error: NDArray[np.float32]
    mask: NDArray[np.uint8]


def make_inputs(folder: Path, size: int, seed: int) -> None:
    """Write a raw light, masters of 20 frames, and the light in electrons."""
    shape = (size, size)
    sensor, rng = Sensor.of(seed, shape), np.random.default_rng(seed)
    flat = sensor.flat("V")
    stars = star_field(rng, shape, stars=int(7e-4 * size * size))
    rays = cosmic_rays(rng, shape, int(1e-4 * size * size))
    raw = sensor.expose(rng, 30.0, flat * (SKY_E + stars), rays)
    noise_adu = READ_NOISE_E / GAIN_E_PER_ADU / np.sqrt(20)
    dark_adu = 30.0 / DARK_SCALE * sensor.dark_e_per_s / GAIN_E_PER_ADU
    for name, plane, error in (
        ("bias", sensor.offset_adu, noise_adu),
        ("dark", dark_adu, np.sqrt(noise_adu**2 + dark_adu / GAIN_E_PER_ADU / 20)),
        ("flat", flat, 0.0015),
    ):
        np.save(folder / f"{name}.npy", rng.normal(plane, error).astype(np.float32))
        np.save(folder / f"{name}_error.npy", np.broadcast_to(error, shape).astype(np.float32))
    np.save(folder / "raw.npy", raw)
    np.save(folder / "bad.npy", rng.random(shape) < 1e-4)
    light = GAIN_E_PER_ADU * (raw - sensor.offset_adu) - 30.0 * sensor.dark_e_per_s
    np.save(folder / "light_e.npy", (light / flat).astype(np.float32))


def ours_calibrate(inputs: Arrays, *, has_room: bool = False) -> Callable[[], Arrays]:
    """Return the run of our own calibration."""
    from ctmo_indi.pixels.calibrate import Calibrated, Detector, calibrate

    detector = Detector(GAIN_E_PER_ADU, READ_NOISE_E, SATURATION_ADU)
    clean = np.zeros(inputs["raw"].shape, np.uint8)
    bias, dark, flat = (
        Master(inputs[name], inputs[f"{name}_error"], clean) for name in ("bias", "dark", "flat")
    )
    room = Calibrated.empty(inputs["raw"].shape) if has_room else None

    def run() -> Arrays:
        return calibrate(
            inputs["raw"],
            detector,
            bias=bias,
            dark=dark,
            dark_scale=DARK_SCALE,
            flat=flat,
            bad_pixels=inputs["bad"],
            out=room,
        )._asdict()

    return run


def of_ccdproc(inputs: Arrays, dtype: str = "f8") -> Callable[[], Arrays]:
    """Return the run of ccdproc; the deviation is that of the frame less its bias."""
    import ccdproc
    from astropy import units as u
    from astropy.nddata import CCDData, StdDevUncertainty

    gain = GAIN_E_PER_ADU * u.electron / u.adu

    def master(name: str, unit: u.Unit) -> CCDData:
        error = StdDevUncertainty(inputs[f"{name}_error"].astype(dtype))
        return CCDData(inputs[name].astype(dtype), unit=unit, uncertainty=error)

    plain_bias = CCDData(inputs["bias"].astype(dtype), unit=u.adu)
    bias = ccdproc.gain_correct(master("bias", u.adu), gain)
    dark = ccdproc.gain_correct(master("dark", u.adu), gain)
    flat = master("flat", u.dimensionless_unscaled)
    flat.mask = ~(flat.data >= 0.2)

    def run() -> Arrays:
        raw = inputs["raw"]
        mask = inputs["bad"] | (raw >= SATURATION_ADU)
        frame = CCDData(raw.astype(dtype), unit=u.adu, mask=mask)
        less_bias = ccdproc.subtract_bias(frame, plain_bias)
        frame.uncertainty = ccdproc.create_deviation(
            less_bias, gain=gain, readnoise=READ_NOISE_E * u.electron, disregard_nan=True
        ).uncertainty
        frame = ccdproc.gain_correct(frame, gain)
        frame = ccdproc.subtract_bias(frame, bias)
        frame = ccdproc.subtract_dark(
            frame,
            dark,
            dark_exposure=1.0 * u.s,
            data_exposure=DARK_SCALE * u.s,
            scale=True,
        )
        frame = ccdproc.flat_correct(frame, flat, norm_value=1.0)
        return {"data": frame.data, "error": frame.uncertainty.array, "mask": frame.mask}

    return run


def ours_cosmic(inputs: Arrays) -> Callable[[], Arrays]:
    """Return the run of our own search for cosmic rays."""
    from ctmo_indi.pixels.cosmic import find_cosmic_rays

    def run() -> Arrays:
        return find_cosmic_rays(
            inputs["light_e"],
            read_noise_e=READ_NOISE_E,
            saturation_e=SATURATION_ADU * GAIN_E_PER_ADU,
            mask=inputs["bad"],
        )._asdict()

    return run


def of_astroscrappy(inputs: Arrays) -> Callable[[], Arrays]:
    """Return the run of astroscrappy with its defaults."""
    import astroscrappy

    def run() -> Arrays:
        mask, cleaned = astroscrappy.detect_cosmics(
            inputs["light_e"],
            inmask=inputs["bad"],
            readnoise=READ_NOISE_E,
            satlevel=SATURATION_ADU * GAIN_E_PER_ADU,
        )
        return {"mask": mask, "cleaned": cleaned}

    return run


class Way(NamedTuple):
    """A way to do a stage: how to make it ready, and how often a process does it."""

    stage: str
    make: Callable[[Arrays], Callable[[], Arrays]]
    repeats: int


WAYS = {
    "ours": Way("calibrate", ours_calibrate, 5),
    "ours, room given": Way("calibrate", lambda inputs: ours_calibrate(inputs, has_room=True), 5),
    "ccdproc": Way("calibrate", of_ccdproc, 3),
    "ccdproc in float32": Way("calibrate", lambda inputs: of_ccdproc(inputs, "f4"), 3),
    "ours, rays": Way("cosmic rays", ours_cosmic, 5),
    "astroscrappy": Way("cosmic rays", of_astroscrappy, 1),
}
INPUTS = {
    "calibrate": ("raw", "bad", *(m + e for m in ("bias", "dark", "flat") for e in ("", "_error"))),
    "cosmic rays": ("light_e", "bad"),
}


def one_run(folder: Path, name: str, keep: str) -> None:
    """Measure one way in this process; write its results where ``keep`` says."""
    way = WAYS[name]
    inputs = {key: np.load(folder / f"{key}.npy") for key in INPUTS[way.stage]}
    way.make({key: plane[:64, :64].copy() for key, plane in inputs.items()})()
    run = way.make(inputs)
    cpu_s, wall_s = [], []
    for _ in range(way.repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        results = run()
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    if keep:
        for key, plane in results.items():
            np.save(folder / f"{keep} {key}.npy", plane)
    figures = {"CPU s": statistics.median(cpu_s), "wall s": statistics.median(wall_s)}
    print(json.dumps({**figures, "peak MB": peak_mb()}))


def peak_mb() -> float:
    """Return the most memory this program had; what rusage says includes that of its parent."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def compare(folder: Path) -> dict[str, float | bool]:
    """Return how far the two ways disagree."""

    def both(key: str, name: str, other: str) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        return np.load(folder / f"{name} {key}.npy"), np.load(folder / f"{other} {key}.npy")

    found: dict[str, float | bool] = {}
    for key in ("data", "error"):
        ours, theirs = both(key, "ours", "ccdproc")
        scale = np.where(theirs == 0, 1.0, np.abs(theirs))
        found[f"{key}, largest relative difference"] = float(np.max(np.abs(ours - theirs) / scale))
    ours, theirs = both("mask", "ours", "ccdproc")
    found["masks of calibration equal"] = bool(np.array_equal(ours != 0, theirs))
    ours, theirs = both("mask", "ours, rays", "astroscrappy")
    found["pixels hit by rays"] = int(theirs.sum())
    found["intersection over union of rays"] = float((ours & theirs).sum() / (ours | theirs).sum())
    ours, theirs = both("cleaned", "ours, rays", "astroscrappy")
    found["cleaned, largest difference e-"] = float(np.max(np.abs(ours - theirs)))
    return found


def agrees(found: dict[str, float | bool]) -> bool:
    """Tell whether all is within the tolerance."""
    return (
        found["data, largest relative difference"] <= 1e-6
        and found["error, largest relative difference"] <= 1e-6
        and found["masks of calibration equal"] is True
        and found["intersection over union of rays"] >= 0.99
    )


def main() -> int:
    """Run all ways in turn and compare; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096, help="side of the frame, pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("FOLDER", "WAY", "KEEP"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one_run(Path(arguments.one[0]), *arguments.one[1:])
        return 0
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder), arguments.size, arguments.seed)
        for number in range(arguments.rounds):
            for name in WAYS:
                command = [sys.executable, __file__, "--one", folder, name, name * (number == 0)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                runs[name].append(json.loads(done.stdout))
        found = compare(Path(folder))
    figures = {
        name: {key: round(statistics.median(run[key] for run in of), 4) for key in of[0]}
        for name, of in runs.items()
    }
    ratios = {
        "calibrate": figures["ccdproc"]["CPU s"] / figures["ours"]["CPU s"],
        "cosmic rays": figures["astroscrappy"]["CPU s"] / figures["ours, rays"]["CPU s"],
    }
    is_within = agrees(found)
    goals = {
        stage: {
            "times less CPU": round(ratio, 1),
            **dict(zip(("goal", "stretch"), GOALS[stage], strict=True)),
            "verdict": reached if is_within else "does not agree",
        }
        for stage, ratio in ratios.items()
        for reached in (verdict(ratio, *GOALS[stage], is_more=True),)
    }
    report = {"size": arguments.size, "rounds": arguments.rounds, "agreement": found}
    report |= {"agrees": is_within, "medians": figures, "goals": goals}
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return 0 if is_within and all(ratios[stage] >= GOALS[stage][0] for stage in ratios) else 1


def show(report: dict[str, object]) -> None:
    """Print for people."""
    print(f"{report['size']} x {report['size']}, medians of {report['rounds']} rounds")
    for name, figures in report["medians"].items():
        print(f"  {name:20}", *(f"{value:9.4f} {key}" for key, value in figures.items()))
    print("agreement:", "within tolerance" if report["agrees"] else "NOT within tolerance")
    for name, value in report["agreement"].items():
        print(f"  {name:40} {value:.7g}" if isinstance(value, float) else f"  {name:40} {value}")
    for stage, goal in report["goals"].items():
        print(
            f"{stage}: {goal['times less CPU']} times less CPU "
            f"(goal {goal['goal']:g}, stretch {goal['stretch']:g}): {goal['verdict']}"
        )


if __name__ == "__main__":
    sys.exit(main())

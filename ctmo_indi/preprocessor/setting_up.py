"""From configuration and profile to what a run works with; imports nothing heavy."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from ctmo_indi.config import Config
from ctmo_indi.errors import ConfigError
from ctmo_indi.models.frames import ProductKind
from ctmo_indi.preprocessor import jobs, quick_tasks
from ctmo_indi.preprocessor.executors import Dask, Executor
from ctmo_indi.preprocessor.planned import Parameters
from ctmo_indi.preprocessor.worker_pool import NICENESS, ProcessPool
from ctmo_indi.profiles import Profile

SOLVE_FIELD = "solve-field"
PIXELS = Path(jobs.__file__).parent.parent / "pixels"
"""Where the kernels are."""


def settings_of(profile: Profile) -> jobs.Settings:
    """Return how pixels are made at a site; a plate is solved where solve-field is installed.

    Blocks for the site's list of bad pixels.

    Raises
    ------
    ConfigError
        That list cannot be read.
    """
    detector = profile.detector
    listed = detector.bad_pixels
    return jobs.Settings(
        gain_e_per_adu=profile.gain_e_per_adu,
        read_noise_e=profile.read_noise_e,
        overscan=detector.overscan,
        trim=detector.trim,
        overscan_per=detector.overscan_per,
        bad_pixel_rules=detector.rules,
        bad_pixels=listed,
        bad_pixels_sha256="" if listed is None else _sha256(listed),
        solver=SOLVE_FIELD if shutil.which(SOLVE_FIELD) else "",
    )


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError([f"detector.bad_pixels: {path}: {error.strerror}"]) from error


def parameters_of(settings: jobs.Settings) -> Parameters:
    """Return what the plan depends on; without a solver lights cannot be aligned and stacked."""
    by_kind = {kind: settings.for_ids(kind) for kind in ProductKind}
    parameters = Parameters(version=jobs.VERSION, settings=by_kind)
    return parameters if settings.solver else replace(parameters, min_stack=sys.maxsize)


def executor_of(config: Config, workers: int | None = None) -> Executor:
    """Return the farm of the configuration, else worker processes of this machine.

    Parameters
    ----------
    workers
        Instead of the configuration's number, and instead of a farm.
    """
    settings = config.preprocessing
    if settings.farm is not None and workers is None:
        return Dask(settings.farm)
    return ProcessPool(
        workers or settings.workers,
        warm_up=jobs.warm_up,
        environment=_kernel_cache(config.data_dir, PIXELS),
    )


def quick_executor_of(config: Config) -> Executor:
    """Return the one worker of the quick look: here also with a farm, where the raw frames are.

    Its niceness is above that of the others: beside one of them it gets a quarter of a processor
    (weights 36 and 110 of Linux's scheduler), so that it neither slows a calibration by more nor
    is starved.
    """
    return ProcessPool(
        1,
        warm_up=quick_tasks.warm_up,
        environment=_kernel_cache(config.data_dir, PIXELS),
        niceness=NICENESS + 5,
    )


def _kernel_cache(data_dir: Path, package: Path) -> dict[str, str]:
    """Say where compiled kernels are kept when they cannot lie beside their modules.

    The folder outlives an installation, and numba looks at the module of a kernel only, not at
    those it calls: so there is one for each state of all of them.
    """
    if os.access(package, os.W_OK) or "NUMBA_CACHE_DIR" in os.environ:
        return {}
    sources = hashlib.sha256()
    for path in sorted(package.glob("*.py")):
        sources.update(path.read_bytes())
    folder = data_dir / "cache" / "numba" / sources.hexdigest()[:12]
    return {"NUMBA_CACHE_DIR": str(folder.absolute())}


def roots_of(config: Config) -> tuple[Path, ...]:
    """Return the folders below which a night must lie."""
    return config.preprocessing.roots or (config.data_dir,)


def database_place(config: Config) -> str | Path:
    """Return the preprocessor's database: a URL, TOROS's file, or one in the data folder."""
    if config.database_url is not None:
        return config.database_url
    return config.database_file or config.data_dir / "preprocessor.sqlite3"

"""Give the CCD simulator a real sky: install the ``gsc`` program it looks for on its PATH.

The stars are those of :mod:`ctmo_indi.gaia_stars`, at the catalogue's epoch: off by 0.2 arc seconds
for most of them, less than a pixel. That makes about 30 stars in a field of one degree in the Milky
Way and few elsewhere, so the simulators' profile has a short focal length.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ctmo_indi import gaia_stars
from ctmo_indi.errors import ConfigError
from ctmo_indi.simulator import gsc_program

CACHE_VARIABLE = "CTMO_CACHE"


def prepare_gsc(folder: Path) -> Path:
    """Write the executable ``gsc`` into ``folder`` and return ``folder``, for PATH.

    The sorted star file is made once (0.2 s, 11.6 MB) in the cache folder: the environment variable
    ``CTMO_CACHE``, else ``$XDG_CACHE_HOME/ctmo-indi``, else ``~/.cache/ctmo-indi``; in ``folder``
    where none of them can be written. Blocks.

    Raises
    ------
    ConfigError
        The catalogue is not installed or is not what we know.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stars = _sorted_file(folder)
    words = [sys.executable, "-S", "-E", "-s", gsc_program.__file__, str(stars)]
    program = folder / "gsc"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return folder


def star_catalogue(folder: Path, notice: Callable[[str], None]) -> Path | None:
    """Do as :func:`prepare_gsc`, but return None, with a notice, when the catalogue is missing.

    The simulators then draw frames without stars, which is good enough for everything but looking.
    """
    try:
        return prepare_gsc(folder.resolve())
    except ConfigError as error:
        notice(str(error))
        return None


def _sorted_file(folder: Path) -> Path:
    count = gaia_stars.star_count()
    for place in (*_cache_folders(), folder):
        path = place / f"gsc-stars-{count}.bin"
        size = gsc_program.HEADER.size + 24 * count
        if path.is_file() and path.stat().st_size == size and os.access(path, os.R_OK):
            return path
        try:
            _write_sorted(path)
        except OSError:
            continue
        return path
    raise ConfigError(f"{folder}: the star file for the CCD simulator cannot be written there")


def _cache_folders() -> tuple[Path, ...]:
    if text := os.environ.get(CACHE_VARIABLE):
        return (Path(text),)
    if text := os.environ.get("XDG_CACHE_HOME"):
        return (Path(text) / "ctmo-indi",)
    try:
        return (Path.home() / ".cache" / "ctmo-indi",)
    except RuntimeError:  # a user without a home
        return ()


def _write_sorted(path: Path) -> None:
    import numpy as np

    stars = gaia_stars.read_stars()
    order = np.argsort(stars["dec"], kind="stable")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        try:
            stream.write(gsc_program.HEADER.pack(gsc_program.MAGIC, len(stars)))
            stream.write(stars["dec"][order].astype("=f8").tobytes())
            stream.write(stars["ra"][order].astype("=f8").tobytes())
            stream.write(stars["mag"][order].astype("=f4").tobytes())
            stream.write(order.astype("=u4").tobytes())
            stream.flush()
            Path(stream.name).chmod(0o644)
            Path(stream.name).replace(path)
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise

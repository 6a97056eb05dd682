"""Solve a frame with ``solve-field`` of astrometry.net, when it is installed.

Lang et al. 2010, AJ 139, 1782. Debian: ``astrometry.net`` and index files, for fields from half a
degree up ``astrometry-data-tycho2-07`` to ``-10-19``; BSD and GPL, a program of its own, optional.

It gets our list of stars instead of the image: ours knows what is saturated, masked or a cosmic
ray, and a list needs none of the program's own image processing. Which star is which is its answer;
the linear plate through them is fitted anew (:mod:`ctmo_indi.preprocessor.plate_fit`). A second
order, on demand, is the program's: through 15 stars it is worse by a factor of 3 at the corners
(``benchmarks/bench_solve.py``).
"""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctmo_indi.clock import Deadline, SystemClock
from ctmo_indi.preprocessor.astrometry import Hint, NoSolver, Solved, Solver, Unsolved
from ctmo_indi.preprocessor.plate_fit import FEWEST_STARS as FEWEST_TO_FIT
from ctmo_indi.preprocessor.plate_fit import fit_plate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ctmo_indi.pixels.quality import Stars

PROGRAM = "solve-field"
FEWEST_STARS = 5  # four make a figure, a fifth has to confirm it
MOST_STARS = 120  # brightest; where nothing matches, each more costs time: 300 take a minute
TIMEOUT_S = 15.0
_MOST_OF_LOG = 100_000
_KEPT = (
    *("WCSAXES", "CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CUNIT1", "CUNIT2"),
    *("CD1_1", "CD1_2", "CD2_1", "CD2_2", "LONPOLE", "LATPOLE", "EQUINOX"),
)
_TYPES = ("CTYPE1", "CTYPE2")  # "RA---TAN-SIP" also when there is no distortion
_SIP = re.compile(r"(A|B|AP|BP)_(ORDER|\d_\d)")


def find_solver(
    *,
    timeout_s: float = TIMEOUT_S,
    scratch: Path | None = None,
    config: Path | None = None,
    distortion_order: int = 1,
) -> Solver:
    """Return the solver of this machine: astrometry.net when it is on PATH, else one that declines.

    Parameters
    ----------
    As for :class:`SolveField`.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        return NoSolver(f"{PROGRAM} of astrometry.net is not installed")
    return SolveField(
        program,
        timeout_s=timeout_s,
        scratch=scratch,
        config=config,
        distortion_order=distortion_order,
    )


class SolveField:
    """A :class:`~ctmo_indi.preprocessor.astrometry.Solver`; any thread, any process.

    Parameters
    ----------
    program
        Path of ``solve-field``.
    timeout_s
        Machine seconds for one frame, all attempts together; whatever still runs then is killed.
    scratch
        Folder for each call's temporary folder; default the system's.
    config
        The program's configuration, which names the folders of its indexes; default its own.
    distortion_order
        1: none. 2 or more: a SIP polynomial of that order, for a distorting telescope and frames
        with a hundred matched stars.
    """

    def __init__(
        self,
        program: str,
        *,
        timeout_s: float = TIMEOUT_S,
        scratch: Path | None = None,
        config: Path | None = None,
        distortion_order: int = 1,
    ) -> None:
        self._program = program
        self._timeout_s = timeout_s
        self._scratch = scratch
        self._config = config
        self._order = distortion_order

    def solve(self, stars: Stars, shape: tuple[int, int], hint: Hint) -> Solved | Unsolved:
        """Try with the hint, then without its position; see :class:`Solver`. Never raises OSError.

        A mount whose pointing is off by more than the hint's radius is found by the second try,
        which takes seconds instead of a tenth.
        """
        if len(stars) < FEWEST_STARS:
            return Unsolved(f"{len(stars)} stars, expected at least {FEWEST_STARS}")
        deadline = Deadline(SystemClock(), self._timeout_s)  # real time, whatever the sky's
        attempts = [hint]
        if hint.has_position:
            attempts.append(
                Hint(
                    scale_arcsec_per_px=hint.scale_arcsec_per_px,
                    scale_tolerance=hint.scale_tolerance,
                )
            )
        try:
            with tempfile.TemporaryDirectory(prefix="solve-", dir=self._scratch) as name:
                folder = Path(name)
                _write_stars(folder / "stars.xyls", stars)
                for attempt in attempts:
                    code = self._run(folder, self._words(shape, attempt, deadline), deadline)
                    if code is None:
                        return Unsolved(f"no solution within {self._timeout_s:g} s")
                    if (folder / "stars.wcs").is_file():
                        return _read(folder, has_distortion=self._order > 1)
                    if code != 0:
                        return Unsolved(_complaint(folder, code))
                return Unsolved(f"no figure of {len(stars)} stars matches the catalogue")
        except OSError as error:
            return Unsolved(f"{PROGRAM} could not be run: {error}")

    def _words(self, shape: tuple[int, int], hint: Hint, deadline: Deadline) -> list[str]:
        words = [self._program, "stars.xyls", "--no-plots", "--overwrite", "--crpix-center"]
        words += ["--x-column", "X", "--y-column", "Y", "--sort-column", "FLUX"]
        words += ["--width", str(shape[1]), "--height", str(shape[0])]
        # Both want programs in Python of their own; our list has no need of them.
        words += ["--no-remove-lines", "--uniformize", "0"]
        words += ["--tweak-order", str(self._order), "--corr", "stars.corr", "--temp-dir", "."]
        for unwanted in ("--new-fits", "--match", "--rdls", "--index-xyls", "--solved"):
            words += [unwanted, "none"]
        # For the case that we are killed and cannot kill it.
        words += ["--cpulimit", str(math.ceil(deadline.remaining_machine_s()) + 1)]
        if self._config is not None:
            words += ["--config", str(self._config)]
        if hint.scale_arcsec_per_px is not None:
            share = 1.0 + hint.scale_tolerance
            words += ["--scale-units", "arcsecperpix"]
            words += ["--scale-low", f"{hint.scale_arcsec_per_px / share:.6g}"]
            words += ["--scale-high", f"{hint.scale_arcsec_per_px * share:.6g}"]
        if hint.has_position:
            words += ["--ra", f"{hint.ra_deg:.6f}", "--dec", f"{hint.dec_deg:.6f}"]
            words += ["--radius", f"{hint.radius_deg:g}"]
        return words

    def _run(self, folder: Path, words: Sequence[str], deadline: Deadline) -> int | None:
        """Return its exit code; None when it was killed at the deadline."""
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,  # it has children of its own: they are killed together
            )
            try:
                return process.wait(deadline.remaining_machine_s())
            except subprocess.TimeoutExpired:
                _kill(process)
                return None
            except BaseException:
                _kill(process)
                raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the program and its children; it was not yet waited for, so the group is its own."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _write_stars(path: Path, stars: Stars) -> None:
    """Write the list as the program reads it: FITS pixels, brightest first, the faint left out."""
    import numpy as np
    from astropy.io import fits

    good = np.isfinite(stars.x_px) & np.isfinite(stars.y_px) & (stars.flux > 0.0)
    chosen = np.flatnonzero(good)[:MOST_STARS]
    columns = (("X", stars.x_px + 1.0), ("Y", stars.y_px + 1.0), ("FLUX", stars.flux))
    fits.BinTableHDU.from_columns(
        [fits.Column(name, "D", array=values[chosen]) for name, values in columns]
    ).writeto(path)


def _read(folder: Path, *, has_distortion: bool) -> Solved | Unsolved:
    """Read the solution and the list of matched stars."""
    import numpy as np
    from astropy.io import fits

    try:
        header = fits.getheader(folder / "stars.wcs")
        match = fits.getdata(folder / "stars.corr")
        dx, dy = match["field_x"] - match["index_x"], match["field_y"] - match["index_y"]
        wcs = [(key, header[key], "") for key in _KEPT]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Unsolved(f"the answer of {PROGRAM} cannot be read: {error}")
    distance_px = np.hypot(dx, dy)
    if has_distortion:
        wcs += [(key, value, "") for key, value in header.items() if _SIP.fullmatch(key)]
    else:
        values = {key: value[:8] if key in _TYPES else value for key, value, _ in wcs}
        if len(dx) >= FEWEST_TO_FIT:
            distance_px = _fit(values, match)
        wcs = [(key, value, "") for key, value in values.items()]
    wcs.append(("RADESYS", "ICRS", "frame of the catalogue"))
    return Solved(tuple(wcs), len(dx), float(np.median(distance_px)), "astrometry.net")


def _fit(values: dict[str, Any], match: NDArray[np.void]) -> NDArray[np.float64]:
    """Put our own fit to the matched stars in place of the program's; return the distances."""
    import numpy as np

    x, y, ra, dec = (
        np.asarray(match[name], dtype=np.float64)
        for name in ("field_x", "field_y", "index_ra", "index_dec")
    )
    at = (float(values["CRVAL1"]), float(values["CRVAL2"]))
    plate = fit_plate(x - values["CRPIX1"], y - values["CRPIX2"], ra, dec, at)
    values["CRVAL1"], values["CRVAL2"] = plate.crval_deg
    for row in (0, 1):
        for column in (0, 1):
            values[f"CD{row + 1}_{column + 1}"] = float(plate.cd[row, column])
    return plate.distance_px


def _complaint(folder: Path, code: int) -> str:
    """Say why the program itself failed, by its log."""
    with (folder / "log").open("rb") as log:
        text = log.read(_MOST_OF_LOG).decode("utf-8", "replace")
    if "at least one index" in text:
        return "astrometry.net has no index files"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{PROGRAM} ended with {code}: {lines[-1] if lines else 'no word'}"

"""What became of each light of the demonstration night, read from the files themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import typer

from ctmo_indi.cli.output import print_table

_PRODUCTS = "products"
_CALIBRATED = "CALIB_LIGHT"


@dataclass(frozen=True, slots=True)
class LightReport:
    """One light.

    Parameters
    ----------
    product
        File of the calibrated light; "" when there is none.
    fwhm_px, stars
        As measured; None when they were not.
    why_not
        Why it is not solved, or not calibrated; "" when it is.
    """

    frame: str
    target: str
    filter_name: str
    product: str = ""
    fwhm_px: float | None = None
    stars: int | None = None
    is_solved: bool = False
    why_not: str = ""


def light_reports(frames: Iterable[Mapping[str, object]]) -> list[LightReport]:
    """Return a report of each light among frames, oldest first; blocks for the headers.

    Parameters
    ----------
    frames
        Structs with ``Path``; flats and other frames are left out.
    """
    from astropy.io import fits

    paths = [Path(str(frame["Path"])) for frame in frames]
    made: dict[str, tuple[Path, fits.Header]] = {}
    for folder in {path.parent.parent / _PRODUCTS for path in paths}:
        for product in sorted(folder.glob("*.fits")):
            header = fits.getheader(product)
            if header.get("PRODKIND") == _CALIBRATED:
                made[str(header.get("EXPID"))] = product, header
    reports = []
    headers = {path: fits.getheader(path) for path in paths}
    for path, raw in sorted(headers.items(), key=lambda one: str(one[1].get("DATE-OBS"))):
        if raw.get("FRAME") != "Light":
            continue
        found = made.get(str(raw.get("EXPID")))
        header = raw if found is None else found[1]
        told = LightReport(path.name, str(header.get("OBJECT", "")), str(header.get("FILTER", "")))
        if found is None:
            reports.append(replace(told, why_not="not calibrated"))
            continue
        reports.append(
            replace(
                told,
                product=found[0].name,
                fwhm_px=header.get("FWHM"),
                stars=None if header.get("NSTARS") is None else int(header["NSTARS"]),
                is_solved=header.get("SOLVED") is True,
                why_not="" if header.get("SOLVED") else str(header.get("SOLVEWHY", "")),
            )
        )
    return reports


def print_lights(lights: Iterable[LightReport]) -> None:
    """Print one line for the lights of a target through a filter, in the order of the first."""
    rows = list(lights)
    if not rows:
        return
    runs: dict[tuple[str, str], list[LightReport]] = {}
    for one in rows:
        runs.setdefault((one.target, one.filter_name), []).append(one)
    print_table(
        ("Object", "Filter", "Calibrated", "FWHM (px)", "Stars", "Solved", "Reason"),
        [
            (
                target,
                filter_name,
                f"{sum(bool(one.product) for one in run)}/{len(run)}",
                _median([one.fwhm_px for one in run], ".2f"),
                _median([one.stars for one in run], ".0f"),
                f"{sum(one.is_solved for one in run)}/{len(run)}",
                next((one.why_not for one in run if one.why_not), ""),
            )
            for (target, filter_name), run in runs.items()
        ],
    )
    calibrated = sum(bool(one.product) for one in rows)
    solved = sum(one.is_solved for one in rows)
    typer.echo(f"{calibrated} of {len(rows)} lights calibrated, {solved} solved")


def _median(values: Iterable[float | None], form: str) -> str:
    """Write the median of those that were measured; "" without any."""
    measured = [value for value in values if value is not None]
    return format(median(measured), form) if measured else ""

"""The picture of a plan: altitude of the night's visits against time, as PNG, SVG or PDF.

Drawn with matplotlib (extra ``plot``: no service needs it, and it brings 50 MB), without pyplot:
no state is kept, no window opened. From the reply of a Plan order alone, so that it can be drawn
on any machine. The same plan gives the same file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ctmo_indi.errors import ConfigError
from ctmo_indi.models.coordinates import Array, altaz, sidereal_time_h
from ctmo_indi.models.sun_moon import coarse_sun_altitude_deg, moon_altitude_deg, moon_illumination
from ctmo_indi.planner.airmass_altitude import altitude_of_airmass_deg
from ctmo_indi.profiles import Site

FORMATS = (".png", ".svg", ".pdf")
_STEP_S = 120.0
_MARGIN_S = 2400.0
_CURVES_UP_TO = 60
"""Visits of which the whole path is drawn; of more only the visits themselves."""
_NAMES_UP_TO = 60
_HANGS_ABOVE_DEG = 79.0
_TWILIGHTS = (
    (0.0, 90.0, "#f7e7b4"),
    (-6.0, 0.0, "#f3d9b1"),
    (-12.0, -6.0, "#c9d3e6"),
    (-18.0, -12.0, "#e4e9f3"),
)
_FILTER_COLOURS = {
    "U": "#7b3294", "B": "#2166ac", "V": "#1b8a3a", "R": "#d6401f", "I": "#8c1c13",
    "L": "#555555", "u": "#7b3294", "g": "#1b8a3a", "r": "#d6401f", "i": "#8c1c13", "z": "#5b3b1f",
}  # fmt: skip
_OTHER_COLOURS = ("#008b8b", "#b8860b", "#c71585", "#4b0082", "#2f4f4f", "#6b8e23")
_AIRMASSES = (1.0, 1.1, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True, slots=True)
class _Visit:
    start_s: float
    end_s: float
    ra_deg: float
    dec_deg: float
    filter_name: str
    name: str


def draw_plan(reply: Mapping[str, object], path: Path) -> None:
    """Draw a plan into a file; replaces it.

    Parameters
    ----------
    reply
        To a Plan order.
    path
        Its ending says the format: one of ``FORMATS``.

    Raises
    ------
    ConfigError
        Another ending, no matplotlib, a reply without site and times, a file that cannot be
        written.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"--plot: came {path.name}, expected a file in {', '.join(FORMATS)}")
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            f"--plot needs matplotlib, install ctmo-indi with its extra plot: {error}"
        ) from error
    site, limits = _site(reply), _struct(reply, "Limits")
    begin_s, end_s = _unix_s(reply.get("Begin")), _unix_s(reply.get("End"))
    if not (math.isfinite(begin_s) and math.isfinite(end_s) and begin_s < end_s):
        raise ConfigError("--plot: the plan has no time: Begin and End are missing")
    visits = _visits(reply)
    same_each_time = {
        "svg.hashsalt": "ctmo-indi",
        "svg.fonttype": "none",
        "font.size": 9.0,
        "axes.linewidth": 0.6,
    }
    with matplotlib.rc_context(same_each_time):
        figure = Figure(figsize=(12.0, 6.2), layout="constrained")
        axes = figure.add_subplot()
        times_s = np.arange(begin_s - _MARGIN_S, end_s + _MARGIN_S + 1.0, _STEP_S)
        _draw_sky(axes, site, limits, times_s)
        _draw_visits(axes, site, visits, times_s, _number(limits.get("Horizon")))
        _draw_scales(axes, site, times_s)
        _draw_words(figure, axes, reply)
        date = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        try:
            figure.savefig(path, dpi=150, metadata=date.get(path.suffix.lower()))
        except OSError as error:
            raise ConfigError(f"--plot: {path}: {error}") from error


def _draw_sky(
    axes: Any, site: Site, limits: Mapping[str, object], times_s: Array
) -> None:  # Any: matplotlib's axes
    """Draw twilight, Moon, and where nothing may be pointed."""
    hours = _hours(times_s)
    sun_deg = coarse_sun_altitude_deg(site, times_s)
    for low_deg, high_deg, colour in _TWILIGHTS:
        for first, last in _between(hours, sun_deg, low_deg, high_deg):
            axes.axvspan(first, last, color=colour, lw=0, zorder=0)
    horizon_deg = _number(limits.get("Horizon"))
    axes.axhspan(0, horizon_deg, color="#8a8a8a", alpha=0.28, lw=0, zorder=1)
    axes.axhline(horizon_deg, color="#555555", lw=0.9, zorder=2)
    if horizon_deg >= 3.0:
        _note(axes, horizon_deg, f"site's horizon {horizon_deg:.0f}°")
    highest_deg = _number(limits.get("Max Altitude"), 90.0)
    if highest_deg < 89.9:
        axes.axhspan(highest_deg, 90, color="#8a8a8a", alpha=0.28, lw=0, zorder=1)
        _note(axes, highest_deg, f"mount's limit {highest_deg:.0f}°")
    moon_deg = moon_altitude_deg(site, times_s)
    if float(moon_deg.max()) > 0.0:
        lit = 100.0 * float(np.atleast_1d(moon_illumination(times_s))[times_s.size // 2])
        shown = np.where(moon_deg >= 0.0, moon_deg, np.nan)
        label = f"Moon, {lit:.0f} % lit"
        axes.plot(hours, shown, color="#a8841c", lw=1.6, ls=(0, (5, 2)), zorder=3, label=label)
    else:
        axes.plot([], [], " ", label="Moon below the horizon")
    begin_deg = _number(limits.get("Sun Max Altitude"), math.nan)
    if math.isfinite(begin_deg):
        for edge in np.flatnonzero(np.diff(sun_deg < begin_deg)):
            at = np.interp(0.5, [0.0, 1.0], hours[edge : edge + 2])
            axes.axvline(at, color="#333f5c", lw=0.9, ls=":", zorder=2)
            axes.annotate(
                f"Sun {begin_deg:.0f}°", (at, 0.01), xycoords=("data", "axes fraction"),
                xytext=(2, 0), textcoords="offset points", rotation=90, va="bottom", fontsize=7,
                color="#333f5c",
            )  # fmt: skip


def _note(axes: Any, altitude_deg: float, text: str) -> None:
    axes.annotate(
        text, (0.11, altitude_deg), xycoords=("axes fraction", "data"), fontsize=7,
        color="#444444", xytext=(0, -2), textcoords="offset points", va="top",
    )  # fmt: skip


def _between(
    hours: Array, sun_deg: Array, low_deg: float, high_deg: float
) -> list[tuple[float, float]]:
    """Return the spans of hours in which the Sun is between two altitudes."""
    fine = np.linspace(hours[0], hours[-1], 8 * hours.size)
    sun = np.interp(fine, hours, sun_deg)
    inside = np.concatenate(([False], (sun >= low_deg) & (sun < high_deg), [False]))
    edges = np.flatnonzero(np.diff(inside.astype(np.int8)))
    # one band ends where the next begins: at the first instant of the next
    ends = np.minimum(edges[1::2], fine.size - 1)
    return list(zip(fine[edges[::2]].tolist(), fine[ends].tolist(), strict=True))


def _draw_visits(
    axes: Any, site: Site, visits: Sequence[_Visit], times_s: Array, horizon_deg: float
) -> None:
    """Draw each visit where it stands, and of a few their whole paths."""
    behind = {"facecolor": "white", "alpha": 0.7, "lw": 0, "pad": 0.4}
    colours = _colours([one.filter_name for one in visits])
    labelled: set[str] = set()
    for number, one in enumerate(visits):
        colour = colours[one.filter_name]
        if len(visits) <= _CURVES_UP_TO:
            path_deg = _altitude_deg(one, site, times_s)
            up = np.where(path_deg >= horizon_deg, path_deg, np.nan)
            axes.plot(_hours(times_s), up, color=colour, lw=0.5, alpha=0.28, zorder=3)
        inside_s = np.linspace(one.start_s, one.end_s, 2 + int((one.end_s - one.start_s) // 60.0))
        label = None
        if one.filter_name not in labelled:
            label = one.filter_name or "no filter"
            labelled.add(one.filter_name)
        up = _altitude_deg(one, site, inside_s)
        axes.plot(
            _hours(inside_s), up, color=colour, lw=3.6, solid_capstyle="butt", zorder=5, label=label
        )
        if len(visits) <= _NAMES_UP_TO:
            middle = up.size // 2
            is_high = up[middle] > _HANGS_ABOVE_DEG  # its name hangs, not to leave the picture
            axes.annotate(
                one.name, (_hours(inside_s)[middle], up[middle]), xytext=(0, -6 if is_high else 6),
                textcoords="offset points", rotation=-60 if is_high else 60, ha="left",
                va="top" if is_high else "bottom", rotation_mode="anchor", fontsize=7,
                color="#222222", zorder=4, bbox=behind,
            )  # fmt: skip
        elif number % 2 == 0:  # where names would hide all, ends of visits are told apart by a dot
            axes.plot(_hours(inside_s)[:1], up[:1], ".", color=colour, ms=2.5, zorder=6)


def _draw_scales(axes: Any, site: Site, times_s: Array) -> None:
    """Write UTC below, local sidereal time above, air mass at the right."""
    hours = _hours(times_s)
    axes.set_xlim(float(hours[0]), float(hours[-1]))
    axes.set_ylim(0, 90)
    axes.set_yticks(range(0, 91, 10))
    axes.set_ylabel("altitude (degrees, no refraction)")
    first, last = math.ceil(hours[0]), math.floor(hours[-1])
    ticks = list(range(first, last + 1))
    axes.set_xticks(ticks, [f"{hour % 24:02d}" for hour in ticks])
    dates = dict.fromkeys(_date(one) for one in (times_s[0], times_s[-1]))
    axes.set_xlabel(f"UTC (h), {' to '.join(dates)}")
    axes.grid(color="#b8bec9", lw=0.4, zorder=1)
    day_s = _midnight_s(times_s)
    top = axes.secondary_xaxis("top")
    lst_h = [float(sidereal_time_h(site, day_s + 3600.0 * hour)) for hour in ticks]
    top.set_xticks(
        ticks, [f"{int(lst):02d}:{int(lst % 1.0 * 60.0):02d}" for lst in lst_h], fontsize=7
    )
    top.set_xlabel("local sidereal time", fontsize=8)
    right = axes.secondary_yaxis("right")
    heights = [min(float(altitude_of_airmass_deg(np.array([one]))[0]), 90.0) for one in _AIRMASSES]
    right.set_yticks(heights, [f"{one:g}" for one in _AIRMASSES], fontsize=8)
    right.set_ylabel("air mass")


def _draw_words(figure: Any, axes: Any, reply: Mapping[str, object]) -> None:
    """Write what night it is, and how good the plan is."""
    site = _struct(reply, "Site")
    night = str(reply.get("Night", ""))
    date = f"{night[:4]}-{night[4:6]}-{night[6:]}" if len(night) == 8 else night
    gap, filled = 100.0 * _number(reply.get("Gap")), 100.0 * _number(reply.get("Filled"))
    count = int(_number(reply.get("Number of Visits")))
    shown = len(_visits(reply))
    more = f" ({shown} drawn)" if shown < count else ""
    figure.suptitle(
        f"{site.get('Name', '')}, night of {date}: {count} visits{more}, {filled:.0f} % of the time"
        f" observed, within {gap:.2g} % of the best possible",
        fontsize=11,
    )
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=10, frameon=False, fontsize=8,
        handlelength=1.6,
    )  # fmt: skip


def _altitude_deg(visit: _Visit, site: Site, times_s: Array) -> Array:
    altitude_deg, _ = altaz(visit.ra_deg, visit.dec_deg, site, times_s)
    return np.asarray(altitude_deg, dtype=np.float64)


def _hours(times_s: Array) -> Array:
    """Return hours since the midnight (UTC) before the plan's first instant."""
    found: Array = (times_s - _midnight_s(times_s)) / 3600.0
    return found


def _midnight_s(times_s: Array) -> float:
    return float(np.floor(times_s[0] / 86400.0) * 86400.0)


def _colours(names: Sequence[str]) -> dict[str, str]:
    others = iter(_OTHER_COLOURS * (1 + len(names) // len(_OTHER_COLOURS)))
    found: dict[str, str] = {"": "#777777"}
    for name in names:
        if name not in found:
            found[name] = _FILTER_COLOURS.get(name) or next(others)
    return found


def _visits(reply: Mapping[str, object]) -> list[_Visit]:
    listed = reply.get("Visits")
    found = []
    for one in listed if isinstance(listed, list) else []:
        start_s, end_s = _unix_s(one.get("Start")), _unix_s(one.get("End"))
        ra_deg, dec_deg = _number(one.get("RA"), math.nan), _number(one.get("Dec"), math.nan)
        if not math.isfinite(start_s + end_s + ra_deg + dec_deg):
            continue  # its place or its time is not told
        name = str(one.get("Object") or one.get("Receipt", ""))
        filter_name = str(one.get("Filter", ""))
        found.append(_Visit(start_s, end_s, ra_deg, dec_deg, filter_name, name))
    return found


def _site(reply: Mapping[str, object]) -> Site:
    told = _struct(reply, "Site")
    if not {"Latitude", "Longitude"} <= told.keys():
        raise ConfigError("--plot: the plan does not tell its site")
    return Site(
        str(told.get("Name", "")),
        _number(told["Latitude"]),
        _number(told["Longitude"]),
        _number(told.get("Height")),
    )


def _struct(reply: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = reply.get(key)
    return found if isinstance(found, Mapping) else {}


def _number(value: object, otherwise: float = 0.0) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def _unix_s(instant: object) -> float:
    try:
        return datetime.fromisoformat(str(instant)).timestamp()
    except ValueError:
        return math.nan


def _date(utc_s: float) -> str:
    return datetime.fromtimestamp(float(utc_s), UTC).strftime("%Y-%m-%d")

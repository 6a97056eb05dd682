"""What visibility costs, limit by limit: spans of all requests, bits of a night's minutes.

Process CPU, the best of five, on the night and the uniform sky of ``scheduling_scenarios.py``. Each
row has the limits of the one before it and its own: altitude and air mass; 30 degrees from the
Moon; Sun below -18 degrees at a night that begins at -12; a window of 1 to 4 hours on every third
request; a horizon mask of 12 corners. "table" makes the columns from arrays; "astropy" is the
altitude alone by its ``AltAz``, 1,000 requests, the named baseline.

Goals: bits <= 1 ns a pair of request and minute at 10,000 requests and more (stretch 0.4) without a
mask; spans of 100,000 requests <= 0.15 s, of 10^6 <= 1.5 s; altitude within 5" of astropy's with
UT1 taken for UTC, 1" with UT1.

Run ``python benchmarks/bench_visibility.py`` (about 30 s of CPU with 10^6 requests);
``--requests 10000 100000`` for less. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scheduling_scenarios as scenarios
from promised_rows import MISSED, verdict

from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.planner.visibility import intervals, sin_altitude, visible_bits
from ctmo_indi.planner.window_rows import WindowRows
from ctmo_indi.profiles import Limits, NightPolicy

ROUNDS = 5
MOST_BITS = 100_000
NAUTICAL = NightPolicy(sun_max_altitude_deg=-12.0)
MASK = tuple(
    (azimuth, 22.0 + azimuth % 60.0 / 2.0) for azimuth in np.arange(0.0, 360.0, 30.0).tolist()
)
MASKED = Limits(horizon_deg=scenarios.LIMITS.horizon_deg, horizon_mask_deg=MASK)


def cpu_s(what: Callable[[], object]) -> float:
    costs = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        what()
        costs.append(time.process_time() - begin)
    return min(costs)


def kinds(count: int) -> Iterator[tuple[str, Limits, dict[str, Any]]]:
    """Yield the rows' names, limits of the site and columns of the table, one more limit each."""
    lots = np.random.default_rng(1)
    columns: dict[str, Any] = {"max_airmass": lots.choice([1.5, 2.0, 2.5], count)}
    yield "altitude", scenarios.LIMITS, columns
    columns = {**columns, "min_moon_separation_deg": 30.0}
    yield "+ Moon", scenarios.LIMITS, columns
    columns = {**columns, "max_sun_altitude_deg": -18.0}
    yield "+ Sun", scenarios.LIMITS, columns
    row = np.arange(0, count, 3)
    start_s = lots.uniform(scenarios.BEGIN_UTC_S, scenarios.END_UTC_S - 3600.0, row.size)
    end_s = start_s + lots.uniform(3600.0, 14400.0, row.size)
    columns = {**columns, "windows": WindowRows(row, start_s, end_s)}
    yield "+ windows", scenarios.LIMITS, columns
    yield "+ mask", MASKED, columns


def table_of(count: int, limits: Limits, columns: dict[str, Any]) -> RequestTable:
    lots = np.random.default_rng(2)
    sine = lots.uniform(np.sin(np.radians(-30.0)), np.sin(np.radians(80.0)), count)
    return RequestTable.from_arrays(
        [f"{row:07d}" for row in range(count)],
        lots.uniform(0.0, 360.0, count),
        np.degrees(np.arcsin(sine)),
        300.0,
        330.0,
        limits,
        NAUTICAL,
        **columns,
    )


def night_of(limits: Limits) -> NightGrid:
    return NightGrid.of_night(scenarios.SITE, limits, NAUTICAL, scenarios.MIDDLE_UTC_S)


def altitude_errors() -> tuple[float, float, float]:
    """Return worst errors (arcsec) with UT1 = UTC and with UT1, and astropy's ns a pair."""
    import astropy.units as u
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time
    from astropy.utils import iers

    iers.conf.auto_download = False
    iers.conf.auto_max_age = None
    site, night = scenarios.SITE, night_of(scenarios.LIMITS)
    table = table_of(1000, scenarios.LIMITS, {})
    times = Time(night.times_utc_s[::5], format="unix")
    place = EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )
    stars = SkyCoord(table.ra_deg[:, np.newaxis] * u.deg, table.dec_deg[:, np.newaxis] * u.deg)
    frame = AltAz(obstime=times, location=place, pressure=0.0 * u.hPa)
    expected = stars.transform_to(frame).alt
    cost_ns = cpu_s(lambda: stars.transform_to(frame)) / expected.size * 1e9
    worst = []
    for ut1_s in (0.0, float(times[0].delta_ut1_utc)):
        span = (night.begin_utc_s, night.end_utc_s)
        turned = NightGrid.of(site, scenarios.LIMITS, NAUTICAL, *span, ut1_minus_utc_s=ut1_s)
        found = np.degrees(np.arcsin(sin_altitude(table, turned, times_utc_s=times.unix)))
        off = np.abs(found - expected.deg)[expected.deg > 0.0]
        worst.append(float(off.max()) * 3600.0)
    return worst[0], worst[1], cost_ns


def told(what: str, value: float, unit: str, must: float | None, stretch: float | None) -> bool:
    """Print a row; return whether its goal is missed."""
    goals = "" if must is None else f"{must:g}" + ("" if stretch is None else f" ({stretch:g})")
    word = verdict(value, must, stretch)
    print(f"| {what:<42} | {value:9.3f} {unit:<6} | {goals:<10} | {word:<15} |", flush=True)
    return word == MISSED


def costs(count: int, name: str, limits: Limits, columns: dict[str, Any]) -> Iterator[bool]:
    """Print the rows of one table; yield whether a goal is missed."""
    night, table = night_of(limits), table_of(count, limits, columns)
    if name == "altitude":
        cost_s = cpu_s(lambda: table_of(count, limits, columns))
        yield told(f"table of {count}", cost_s, "s", None, None)
    goal_s = {100_000: 0.15, 1_000_000: 1.5}.get(count)
    cost_s = cpu_s(lambda: intervals(table, night))
    yield told(f"spans of {count}, {name}", cost_s, "s", goal_s, None)
    if count <= MOST_BITS:
        pairs = count * night.times_utc_s.size
        cost_ns = cpu_s(lambda: visible_bits(table, night)) / pairs * 1e9
        goals = (None, None) if name == "+ mask" else (1.0, 0.4)
        yield told(f"bits of {count}, {name}, a pair", cost_ns, "ns", *goals)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    counts = parser.parse_args().requests
    warm = table_of(10, MASKED, {})
    intervals(warm, night_of(MASKED))
    visible_bits(warm, night_of(MASKED))
    missed = [told("the night", cpu_s(lambda: night_of(MASKED)) * 1e3, "ms", None, None)]
    for count in counts:
        for name, limits, columns in kinds(count):
            missed += costs(count, name, limits, columns)
    plain, with_ut1, astropy_ns = altitude_errors()
    missed.append(told("altitude against astropy, UT1 = UTC", plain, "arcsec", 5.0, None))
    missed.append(told("altitude against astropy, with UT1", with_ut1, "arcsec", 1.0, None))
    told("astropy's altitude of 1000, a pair", astropy_ns, "ns", None, None)
    return int(any(missed))


if __name__ == "__main__":
    sys.exit(main())

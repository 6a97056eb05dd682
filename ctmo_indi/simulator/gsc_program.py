"""The program ``gsc`` that the CCD simulator asks for stars; standard library only.

INDI's CCD simulator (1.9.9) runs, at the start of each light exposure and through a shell::

    gsc -c 56.495066 +24.016066 -r 16.3 -m 0 17.00 -n 3000

centre RA and Dec in degrees (J2000), radius in arc minutes, magnitudes from and to, greatest count;
and reads lines of twelve columns: id (at most 10 characters), RA, Dec (degrees), position error,
magnitude, magnitude error, band, class, plate (4 characters), multiple (2 characters), distance
(arc minutes), position angle (degrees, whole). The original is the Guide Star Catalog's reader.

Run as ``python -S -E -s gsc_program.py SORTED_FILE -c ...``: the look-up happens inside the
exposure time, and importing numpy alone would take longer than a short exposure under a fast clock.
The sorted file is made by :mod:`ctmo_indi.simulator.gsc`.
"""

from __future__ import annotations

import math
import mmap
import struct
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

MAGIC = b"CTMOGSC1"
# Magic and number of stars n; then the columns n dec f64, n ra f64, n mag f32, n row u32.
HEADER = struct.Struct("<8sQ")
USAGE = "usage: gsc -c RA_DEG DEC_DEG [-r RADIUS_ARCMIN] [-m FROM TO] [-n COUNT]"


class Query(NamedTuple):
    """One cone of sky."""

    ra_deg: float
    dec_deg: float
    radius_arcmin: float = 5.0
    brightest: float = -5.0
    faintest: float = 30.0
    limit: int = 1000


class Star(NamedTuple):
    """One star found; ``row`` is its place in the source catalogue, from 0."""

    magnitude: float
    row: int
    ra_deg: float
    dec_deg: float
    distance_arcmin: float
    position_angle_deg: float


def parse(words: Sequence[str]) -> Query:
    """Read the command line; ValueError says what is wrong with it."""
    numbers = {"-c": 2, "-r": 1, "-m": 2, "-n": 1}
    given: dict[str, list[float]] = {}
    rest = list(words)
    while rest:
        option = rest.pop(0)
        if option not in numbers:
            raise ValueError(f"{option!r} is no option of it")
        values = [float(word) for word in rest[: numbers[option]]]
        if len(values) < numbers[option] or not all(math.isfinite(value) for value in values):
            raise ValueError(f"{option} needs {numbers[option]} finite number(s)")
        del rest[: numbers[option]]
        given[option] = values
    if "-c" not in given:
        raise ValueError("-c is missing")
    ra_deg, dec_deg = given["-c"]
    if not -90.0 <= dec_deg <= 90.0:
        raise ValueError(f"declination {dec_deg:g} is not in -90..90")
    default = Query(0.0, 0.0)
    brightest, faintest = given.get("-m", [default.brightest, default.faintest])
    return Query(
        ra_deg % 360.0,
        dec_deg,
        given.get("-r", [default.radius_arcmin])[0],
        brightest,
        faintest,
        int(given.get("-n", [default.limit])[0]),
    )


def ra_half_width_deg(dec_deg: float, radius_deg: float) -> float:
    """Return how far in RA a cone reaches from its centre, degrees; 180 when it holds a pole.

    sin(dRA) = sin(radius) / cos(dec): the circle's tangent point (spherical trigonometry).
    """
    if abs(dec_deg) + radius_deg >= 90.0:
        return 180.0
    ratio = math.sin(math.radians(radius_deg)) / math.cos(math.radians(dec_deg))
    return math.degrees(math.asin(min(1.0, ratio)))


def find(path: str, query: Query) -> list[Star]:
    """Return the stars in the cone, brightest first, at most ``query.limit``.

    Parameters
    ----------
    path
        The sorted file.

    Raises
    ------
    ValueError
        The file is not one of ours.
    """
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        with memoryview(data) as view:
            return _find(view, query)


def _find(view: memoryview, query: Query) -> list[Star]:
    magic, count = HEADER.unpack_from(view)
    if magic != MAGIC or len(view) != HEADER.size + 24 * count:
        raise ValueError("the star file is damaged or of another version: remove it")
    start = HEADER.size
    dec = view[start : start + 8 * count].cast("d")
    ra = view[start + 8 * count : start + 16 * count].cast("d")
    magnitude = view[start + 16 * count : start + 20 * count].cast("f")
    row = view[start + 20 * count :].cast("I")

    radius_deg = query.radius_arcmin / 60.0
    width_deg = ra_half_width_deg(query.dec_deg, radius_deg) + 1e-9
    found = []
    first = bisect_left(dec, query.dec_deg - radius_deg)
    last = bisect_right(dec, query.dec_deg + radius_deg)
    for index in range(first, last):
        offset_deg = abs(ra[index] - query.ra_deg)
        if min(offset_deg, 360.0 - offset_deg) > width_deg:
            continue
        if not query.brightest <= magnitude[index] <= query.faintest:
            continue
        distance_deg, angle_deg = _separation(query, ra[index], dec[index])
        if distance_deg <= radius_deg:
            found.append(
                Star(
                    magnitude[index],
                    row[index],
                    ra[index],
                    dec[index],
                    60.0 * distance_deg,
                    angle_deg,
                )
            )
    for column in (dec, ra, magnitude, row):
        column.release()
    return sorted(found)[: max(0, query.limit)]


def _separation(query: Query, ra_deg: float, dec_deg: float) -> tuple[float, float]:
    """Distance (haversine) and position angle (north through east) from the centre, degrees."""
    dec_0, dec_1 = math.radians(query.dec_deg), math.radians(dec_deg)
    d_ra, d_dec = math.radians(ra_deg - query.ra_deg), dec_1 - dec_0
    chord = math.sin(d_dec / 2) ** 2 + math.cos(dec_0) * math.cos(dec_1) * math.sin(d_ra / 2) ** 2
    distance = 2.0 * math.asin(min(1.0, math.sqrt(chord)))
    angle = math.atan2(
        math.sin(d_ra) * math.cos(dec_1),
        math.cos(dec_0) * math.sin(dec_1) - math.sin(dec_0) * math.cos(dec_1) * math.cos(d_ra),
    )
    return math.degrees(distance), math.degrees(angle) % 360.0


def line(star: Star) -> str:
    """Write a star as the twelve columns the CCD simulator reads."""
    angle_deg = round(star.position_angle_deg) % 360
    return (
        f"{star.row:010d} {star.ra_deg:10.6f} {star.dec_deg:+10.6f}  0.1 "
        f"{star.magnitude:5.2f} 0.02 1 0 GAIA F {star.distance_arcmin:7.3f} {angle_deg:3d}\n"
    )


def main(words: Sequence[str]) -> int:
    """Answer one call; 2 when the command line or the file is wrong."""
    try:
        path, *rest = words
        stars = find(path, parse(rest))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"gsc: {error}; {USAGE}\n")
        return 2
    sys.stdout.write("".join(map(line, stars)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

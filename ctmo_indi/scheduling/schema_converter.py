"""Observations to rows of the Rubin Observatory's opsim schema and back (SchemaConverter).

In the file: degrees, seconds, MJD; ours is UTC. One row is one visit: all frames of an attempt. The
columns are those of rubin_scheduler's docs/fbs-output-schema.rst; see ``store/opsim.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ctmo_indi.errors import ConfigError
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.models.observation import Observation

if TYPE_CHECKING:
    from ctmo_indi.profiles import Site

Value = float | int | str | None
T = TypeVar("T")

_UNIX_EPOCH_MJD = 40587.0
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class ObservedVisit:
    """An observation with what is known about its visit besides.

    Parameters
    ----------
    night
        Of the survey, from 1; None: not known.
    slew_s
        Sky seconds before the first exposure.
    visit_s
        Sky seconds from the start of the first exposure to the end of the last readout.
    """

    observation: Observation
    night: int | None = None
    slew_s: float | None = None
    visit_s: float | None = None
    note: str = ""


class SchemaConverter:
    """Converts between observations and opsim rows, and writes and reads the files.

    Parameters
    ----------
    site
        With one, the columns about altitude, airmass, Sun and Moon are worked out.
    """

    def __init__(self, site: Site | None = None) -> None:
        self._site = site

    def to_rows(self, visits: Iterable[ObservedVisit | Observation]) -> list[dict[str, Value]]:
        """Return one opsim row for each visit, by column name; ``observationId`` is the file's."""
        given = [one if isinstance(one, ObservedVisit) else ObservedVisit(one) for one in visits]
        rows = [_row(one) for one in given]
        if self._site is not None and rows:
            _add_sky(rows, self._site)
        return rows

    def write_visits(self, path: Path, visits: Iterable[ObservedVisit | Observation]) -> int:
        """Append visits to a file in one transaction; blocks.

        Returns
        -------
        int
            How many.

        Raises
        ------
        StoreUnavailable
            The file cannot be written.
        """
        from ctmo_indi.store.opsim import append_rows

        rows = self.to_rows(visits)
        append_rows(path, rows)
        return len(rows)

    def read_observations(self, path: Path) -> list[Observation]:
        """Read an opsim file, or the scheduler's own database; oldest first. Blocks.

        Observations of an opsim file carry number 0: they are of no history we count.

        Raises
        ------
        ConfigError
            Naming the file and what is wrong with it: not there, not SQLite, no table
            ``observations``, a column or value missing or of a wrong kind.
        """
        from ctmo_indi.store.opsim import read_rows

        rows = read_rows(path)
        if not rows:
            return []
        read = _from_opsim if "observationStartMJD" in rows[0] else _from_ours
        found = [_checked(read, row, f"{path}, row {i + 1}") for i, row in enumerate(rows)]
        return sorted(found, key=lambda one: (one.number, one.mjd))


def _row(visit: ObservedVisit) -> dict[str, Value]:
    made = visit.observation
    return {
        "night": visit.night,
        "observationStartMJD": made.mjd,
        "numExposures": made.frames,
        "visitTime": visit.visit_s,
        "visitExposureTime": made.exposure_s * made.frames,
        "fieldRA": made.ra_deg,
        "fieldDec": made.dec_deg,
        "filter": made.filter_name,
        "slewTime": visit.slew_s,
        "note": visit.note or made.target_name,
        "target_name": made.target_name,
        "target_id": made.target_id,
        "attempt_id": made.attempt_id,
        "receipt": made.receipt,
    }


def _add_sky(rows: Sequence[dict[str, Value]], site: Site) -> None:
    """Work out what the sky was like at the start of each visit; for all rows at once."""
    with FIRST_IMPORT:
        import erfa  # here: reading and writing without a site needs neither
        import numpy as np

        from ctmo_indi.models import sun_moon
        from ctmo_indi.models.coordinates import ApparentFrame, airmass, horizontal_deg

    def column(name: str) -> np.typing.NDArray[np.float64]:
        return np.array([row[name] for row in rows], dtype=np.float64)  # None becomes NaN

    without_place = np.isnan(column("fieldRA")) | np.isnan(column("fieldDec"))

    utc_s = (column("observationStartMJD") - _UNIX_EPOCH_MJD) * _DAY_S
    frame = ApparentFrame.at(utc_s)
    place = frame.place_rad(
        np.where(without_place, 0.0, column("fieldRA")),
        np.where(without_place, 0.0, column("fieldDec")),
    )
    sun, moon = sun_moon.sun_place_rad(frame, utc_s), sun_moon.moon_place_rad(frame, site, utc_s)

    def horizontal(ra_rad: object, dec_rad: object) -> tuple[object, object]:
        return horizontal_deg(frame.hour_angle_rad(ra_rad, site), dec_rad, site)

    altitude, azimuth = horizontal_deg(frame.hour_angle_rad(place[0], site), place[1], site)
    sun_altitude, sun_azimuth = horizontal(*sun)
    moon_altitude, moon_azimuth = horizontal(*moon)
    lit = np.array([sun_moon.moon_illumination(float(one)) for one in utc_s])
    rotation = frame.rotation_rad - frame.origins_rad + math.radians(site.longitude_deg)
    of_sky = {
        "observationStartLST": np.degrees(erfa.anp(rotation)),
        "sunAlt": sun_altitude,
        "sunAz": sun_azimuth,
        "moonAlt": moon_altitude,
        "moonAz": moon_azimuth,
        "moonPhase": 100.0 * lit,
    }
    of_place = {
        "altitude": altitude,
        "azimuth": azimuth,
        "airmass": np.where(altitude < 0.0, np.nan, airmass(altitude)),
        "moonDistance": np.degrees(erfa.seps(*moon, *place)),
        "solarElong": np.degrees(erfa.seps(*sun, *place)),
    }
    columns = of_sky | {
        name: np.where(without_place, np.nan, values) for name, values in of_place.items()
    }
    for name, values in columns.items():
        for row, value in zip(rows, np.asarray(values).tolist(), strict=True):
            row[name] = None if math.isnan(value) else value


def _checked(
    read: Callable[[Mapping[str, object]], Observation], row: Mapping[str, object], where: str
) -> Observation:
    try:
        return read(row)
    except KeyError as error:
        raise ConfigError(
            f"{where}: the column {error} is missing; expected an opsim file or a database of"
            " the scheduler"
        ) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _from_opsim(row: Mapping[str, object]) -> Observation:
    frames = _number(row, "numExposures") if "numExposures" in row else 1
    name = _text(row, "target_name") or _text(row, "target") or _text(row, "note")
    return Observation(
        attempt_id=_text(row, "attempt_id") or f"opsim {row.get('observationId')}",
        receipt=_text(row, "receipt"),
        target_name=name,
        ra_deg=_float_or_none(row, "fieldRA"),
        dec_deg=_float_or_none(row, "fieldDec"),
        mjd=_float(row, "observationStartMJD"),
        exposure_s=_float(row, "visitExposureTime") / max(frames, 1),
        frames=frames,
        filter_name=_text(row, "filter") or None,
        target_id=_text(row, "target_id"),
    )


def _from_ours(row: Mapping[str, object]) -> Observation:
    return Observation(
        attempt_id=_text_of(row["attempt_id"], "attempt_id"),
        receipt=_text_of(row["receipt"], "receipt"),
        target_name=_text_of(row["target_name"], "target_name"),
        ra_deg=_float_or_none(row, "ra_deg"),
        dec_deg=_float_or_none(row, "dec_deg"),
        mjd=_float(row, "mjd"),
        exposure_s=_float(row, "exposure_s"),
        frames=_number(row, "frames"),
        filter_name=_text(row, "filter_name") or None,
        target_id=_text(row, "target_id"),
        number=_number(row, "number"),
    )


def _float(row: Mapping[str, object], column: str) -> float:
    value = row[column]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{column} is {value!r}, expected a finite number")
    return float(value)


def _float_or_none(row: Mapping[str, object], column: str) -> float | None:
    return None if row[column] is None else _float(row, column)


def _number(row: Mapping[str, object], column: str) -> int:
    value = _float(row, column)
    if value != int(value) or value < 0:
        raise ValueError(f"{column} is {value!r}, expected a whole number, at least 0")
    return int(value)


def _text(row: Mapping[str, object], column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value)


def _text_of(value: object, column: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{column} is {value!r}, expected text")
    return value

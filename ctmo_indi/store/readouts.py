"""How a camera was read and when, between values and columns; tables of raw frames and products."""

from __future__ import annotations

from sqlalchemy import RowMapping

from ctmo_indi.models.frames import Readout
from ctmo_indi.models.passbands import passband_m

_UNIX_EPOCH_MJD = 40587.0
_DAY_S = 86400.0

_COLUMNS = {
    "camera": "camera",
    "nx": "nx",
    "ny": "ny",
    "x_binning": "x_binning",
    "y_binning": "y_binning",
    "x_origin": "x_origin",
    "y_origin": "y_origin",
    "mode": "readout_mode",
    "gain": "camera_gain",
    "offset": "camera_offset",
}


def readout_columns(readout: Readout) -> dict[str, object]:
    """Return the columns of a readout."""
    return {column: getattr(readout, name) for name, column in _COLUMNS.items()}


def readout_of(row: RowMapping) -> Readout:
    """Return the readout of a row."""
    return Readout(**{name: row[column] for name, column in _COLUMNS.items()})


def to_mjd(utc_s: float) -> float:
    """Return the MJD (UTC) of Unix seconds."""
    return _UNIX_EPOCH_MJD + utc_s / _DAY_S


def to_utc_s(mjd: float) -> float:
    """Return the Unix seconds of an MJD (UTC), to a microsecond."""
    return round((mjd - _UNIX_EPOCH_MJD) * _DAY_S, 6)


def band_columns(filter_name: str) -> dict[str, float | None]:
    """Return the columns of a filter's wavelengths, metres."""
    band = passband_m(filter_name)
    return {"em_min_m": band and band[0], "em_max_m": band and band[1]}

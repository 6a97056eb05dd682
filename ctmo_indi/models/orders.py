"""Work Orders as the inside knows them: frozen, in units, ICRS degrees.

``work_orders/contract.py`` is the only place that renames the wire's keys into these fields.
"""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.models.states import FrameType


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in which an observation may be made; Unix seconds, UTC."""

    start_utc_s: float
    end_utc_s: float


@dataclass(frozen=True, slots=True)
class Constraints:
    """An order's own limits, on top of the site's; None is no limit."""

    max_airmass: float | None = None
    min_altitude_deg: float | None = None
    min_moon_separation_deg: float | None = None
    max_sun_altitude_deg: float | None = None


@dataclass(frozen=True, slots=True)
class ObservationRequest:
    """What one Observation order asks for.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS; None for frames that need no sky.
    filter_name
        As the profile names it; None for bias and dark.
    count
        Frames wanted.
    parent, parent_id, parent_user
        Of an attempt: receipt, ID and User of the order it is made for.
    """

    order_id: str
    user: str
    frame_type: FrameType
    exposure_s: float
    count: int
    ra_deg: float | None = None
    dec_deg: float | None = None
    object_name: str = ""
    filter_name: str | None = None
    binning: int = 1
    windows: tuple[Window, ...] = ()
    constraints: Constraints = Constraints()
    telescope_name: str = ""
    job_type: str = ""
    object_type: str = ""
    calibration_frames: bool = False
    output: str = "Raw"
    parent: str = ""
    parent_id: str = ""
    parent_user: str = ""


@dataclass(frozen=True, slots=True)
class ExposureRecord:
    """One frame on disk, in IVOA ObsCore words where they fit.

    Parameters
    ----------
    t_min_mjd, t_max_mjd
        Start and end of the exposure, MJD (UTC).
    s_ra_deg, s_dec_deg
        Where the mount said it pointed at mid-exposure, ICRS; None without sky.
    """

    exposure_id: str
    attempt_id: str
    order_receipt: str
    sequence: int
    path: str
    frame_type: FrameType
    filter_name: str
    t_exptime_s: float
    t_min_mjd: float
    t_max_mjd: float
    s_ra_deg: float | None
    s_dec_deg: float | None
    target_name: str
    sha256: str

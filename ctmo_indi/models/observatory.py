"""Where the model of the observatory stands at one instant, and what a visit does to it.

``models/observatory_model.py`` computes with these; scheduling drivers receive them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctmo_indi.models.dome_geometry import TubeSide


@dataclass(frozen=True, slots=True)
class ObservatoryModelState:
    """Mount, dome and filter at one instant (the Rubin Scheduler's observatory state).

    Parameters
    ----------
    utc_s
        Unix seconds.
    ra_deg, dec_deg
        Where the telescope points, ICRS; of a telescope that stands still, at ``utc_s``. None: not
        known, or parked.
    dome_azimuth_deg
        Of the slit, north through east; None: not known, or no dome.
    filter_name
        As the profile names it; None: not known, or no wheel.
    is_open
        Whether the observatory is open.
    tube_side
        Of a German mount; it stays while the mount tracks over the meridian. None: as a slew to
        that place chooses it.
    """

    utc_s: float
    ra_deg: float | None = None
    dec_deg: float | None = None
    is_tracking: bool = False
    is_parked: bool = True
    dome_azimuth_deg: float | None = None
    filter_name: str | None = None
    is_open: bool = False
    tube_side: TubeSide | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """What observing one target takes, and what it leaves.

    Parameters
    ----------
    slew_s
        Sky seconds from the start of the visit to the start of the first exposure.
    start_utc_s, end_utc_s
        Unix seconds: first exposure begins, last readout ends.
    """

    slew_s: float
    start_utc_s: float
    end_utc_s: float
    after: ObservatoryModelState

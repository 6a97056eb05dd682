"""An observation: an attempt that succeeded, as it is stored and registered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observation:
    """An attempt that succeeded, as registered with the scheduling driver.

    Parameters
    ----------
    attempt_id
        Stored and registered once only: a repeated one changes nothing.
    receipt
        Of the order it was made for.
    ra_deg, dec_deg
        ICRS; None for frames that need no sky.
    mjd
        Start of the first exposure, MJD (UTC).
    exposure_s
        Of one frame.
    frames
        Good frames the attempt added.
    target_id
        The driver's own name of the target; the receipt for a target made of a pending order.
    number
        Place in the stored history, from 1, growing; 0 for one that is only simulated.
    """

    attempt_id: str
    receipt: str
    target_name: str
    ra_deg: float | None
    dec_deg: float | None
    mjd: float
    exposure_s: float
    frames: int
    filter_name: str | None = None
    target_id: str = ""
    number: int = 0

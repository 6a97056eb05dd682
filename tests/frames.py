"""Read frames as a critical astronomer would."""

from __future__ import annotations

import math
import warnings

from astropy.io import fits


def read_header(path: str) -> fits.Header:
    """Header of a frame; any warning of astropy, of its checksums too, is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as units:
            units.verify("exception")
            assert "CHECKSUM" in units[0].header
            assert "DATASUM" in units[0].header
            return units[0].header.copy()


def off_arcmin(header: fits.Header, ra_deg: float, dec_deg: float) -> float:
    """How far a frame points from a place, ICRS."""
    ra_off_deg = (header["RA"] - ra_deg + 180.0) % 360.0 - 180.0
    cos_dec = math.cos(math.radians(dec_deg))
    return 60.0 * math.hypot(ra_off_deg * cos_dec, header["DEC"] - dec_deg)

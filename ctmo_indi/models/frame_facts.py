"""What the manager knows about one frame, and what follows from it at mid-exposure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ctmo_indi.models.coordinates import airmass, altaz, hour_angle_h
from ctmo_indi.models.states import FrameType
from ctmo_indi.models.sun_moon import Body, moon, moon_separation_deg, sun
from ctmo_indi.profiles import Site


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What the manager knows about one frame; None and "" mean not known.

    Parameters
    ----------
    start_utc_s
        Start of the exposure, Unix seconds; only used when the header has no valid DATE-OBS.
    ra_deg, dec_deg
        ICRS, where the mount said it pointed at mid-exposure; None without sky.
    target_ra_deg, target_dec_deg
        ICRS, what the order asked for.
    filter_name, filter_slot
        Name in orders, name on the wheel.
    telescope_name
        First of the profile's names.
    creator
        Our name and version.
    drivers
        INDI drivers and versions.
    extra
        More cards: keyword -> (value, comment).
    """

    site: Site
    frame_type: FrameType
    exposure_s: float
    start_utc_s: float
    telescope_name: str
    creator: str
    receipt: str = ""
    order_id: str = ""
    attempt_id: str = ""
    exposure_id: str = ""
    sequence: int | None = None
    count: int | None = None
    user: str = ""
    object_name: str = ""
    job_type: str = ""
    object_type: str = ""
    ra_deg: float | None = None
    dec_deg: float | None = None
    target_ra_deg: float | None = None
    target_dec_deg: float | None = None
    filter_name: str | None = None
    filter_slot: str | None = None
    binning: int | None = None
    camera: str = ""
    focal_length_mm: float | None = None
    aperture_mm: float | None = None
    gain_e_per_adu: float | None = None
    read_noise_e: float | None = None
    dome_azimuth_deg: float | None = None
    shutter: str = ""
    focus_position: float | None = None
    drivers: str = ""
    written_utc_s: float | None = None
    extra: Mapping[str, tuple[object, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """Facts with what follows from them, at mid-exposure."""

    facts: FrameFacts
    start_s: float
    exposure_s: float
    sun: Body
    moon: Body

    @classmethod
    def of(cls, facts: FrameFacts, start_s: float, exposure_s: float) -> Frame:
        """Compute Sun and Moon for the middle of the exposure."""
        middle_s = start_s + exposure_s / 2.0
        return cls(
            facts, start_s, exposure_s, sun(facts.site, middle_s), moon(facts.site, middle_s)
        )

    @property
    def end_s(self) -> float:
        """End of the exposure, Unix seconds."""
        return self.start_s + self.exposure_s

    @property
    def middle_s(self) -> float:
        """Middle of the exposure, Unix seconds."""
        return self.start_s + self.exposure_s / 2.0

    @property
    def pointing(self) -> tuple[float, float] | None:
        """RA and Dec (ICRS degrees) the mount pointed at; None without sky or when not known."""
        ra_deg, dec_deg = self.facts.ra_deg, self.facts.dec_deg
        if ra_deg is None or dec_deg is None or not self.facts.frame_type.needs_sky:
            return None
        return (ra_deg, dec_deg) if math.isfinite(ra_deg + dec_deg) else None

    @property
    def altaz_deg(self) -> tuple[float, float] | None:
        """Altitude and azimuth of the pointing at mid-exposure."""
        return (
            None if self.pointing is None else altaz(*self.pointing, self.facts.site, self.middle_s)
        )

    @property
    def hour_angle_h(self) -> float | None:
        """Hour angle of the pointing at mid-exposure."""
        if self.pointing is None:
            return None
        return hour_angle_h(*self.pointing, self.facts.site, self.middle_s)

    @property
    def airmass(self) -> float | None:
        """Air mass of the pointing at mid-exposure."""
        return None if self.altaz_deg is None else airmass(self.altaz_deg[0])

    @property
    def moon_separation_deg(self) -> float | None:
        """Angle between pointing and Moon."""
        if self.pointing is None:
            return None
        return moon_separation_deg(*self.pointing, self.facts.site, self.middle_s)

    @property
    def target(self) -> tuple[float, float] | None:
        """RA and Dec (ICRS degrees) asked for; None without sky."""
        ra_deg, dec_deg = self.facts.target_ra_deg, self.facts.target_dec_deg
        if ra_deg is None or dec_deg is None or not self.facts.frame_type.needs_sky:
            return None
        return ra_deg, dec_deg

    @property
    def object_name(self) -> str:
        """Name of the target; without one its position, the kind of frame where no sky is seen."""
        if not self.facts.frame_type.needs_sky:
            return str(self.facts.frame_type)
        if self.facts.object_name or self.target is None:
            return self.facts.object_name
        ra_deg, dec_deg = self.target
        minutes, arc_minutes = math.floor(ra_deg * 4.0), math.floor(abs(dec_deg) * 60.0)
        return (
            f"J{minutes // 60 % 24:02d}{minutes % 60:02d}{'-' if dec_deg < 0.0 else '+'}"
            f"{arc_minutes // 60:02d}{arc_minutes % 60:02d}"
        )

    @property
    def filter_name(self) -> str | None:
        """The filter the light passed; None when no light was wanted."""
        is_dark = self.facts.frame_type in (FrameType.BIAS, FrameType.DARK)
        return None if is_dark else self.facts.filter_name

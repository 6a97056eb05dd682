"""What of a night is the same for all requests: the sky's rotation, Sun and Moon on a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import ApparentFrame, Instant, horizontal_deg
from ctmo_indi.models.nights import night_bounds, noon_before
from ctmo_indi.models.sun_moon import moon_illumination
from ctmo_indi.planner.body_path import ROTATION_RATE_RAD_S, BodyPath
from ctmo_indi.profiles import Limits, NightPolicy, Site

Array = NDArray[np.float64]

STEP_S = 60.0
_LONGEST_S = 2.0 * 86400.0
_SAMPLE_S = 60.0
_LIGHT_SAMPLE_S = 3600.0


@dataclass(frozen=True, slots=True)
class NightGrid:
    """A span of time at a site in which observing is allowed, with what the sky does in it.

    Stars stand where the frame of the middle has them: 0.3" off after 12 hours. An empty night
    (the Sun does not get low enough) has no times, S = 0.

    Parameters
    ----------
    limits, policy
        Of the profile: what the requests are judged by.
    begin_utc_s, end_utc_s
        Unix seconds. Nothing is observed outside.
    times_utc_s
        Shape (S,): begin + k * step, the last not after the end.
    frame
        Of the middle: stars' CIRS places.
    rotation_rad
        Shape (S,): Earth rotation angle + longitude; minus a CIRS right ascension it is the local
        hour angle. Grows steadily, is not brought into 0..2 pi.
    zenith
        Shape (3, S), unit vectors in CIRS.
    sun, moon
        Shape (3, S), unit vectors in CIRS; the Moon as seen from the site.
    sun_altitude_deg, moon_altitude_deg
        Shape (S,), of the centre, without refraction.
    moon_illumination
        Shape (S,): lit part of its disk, 0 to 1.
    sun_highest_deg, moon_highest_deg
        Highest altitudes from begin to end.
    sun_path, moon_path
        Where they are at any instant of the night.
    """

    site: Site
    limits: Limits
    policy: NightPolicy
    begin_utc_s: float
    end_utc_s: float
    step_s: float
    times_utc_s: Array
    frame: ApparentFrame
    rotation_rad: Array
    zenith: Array
    sun: Array
    moon: Array
    sun_altitude_deg: Array
    moon_altitude_deg: Array
    moon_illumination: Array
    sun_highest_deg: float
    moon_highest_deg: float
    sun_path: BodyPath
    moon_path: BodyPath

    @classmethod
    def of(
        cls,
        site: Site,
        limits: Limits,
        policy: NightPolicy,
        begin_utc_s: float,
        end_utc_s: float,
        step_s: float = STEP_S,
        *,
        ut1_minus_utc_s: float = 0.0,
    ) -> NightGrid:
        """Make the grid of a span; 7 ms.

        Parameters
        ----------
        ut1_minus_utc_s
            From the IERS, -0.9 to 0.9: as everywhere in ``models/coordinates`` it is taken for 0
            unless given, which misplaces the sky by 15" for each second.

        Raises
        ------
        ValueError
            A span that is not finite, ends before it begins or lasts more than two days, or a step
            that is not above 0.
        """
        length_s = end_utc_s - begin_utc_s
        if not 0.0 <= length_s <= _LONGEST_S or not 0.0 < step_s < math.inf:
            raise ValueError(
                f"came a night from {begin_utc_s} to {end_utc_s} in steps of {step_s} s, expected"
                " finite Unix seconds, at most two days, in steps above 0"
            )
        count = int(length_s // step_s) + 1 if length_s > 0.0 else 0
        times_utc_s = begin_utc_s + step_s * np.arange(count, dtype=np.float64)
        middle_utc_s = begin_utc_s + length_s / 2.0
        frame = ApparentFrame.at(middle_utc_s)
        turned_rad = float(frame.rotation_rad) + ROTATION_RATE_RAD_S * ut1_minus_utc_s
        frame = replace(frame, rotation_rad=turned_rad)
        rotation_rad = _local_rotation_rad(site, frame, times_utc_s - middle_utc_s)
        sun_path = BodyPath.of_sun(begin_utc_s, end_utc_s)
        moon_path = BodyPath.of_moon(site, frame, begin_utc_s, end_utc_s)
        sun, moon = sun_path.at(times_utc_s), moon_path.at(times_utc_s)
        all_s = np.linspace(begin_utc_s, end_utc_s, 2 + int(length_s // _SAMPLE_S))
        all_rad = _local_rotation_rad(site, frame, all_s - middle_utc_s)
        return cls(
            site=site,
            limits=limits,
            policy=policy,
            begin_utc_s=begin_utc_s,
            end_utc_s=end_utc_s,
            step_s=step_s,
            times_utc_s=times_utc_s,
            frame=frame,
            rotation_rad=rotation_rad,
            zenith=_zenith(site, rotation_rad),
            sun=sun,
            moon=moon,
            sun_altitude_deg=_altitude_deg(site, rotation_rad, sun),
            moon_altitude_deg=_altitude_deg(site, rotation_rad, moon),
            moon_illumination=_moon_illumination(times_utc_s, begin_utc_s, end_utc_s),
            sun_highest_deg=float(_altitude_deg(site, all_rad, sun_path.at(all_s)).max()),
            moon_highest_deg=float(_altitude_deg(site, all_rad, moon_path.at(all_s)).max()),
            sun_path=sun_path,
            moon_path=moon_path,
        )

    @classmethod
    def of_night(
        cls,
        site: Site,
        limits: Limits,
        policy: NightPolicy,
        utc: Instant,
        step_s: float = STEP_S,
    ) -> NightGrid:
        """Make the grid of the dark of the night (noon to noon) an instant belongs to.

        Polar night: 24 hours from noon to noon. Midnight Sun: an empty night at noon.
        """
        bounds = night_bounds(site, utc, policy.sun_max_altitude_deg)
        if bounds is None:
            noon_s = noon_before(site, utc)
            return cls.of(site, limits, policy, noon_s, noon_s, step_s)
        begin_s, end_s = (bound.timestamp() for bound in bounds)
        return cls.of(site, limits, policy, begin_s, end_s, step_s)

    def local_rotation_rad(self, utc_s: Any) -> Any:  # Any: float or array
        """Return Earth rotation angle + longitude at any instant; minus CIRS RA = hour angle."""
        middle_utc_s = self.begin_utc_s + (self.end_utc_s - self.begin_utc_s) / 2.0
        return _local_rotation_rad(self.site, self.frame, utc_s - middle_utc_s)


def _local_rotation_rad(site: Site, frame: ApparentFrame, since_s: Any) -> Any:  # Any: as given
    middle_rad = float(frame.rotation_rad) + math.radians(site.longitude_deg)
    return middle_rad + ROTATION_RATE_RAD_S * since_s


def _zenith(site: Site, rotation_rad: Array) -> Array:
    latitude_rad = math.radians(site.latitude_deg)
    return np.stack(
        [
            math.cos(latitude_rad) * np.cos(rotation_rad),
            math.cos(latitude_rad) * np.sin(rotation_rad),
            np.full_like(rotation_rad, math.sin(latitude_rad)),
        ]
    )


def _moon_illumination(times_utc_s: Array, begin_utc_s: float, end_utc_s: float) -> Array:
    """Return the lit part of the Moon; it changes by 0.006 in an hour at most."""
    count = 2 + int((end_utc_s - begin_utc_s) // _LIGHT_SAMPLE_S)
    samples_s = np.linspace(begin_utc_s, end_utc_s, count)
    found: Array = np.interp(times_utc_s, samples_s, moon_illumination(samples_s))
    return found


def _altitude_deg(site: Site, rotation_rad: Array, direction: Array) -> Array:
    ra_rad, dec_rad = np.arctan2(direction[1], direction[0]), np.arcsin(direction[2])
    altitude, _ = horizontal_deg(rotation_rad - ra_rad, dec_rad, site)
    return np.asarray(altitude, dtype=np.float64)

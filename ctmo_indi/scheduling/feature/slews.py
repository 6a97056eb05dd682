"""Slew times of many places at once, in float32.

:class:`ModelSlews` is :meth:`ObservatoryModel.delays_s` over again, from unit vectors instead of
RA and Dec and without a sine or cosine for each place: 16,000 places in half a millisecond. The
tests hold it against that method. Any other observatory is asked by its own ``delays_s``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.dome_geometry import DomeMeasurements, TubeSide
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel, longest_path, travel_s
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import MountKind
from ctmo_indi.scheduling.feature.place_conditions import DEG, Float32s, PlaceConditions, Slews
from ctmo_indi.scheduling.feature.site_now import SiteNow
from ctmo_indi.scheduling.models import Observatory

_FULL_TURN_DEG = 360.0
_NO_SKY = ObservationRequest("filter change", "", FrameType.BIAS, 0.0, 1)


def slews_of(observatory: Observatory) -> Slews:
    """Return the fast way where the observatory is known, else its own."""
    if isinstance(observatory, ObservatoryModel):
        return ModelSlews(observatory)
    return AskedSlews(observatory)


class AskedSlews:
    """Asks the observatory; right for any, slow for many places."""

    def __init__(self, observatory: Observatory) -> None:
        self._observatory = observatory

    def travel_s(self, conditions: PlaceConditions) -> Float32s:
        """Return the seconds without a filter change."""
        assert conditions.state is not None  # the conditions ask only then
        places = conditions.places
        found = self._observatory.delays_s(conditions.state, places.ra_deg, places.dec_deg)
        return found.astype(np.float32)

    def filter_ready_s(self, state: ObservatoryModelState, name: str | None) -> float:
        """Return the seconds at the present place; 0 where that is not known."""
        if name is None or name == state.filter_name or state.ra_deg is None:
            return 0.0
        assert state.dec_deg is not None  # with the RA
        return self._observatory.delay_s(state, state.ra_deg, state.dec_deg, name)

    def between_s(self, conditions: PlaceConditions) -> NDArray[np.float64]:
        """Return angles from place to place, degrees: the farther, the longer."""
        places = conditions.places
        vectors = np.stack([places.x, places.y, places.z]).astype(np.float64)
        return np.degrees(np.arccos(np.clip(vectors.T @ vectors, -1.0, 1.0)))


class ModelSlews:
    """The model of the observatory, for unit vectors."""

    def __init__(self, model: ObservatoryModel) -> None:
        self._model = model

    def travel_s(self, conditions: PlaceConditions) -> Float32s:
        """Return the seconds without a filter change, shape (n,)."""
        state, known = conditions.state, self._model.kinematics
        assert state is not None  # the conditions ask only then
        from_ha_deg, from_dec_deg = self._present_axes_deg(state, conditions.now)
        to_ha_deg, to_dec_deg = self.axes_deg(conditions)
        hour_angle_deg = np.abs(to_ha_deg - np.float32(from_ha_deg))
        declination_deg = np.abs(to_dec_deg - np.float32(from_dec_deg))
        ha_motion = known.hour_angle_rate_deg_s, known.hour_angle_acceleration_deg_s2
        dec_motion = known.declination_rate_deg_s, known.declination_acceleration_deg_s2
        if ha_motion == dec_motion:  # then the longer way is the longer one in time, too
            mount_s = _travel_s(np.maximum(hour_angle_deg, declination_deg), *ha_motion)
        else:
            mount_s = _travel_s(hour_angle_deg, *ha_motion)
            np.maximum(mount_s, _travel_s(declination_deg, *dec_motion), out=mount_s)
        if known.flip_s > 0.0 and known.mount is not MountKind.FORK:
            is_west = conditions.hour_angle_rad < 0.0
            mount_s[is_west != self._is_west(state, conditions.now)] += np.float32(known.flip_s)
        mount_s += np.float32(known.mount_settle_s)
        if self._model.dome is not None:
            np.maximum(mount_s, self._dome_s(state, conditions, self._model.dome), out=mount_s)
        mount_s += np.float32(longest_path(self._before_motion_s(state)))
        return mount_s

    def filter_ready_s(self, state: ObservatoryModelState, name: str | None) -> float:
        """Return the seconds until the filter is in place."""
        change = replace(_NO_SKY, filter_name=name)
        filter_s = self._model.activities_s(state, change)["filter"]
        return float(longest_path({**self._before_motion_s(state), "filter": filter_s}))

    def between_s(self, conditions: PlaceConditions) -> NDArray[np.float64]:
        """Return the seconds of the slower axis from place to place; dome and settling left out."""
        known = self._model.kinematics
        axes = [one.astype(np.float64) for one in self.axes_deg(conditions)]
        hour_angle, declination = (one[:, np.newaxis] - one for one in axes)
        found: NDArray[np.float64] = np.maximum(
            travel_s(
                np.abs(hour_angle),
                known.hour_angle_rate_deg_s,
                known.hour_angle_acceleration_deg_s2,
            ),
            travel_s(
                np.abs(declination),
                known.declination_rate_deg_s,
                known.declination_acceleration_deg_s2,
            ),
        )
        return found

    def axes_deg(self, conditions: PlaceConditions) -> tuple[Float32s, Float32s]:
        """Return where the mount's axes would stand, shape (n,) each."""
        hour_angle = conditions.hour_angle_rad * DEG
        declination = conditions.dec_rad * DEG
        if self._model.kinematics.mount is MountKind.FORK:
            return hour_angle, declination
        is_west = hour_angle < 0.0
        return (
            np.where(is_west, hour_angle + np.float32(180.0), hour_angle),
            np.where(is_west, np.float32(180.0) - declination, declination),
        )

    def _before_motion_s(self, state: ObservatoryModelState) -> dict[str, float]:
        known = self._model.kinematics
        return {
            "handling": known.handling_s,
            "open": 0.0 if state.is_open else known.open_s,
            "unpark": known.unpark_s if state.is_parked else 0.0,
            "start tracking": 0.0 if state.is_tracking else known.start_tracking_s,
        }

    def _present_axes_deg(self, state: ObservatoryModelState, now: SiteNow) -> tuple[float, float]:
        hour_angle, declination = self._present_deg(state, now)
        if self._model.kinematics.mount is MountKind.FORK or not self._is_west(state, now):
            return hour_angle, declination
        return hour_angle + 180.0, 180.0 - declination

    def _is_west(self, state: ObservatoryModelState, now: SiteNow) -> bool:
        """Whether a German mount's tube is west of the pier."""
        if state.tube_side is None:
            return self._present_deg(state, now)[0] < 0.0
        return state.tube_side is TubeSide.WEST

    def _present_deg(self, state: ObservatoryModelState, now: SiteNow) -> tuple[float, float]:
        """Return hour angle and declination of where the mount points."""
        known = self._model.kinematics
        if state.is_parked or state.ra_deg is None or state.dec_deg is None:
            return 15.0 * known.park_hour_angle_h, known.park_declination_deg
        ra_rad, dec_rad = now.night.frame.place_rad(state.ra_deg, state.dec_deg)
        turned = math.degrees(now.rotation_rad - float(ra_rad))
        hour_angle = (turned + 180.0) % _FULL_TURN_DEG - 180.0
        return hour_angle, math.degrees(float(dec_rad))

    def _dome_s(
        self,
        state: ObservatoryModelState,
        conditions: PlaceConditions,
        dome: DomeMeasurements,
    ) -> Float32s:
        """Return how long the dome turns and settles, shape (n,)."""
        known = self._model.kinematics
        present_deg = state.dome_azimuth_deg
        if present_deg is None:
            present_deg = known.dome_park_azimuth_deg
        off_deg = np.abs(_slit_azimuth_deg(conditions, dome) - np.float32(present_deg))
        if known.dome_passes_north:
            off_deg = np.minimum(off_deg, np.float32(_FULL_TURN_DEG) - off_deg)
        off_deg = np.maximum(off_deg - np.float32(known.dome_free_deg), np.float32(0.0))
        turn_s = _travel_s(off_deg, known.dome_rate_deg_s, known.dome_acceleration_deg_s2)
        if known.dome_settle_s > 0.0:
            turn_s[off_deg > 0.0] += np.float32(known.dome_settle_s)
        return turn_s


def _travel_s(way_deg: Float32s, rate_deg_s: float, acceleration_deg_s2: float) -> Float32s:
    """``models/observatory_model.travel_s`` in float32."""
    full_deg = np.float32(rate_deg_s * rate_deg_s / acceleration_deg_s2)
    at_rate_s = way_deg * np.float32(1.0 / rate_deg_s)
    at_rate_s += np.float32(rate_deg_s / acceleration_deg_s2)
    short_s = np.sqrt(way_deg * np.float32(4.0 / acceleration_deg_s2))
    return np.where(way_deg >= full_deg, at_rate_s, short_s)


def _slit_azimuth_deg(conditions: PlaceConditions, dome: DomeMeasurements) -> Float32s:
    """``models/dome_geometry.slit_azimuth_deg`` for unit vectors, the tube where a slew puts it.

    Every sine and cosine it needs is a component of the vector, or one divided by cos(dec).
    """
    latitude = conditions.now.latitude_rad
    sin_latitude, cos_latitude = np.float32(math.sin(latitude)), np.float32(math.cos(latitude))
    meridian, west, z = conditions.toward_meridian, conditions.toward_west, conditions.places.z
    sight_x = -west
    sight_y = z * cos_latitude - meridian * sin_latitude
    if dome.radius_m <= 0.0:
        return _azimuth_deg(sight_x, sight_y)
    sight_z = conditions.sin_altitude
    radius = np.float32(dome.radius_m)
    east, north, up = (np.float32(one) for one in (dome.east_m, dome.north_m, dome.up_m))
    tube_x: Any
    tube_y: Any
    tube_z: Any
    if dome.tube_offset_m == 0.0:
        tube_x, tube_y, tube_z = east, north, up
        squared: Any = east * east + north * north + up * up
    else:
        cos_dec = np.maximum(np.sqrt(meridian * meridian + west * west), np.float32(1e-6))
        offset = np.float32(dome.tube_offset_m)
        beside = np.where(west < 0.0, -offset, offset) / cos_dec
        tube_x = east + beside * meridian
        tube_y = north - beside * west * sin_latitude
        tube_z = up + beside * west * cos_latitude
        squared = tube_x * tube_x + tube_y * tube_y + tube_z * tube_z
    along = tube_x * sight_x + tube_y * sight_y + tube_z * sight_z
    distance = np.sqrt(np.maximum(along * along - squared + radius * radius, 0.0)) - along
    return _azimuth_deg(tube_x + distance * sight_x, tube_y + distance * sight_y)


def _azimuth_deg(east: Float32s, north: Float32s) -> Float32s:
    found: Float32s = np.arctan2(east, north) * DEG
    return np.where(found < 0.0, found + np.float32(_FULL_TURN_DEG), found)

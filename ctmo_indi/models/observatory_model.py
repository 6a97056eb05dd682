"""How long the observatory takes from one target to the next: its kinematics.

What stands before the first exposure is the table :data:`ACTIVITIES`, each with those that must be
over before it begins; the delay is the longest path through that graph, as in the Rubin Scheduler's
observatory model. The order is that of a real attempt (``telescope/steps.py``). Each axis gathers
speed, runs at its rate and slows down (a trapezoid of speed, a triangle on short ways); the mount
is equatorial.

The profile's ``kinematics`` has the numbers. Against the simulators:
``tests/integration/telescope/test_kinematics.py``. Pure functions of the state that is given; any
thread. Costs on one core: :meth:`ObservatoryModel.delay_s` 40 us, ``observe`` 60 us, ``delays_s``
of 1,000 targets 0.3 ms.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import erfa
import numpy as np

from ctmo_indi.models.coordinates import ApparentFrame, Array
from ctmo_indi.models.dome_geometry import (
    DomeMeasurements,
    TubeSide,
    measurements_of,
    slit_azimuth_deg,
)
from ctmo_indi.models.moving_targets import place_icrs_deg
from ctmo_indi.models.observatory import ObservatoryModelState, Visit
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Kinematics, MountKind, Profile, Role, Site

__all__ = ["ACTIVITIES", "Kinematics", "ObservatoryModel", "ObservatoryModelState", "Visit"]

_DAY_S = 86400.0
_UNIX_EPOCH_JD = 2440587.5
_SLOT_PREFIX = "FILTER_SLOT_NAME_"
EXPOSURE = "exposure"

ACTIVITIES: Mapping[str, tuple[str, ...]] = {
    "handling": (),
    "open": ("handling",),
    "unpark": ("open",),
    "start tracking": ("unpark",),
    "hour angle": ("start tracking",),
    "declination": ("start tracking",),
    "flip": ("hour angle", "declination"),
    "mount settle": ("flip",),
    "dome": ("start tracking",),
    "dome settle": ("dome",),
    "filter": ("start tracking",),
    "lamp": ("filter",),
    EXPOSURE: ("mount settle", "dome settle", "filter", "lamp"),
}
"""Activity -> what must be over before it begins; in an order that respects itself."""

_Seconds = Any  # a float for one target, an array for many


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the mount's axes point: apparent, degrees; floats, or arrays for many targets."""

    hour_angle_deg: Any
    dec_deg: Any


class ObservatoryModel:
    """The observatory of a profile.

    Parameters
    ----------
    dome
        None without a dome; then nothing waits for one.
    slots
        Filter -> slot on the wheel, from 1; empty when not known: then every way is half the wheel.
    """

    def __init__(
        self,
        site: Site,
        kinematics: Kinematics | None = None,
        dome: DomeMeasurements | None = None,
        slots: Mapping[str, int] | None = None,
        wheel_slots: int = 8,
    ) -> None:
        self.site = site
        self.kinematics = kinematics if kinematics is not None else Kinematics()
        self.dome = dome
        self._slots = dict(slots or {})
        self._wheel_slots = wheel_slots
        self._longitude_rad = math.radians(site.longitude_deg)

    @classmethod
    def of(cls, profile: Profile) -> ObservatoryModel:
        """Make the model of a profile's observatory."""
        wheel = profile.equipment.get(Role.FILTER_WHEEL)
        names = dict(wheel.settings.get("FILTER_NAME", {})) if wheel else {}
        slots = {str(label): int(name.removeprefix(_SLOT_PREFIX)) for name, label in names.items()}
        return cls(
            profile.site,
            profile.kinematics,
            measurements_of(profile),
            {name: slots[label] for name, label in profile.filters.items() if label in slots},
            len(slots) or 8,
        )

    # -- what one asks -----------------------------------------------------------------------------

    def delay_s(
        self,
        state: ObservatoryModelState,
        ra_deg: float,
        dec_deg: float,
        filter_name: str | None = None,
    ) -> float:
        """Return the seconds until the first exposure of a target (ICRS) could begin."""
        durations = self._sky_durations(state, ra_deg, dec_deg)
        durations["filter"] = self.filter_change_s(state.filter_name, filter_name)
        return float(longest_path(durations))

    def delays_s(
        self,
        state: ObservatoryModelState,
        ra_deg: Array,
        dec_deg: Array,
        filter_names: Sequence[str | None] | None = None,
    ) -> Array:
        """Return :meth:`delay_s` of many targets.

        Parameters
        ----------
        ra_deg, dec_deg
            ICRS, shape (n,).
        filter_names
            Length n; None: no filter is asked for.

        Returns
        -------
        ndarray
            Seconds, shape (n,).
        """
        ra_deg = np.asarray(ra_deg, dtype=np.float64)
        durations = self._sky_durations(state, ra_deg, np.asarray(dec_deg, dtype=np.float64))
        if filter_names is not None:
            now = state.filter_name
            known = {name: self.filter_change_s(now, name) for name in set(filter_names)}
            durations["filter"] = np.array([known[name] for name in filter_names])
        return np.broadcast_to(longest_path(durations), ra_deg.shape).copy()

    def activities_s(
        self, state: ObservatoryModelState, request: ObservationRequest
    ) -> Mapping[str, float]:
        """Return how long each activity before a request's first exposure takes."""
        durations: dict[str, _Seconds] = {}
        if request.frame_type.needs_sky:
            durations = self._sky_durations(state, *self._target_deg(request, state.utc_s))
        if request.frame_type is FrameType.FLAT:
            durations["lamp"] = self.kinematics.lamp_settle_s
        durations["handling"] = self.kinematics.handling_s
        durations["filter"] = self.filter_change_s(state.filter_name, request.filter_name)
        return {name: float(durations.get(name, 0.0)) for name in ACTIVITIES}

    def observe(
        self, state: ObservatoryModelState, request: ObservationRequest, count: int
    ) -> Visit:
        """Return what ``count`` frames of a request take from a state, and what they leave.

        Raises
        ------
        ValueError
            A sky frame without RA and Dec.
        """
        slew_s = float(longest_path(self.activities_s(state, request)))
        start_s = state.utc_s + slew_s
        end_s = start_s + self.exposures_s(request, count)
        filter_name = request.filter_name or state.filter_name
        if not request.frame_type.needs_sky:
            after = replace(self.idle(state, end_s), filter_name=filter_name)
            return Visit(slew_s, start_s, end_s, after)
        ra_deg, dec_deg = self._target_deg(request, start_s)
        side = self._side(self._place(state.utc_s, ra_deg, dec_deg))
        after = ObservatoryModelState(
            utc_s=end_s,
            ra_deg=ra_deg,
            dec_deg=dec_deg,
            is_tracking=True,
            is_parked=False,
            dome_azimuth_deg=self._slit_deg(self._place(end_s, ra_deg, dec_deg), side),
            filter_name=filter_name,
            is_open=True,
            tube_side=side,
        )
        return Visit(slew_s, start_s, end_s, after)

    def exposures_s(self, request: ObservationRequest, count: int) -> float:
        """Return the seconds of ``count`` exposures and their readouts."""
        return count * (request.exposure_s + self.kinematics.readout_s)

    def idle(self, state: ObservatoryModelState, until_utc_s: float) -> ObservatoryModelState:
        """Return the state at a later instant when nothing is ordered.

        A tracking mount stays on its target and the dome follows it; a still one sees the sky go
        by. An instant before the state's changes nothing.
        """
        if until_utc_s <= state.utc_s:
            return state
        later = replace(state, utc_s=until_utc_s)
        if state.ra_deg is None or state.dec_deg is None:
            return later
        if state.is_tracking:
            if state.is_open and self.dome is not None:
                place = self._place(until_utc_s, state.ra_deg, state.dec_deg)
                return replace(later, dome_azimuth_deg=self._slit_deg(place, state.tube_side))
            return later
        ra_rad, dec_rad = _frame(state.utc_s).place_rad(state.ra_deg, state.dec_deg)
        ra_rad += _rotation_rad(until_utc_s) - _rotation_rad(state.utc_s)
        ra_rad, dec_rad = erfa.aticq(ra_rad, dec_rad, _frame(until_utc_s).astrom)
        return replace(later, ra_deg=math.degrees(erfa.anp(ra_rad)), dec_deg=math.degrees(dec_rad))

    def close(self, state: ObservatoryModelState) -> ObservatoryModelState:
        """Return the state when mount and dome are parked and the shutter is closed."""
        if not state.is_open and state.is_parked:
            return state
        park = _Place(
            15.0 * self.kinematics.park_hour_angle_h, self.kinematics.park_declination_deg
        )
        took_s = 0.0
        if not state.is_parked:
            took_s = float(max(self._axes_s(self._present(state), park, state.tube_side)))
            took_s += self.kinematics.mount_settle_s
        if state.is_open:
            took_s += self.kinematics.close_s
            if self.dome is not None:
                turn_s = float(self._turn_s(state, self.kinematics.dome_park_azimuth_deg))
                took_s += max(turn_s, self.kinematics.dome_park_s)
        return replace(self.at_rest(state.utc_s + took_s), filter_name=state.filter_name)

    def at_rest(self, utc_s: float) -> ObservatoryModelState:
        """Return a closed observatory, mount and dome parked, the filter not known."""
        azimuth_deg = self.kinematics.dome_park_azimuth_deg if self.dome is not None else None
        return ObservatoryModelState(utc_s=utc_s, dome_azimuth_deg=azimuth_deg)

    # -- durations ---------------------------------------------------------------------------------

    def _sky_durations(
        self, state: ObservatoryModelState, ra_deg: Any, dec_deg: Any
    ) -> dict[str, _Seconds]:
        """How long each activity takes that leads to a place on the sky, all but the filter."""
        known = self.kinematics
        target = self._place(state.utc_s, ra_deg, dec_deg)
        present = self._present(state)
        hour_angle_s, declination_s = self._axes_s(present, target, state.tube_side)
        dome_s = self._dome_s(state, target)
        return {
            "handling": known.handling_s,
            "open": 0.0 if state.is_open else known.open_s,
            "unpark": known.unpark_s if state.is_parked else 0.0,
            "start tracking": 0.0 if state.is_tracking else known.start_tracking_s,
            "hour angle": hour_angle_s,
            "declination": declination_s,
            "flip": self._flip_s(present, target, state.tube_side),
            "mount settle": known.mount_settle_s,
            "dome": dome_s,
            "dome settle": np.where(dome_s > 0.0, known.dome_settle_s, 0.0),
        }

    def _axes_s(
        self, present: _Place, target: _Place, present_side: TubeSide | None
    ) -> tuple[_Seconds, _Seconds]:
        known = self.kinematics
        from_ha_deg, from_dec_deg = self._axes_deg(present, present_side)
        to_ha_deg, to_dec_deg = self._axes_deg(target, None)
        return (
            travel_s(
                np.abs(to_ha_deg - from_ha_deg),
                known.hour_angle_rate_deg_s,
                known.hour_angle_acceleration_deg_s2,
            ),
            travel_s(
                np.abs(to_dec_deg - from_dec_deg),
                known.declination_rate_deg_s,
                known.declination_acceleration_deg_s2,
            ),
        )

    def _axes_deg(self, place: _Place, side: TubeSide | None) -> tuple[Any, Any]:
        """Return the angles of the axes themselves.

        A fork's are hour angle (never through the lower meridian: cables) and declination. With
        the tube west of the pier a German mount's are turned by half a turn, and the tube reaches
        its declination over the pole. INDI's simulated mount does the same.
        """
        hour_angle_deg, dec_deg = place.hour_angle_deg, place.dec_deg
        if self.kinematics.mount is MountKind.FORK:
            return hour_angle_deg, dec_deg
        is_west = _is_west(place, side)
        return (
            np.where(is_west, hour_angle_deg + 180.0, hour_angle_deg),
            np.where(is_west, 180.0 - dec_deg, dec_deg),
        )

    def _flip_s(self, present: _Place, target: _Place, present_side: TubeSide | None) -> _Seconds:
        if self.kinematics.mount is MountKind.FORK:
            return 0.0
        changes_side = _is_west(present, present_side) != _is_west(target, None)
        return np.where(changes_side, self.kinematics.flip_s, 0.0)

    def _dome_s(self, state: ObservatoryModelState, target: _Place) -> _Seconds:
        wanted_deg = self._slit_deg(target, None)
        return 0.0 if wanted_deg is None else self._turn_s(state, wanted_deg)

    def _turn_s(self, state: ObservatoryModelState, wanted_deg: Any) -> _Seconds:
        known = self.kinematics
        present_deg = state.dome_azimuth_deg
        if present_deg is None:
            present_deg = known.dome_park_azimuth_deg
        off_deg = np.abs(wanted_deg - present_deg)
        if known.dome_passes_north:
            off_deg = np.minimum(off_deg, 360.0 - off_deg)
        return travel_s(
            np.maximum(off_deg - known.dome_free_deg, 0.0),
            known.dome_rate_deg_s,
            known.dome_acceleration_deg_s2,
        )

    def filter_change_s(self, present: str | None, wanted: str | None) -> float:
        """Return the seconds of a change of filter; 0 when none is wanted, or none is needed."""
        if wanted is None or wanted == present:
            return 0.0
        known = self.kinematics
        here, there = self._slots.get(present or ""), self._slots.get(wanted)
        if here is None or there is None:
            steps = self._wheel_slots // 2
        else:
            apart = abs(here - there)
            steps = min(apart, self._wheel_slots - apart)
        return known.filter_change_s + steps * known.filter_step_s

    # -- places ------------------------------------------------------------------------------------

    def _present(self, state: ObservatoryModelState) -> _Place:
        """Where the mount is; where it parks when that is not known."""
        if state.is_parked or state.ra_deg is None or state.dec_deg is None:
            return _Place(
                15.0 * self.kinematics.park_hour_angle_h, self.kinematics.park_declination_deg
            )
        return self._place(state.utc_s, state.ra_deg, state.dec_deg)

    def _target_deg(self, request: ObservationRequest, utc_s: float) -> tuple[float, float]:
        if not request.has_place:
            raise ValueError(f"order {request.order_id}: a sky frame without RA and Dec")
        return place_icrs_deg(request, self.site, utc_s)

    def _place(self, utc_s: float, ra_deg: Any, dec_deg: Any) -> _Place:
        ra_rad, dec_rad = _frame(utc_s).place_rad(ra_deg, dec_deg)
        hour_angle_rad = erfa.anpm(_rotation_rad(utc_s) + self._longitude_rad - ra_rad)
        return _Place(np.degrees(hour_angle_rad), np.degrees(dec_rad))

    def _side(self, place: _Place) -> TubeSide | None:
        if self.kinematics.mount is MountKind.FORK:
            return None
        return TubeSide.WEST if place.hour_angle_deg < 0.0 else TubeSide.EAST

    def _slit_deg(self, place: _Place, side: TubeSide | None) -> Any:
        """Return the azimuth of the slit for a place; None without a dome."""
        if self.dome is None:
            return None
        return slit_azimuth_deg(
            place.hour_angle_deg / 15.0, place.dec_deg, self.site.latitude_deg, self.dome, side
        )


def _is_west(place: _Place, side: TubeSide | None) -> Any:  # Any: a bool, or an array for arrays
    """Whether a German mount's tube is west of the pier; side None: as a slew to it chooses."""
    return place.hour_angle_deg < 0.0 if side is None else side is TubeSide.WEST


def travel_s(way_deg: Any, rate_deg_s: float, acceleration_deg_s2: float) -> Any:
    """Return how long an axis takes for a way from rest to rest; floats or arrays.

    With rate v and acceleration a: way / v + v / a when the rate is reached (way >= v^2 / a), else
    2 sqrt(way / a).
    """
    full_deg = rate_deg_s * rate_deg_s / acceleration_deg_s2
    return np.where(
        way_deg >= full_deg,
        way_deg / rate_deg_s + rate_deg_s / acceleration_deg_s2,
        2.0 * np.sqrt(way_deg / acceleration_deg_s2),
    )


def longest_path(durations: Mapping[str, _Seconds]) -> _Seconds:
    """Return when :data:`EXPOSURE` may begin; what is not in ``durations`` takes no time."""
    ends: dict[str, _Seconds] = {}
    for name, before in ACTIVITIES.items():
        begin: _Seconds = 0.0
        for each in before:
            begin = np.maximum(begin, ends[each])
        ends[name] = begin + durations.get(name, 0.0)
    return ends[EXPOSURE]


@functools.lru_cache(maxsize=1024)
def _frame_of_day(day: int) -> ApparentFrame:
    return ApparentFrame.at((day + 0.5) * _DAY_S)


def _frame(utc_s: float) -> ApparentFrame:
    """Return the apparent frame of the day: stars move 0.5 arcsec in it."""
    return _frame_of_day(int(utc_s // _DAY_S))


def _rotation_rad(utc_s: float) -> float:
    day = utc_s // _DAY_S
    return float(erfa.era00(day + _UNIX_EPOCH_JD, utc_s / _DAY_S - day))

"""What the lights of the last nights lack, from the database: what Status tells under Debt."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.clock import Clock
from ctmo_indi.preprocessor.debt import DebtSettings, Lacking, affordable, debt, orders
from ctmo_indi.preprocessor.masters import MasterLimits
from ctmo_indi.profiles import Profile, Role
from ctmo_indi.store import combinations, night_bundles
from ctmo_indi.store.database import Database

LAST_DAYS = 7.0
"""Age of the oldest lights that are thought of."""

_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Owed:
    """Reckons the debt; any thread, blocks for three queries."""

    database: Database
    clock: Clock
    profile: Profile
    limits: MasterLimits

    def reckon(self, night: str) -> tuple[Lacking, ...]:
        """Return what is lacking now; StoreUnavailable when the database cannot be read.

        Parameters
        ----------
        night
            Evening date, YYYYMMDD, of the night that shall take it: what it has taken already
            counts in what may be taken in one night.
        """
        now_s = self.clock.utc().timestamp()
        with self.database.read() as connection:
            lights = night_bundles.lights_between(
                connection, now_s - LAST_DAYS * _DAY_S, now_s + _DAY_S
            )
            longest_s = max(self.limits.valid_days.values()) * _DAY_S
            taken_s = night_bundles.calibration_exposed_s(connection, night)
            found = combinations.known_masters(connection, now_s - 2.0 * longest_s, now_s + _DAY_S)
        known = [master for master, _ in found if master.path and master.path.is_file()]
        policy = self.profile.calibration
        settings = DebtSettings(policy.frames, policy.flat_exposure_s, policy.flat_exposures_s)
        return affordable(
            debt(lights, known, self.limits, settings),
            most_s=policy.most_s_a_night,
            taken_s=taken_s,
            filters=self.profile.filters,
            has_panel=Role.LIGHT_PANEL in self.profile.equipment,
        )

    def to_wire(self, night: str, user: str) -> list[dict[str, object]]:
        """Return the debt, one struct each, with the order that pays it in a night.

        Parameters
        ----------
        night
            Evening date, YYYYMMDD; part of the IDs.
        """
        return [_struct(one, night, user) for one in self.reckon(night)]


def _struct(one: Lacking, night: str, user: str) -> dict[str, object]:
    wire: dict[str, object] = {
        "Frame Type": str(one.frame_type),
        "Number of Exposures": one.count,
        "Exposure Time": float(one.exposure_s),
        "Filter": one.filter_name,
        "Binning": one.readout.x_binning,
        "Camera": str(one.readout),
        "Lights": one.lights,
        "Because": one.because,
        "Obstacle": one.obstacle,
    }
    if one.temperature_c is not None:
        wire["Temperature"] = one.temperature_c
    if not one.obstacle:
        (wire["Order"],) = orders([one], night=night, user=user)
    return wire

"""The ledger of a night of ``ctmo-indi simulate``: its sums are known from elsewhere.

The simulation's visits become what a telescope would have told of them, its closed hours verdicts.
"""

from __future__ import annotations

from datetime import date, datetime

import pytest

from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.night_simulation import NightSimulation, SimulatedNight
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.simulated_orders import DrawnOrders
from ctmo_indi.scheduling.sky import SiteSky

from .night_rig import PROFILE, NightRig

READOUT_S = PROFILE.kinematics.readout_s


def simulated() -> tuple[SimulatedNight, list[tuple[datetime, datetime]]]:
    """Return the night of the rig, and when it was closed."""
    models = Models(SiteSky(PROFILE), ObservatoryModel.of(PROFILE))
    driver = SequentialScheduler(models)
    driver.configure_scheduler({})
    driver.cold_start()
    orders = DrawnOrders(PROFILE, 120, 3)
    simulation = NightSimulation(driver, models, PROFILE.site, orders, weather=0.3, seed=3)
    (night,) = simulation.nights(date(2026, 11, 21), 1)
    closed = [spell[:2] for spell in simulation._spells(night.night) if not spell[2]]
    return night, closed


def test_exposing_is_the_sum_of_the_frames_and_weather_the_closed_hours(night: NightRig) -> None:
    made, closed = simulated()
    assert made.exposing_s > 3600.0
    assert len(closed) >= 2
    night.running()
    for begin, end in closed:
        night.verdict(begin.timestamp() - night.dusk_s, "weather_alert")
        night.verdict(end.timestamp() - night.dusk_s)
    late_s = 0.0  # of frames that were begun before the end of the dark
    for number, planned in enumerate(made.targets):
        visit, target = planned.visit, planned.target
        begin_s = visit.start_utc_s - night.dusk_s
        exposure_s = target.request.exposure_s
        frames = [(begin_s + i * (exposure_s + READOUT_S), exposure_s) for i in range(target.count)]
        receipt = night.order(f"order-{number}")
        night.attempt(
            receipt,
            begin_s - visit.slew_s,
            visit.end_utc_s - night.dusk_s,
            frames,
            took=StepDurations(mount_s=visit.slew_s, exposing_s=visit.end_utc_s - begin_s),
        )
        late_s += sum(max(0.0, at_s + long_s - night.length_s) for at_s, long_s in frames)

    found = night.seconds()

    rounding_s = 0.01 * len(made.targets)
    assert found["exposing"] == pytest.approx(made.exposing_s - late_s, abs=rounding_s)
    # A visit that had begun was finished: what of it was no exposure then counts as weather.
    unsure_s = sum(planned.visit.slew_s for planned in made.targets[:1]) + 60.0 * len(closed)
    assert found["weather"] == pytest.approx(made.weather_s, abs=unsure_s)
    assert found["slewing"] == pytest.approx(made.slewing_s, abs=unsure_s)
    assert sum(found.values()) == pytest.approx(night.length_s, abs=0.001)
    report = night.report()
    lights = report["Frames"]
    assert isinstance(lights, list)
    assert sum(row["Frames"] for row in lights) == sum(one.target.count for one in made.targets)
    assert sum(row["Exposing"] for row in lights) == pytest.approx(made.exposing_s)

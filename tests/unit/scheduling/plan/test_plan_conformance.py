"""The plan driver keeps the contract of every scheduling driver."""

from __future__ import annotations

from pathlib import Path
from shutil import copy

import pytest

from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.feature.site_now import SitedSky
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.plan.planning import NightPlanning
from ctmo_indi.testing.driver_conformance import DriverConformance
from ctmo_indi.testing.fake_sky import fake_models

OBSERVING_LIST = Path(__file__).parents[1] / "observing_list.yaml"


@pytest.fixture(scope="module")
def planning() -> NightPlanning:
    models = fake_models(DriverConformance().make_sky())
    assert isinstance(models.sky, SitedSky)
    return NightPlanning(models, models.sky)


class TestPlan(DriverConformance):
    # A plan under way is part of a snapshot; from observations alone another one is made.
    rebuilds_from_observations = False

    @pytest.fixture(autouse=True)
    def _shared(self, planning: NightPlanning) -> None:
        self.planning = planning

    def make_driver(self, models: Models) -> Driver:
        driver = PlanScheduler(models, planning=self.planning)
        driver.configure_scheduler({"tries": 200})
        return driver

    def make_file(self, folder: Path) -> Path | None:
        return Path(copy(OBSERVING_LIST, folder / "list.yaml"))

"""A night ends: what its lights lack is taken by orders, and every light is calibrated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from astropy.io import fits

from ctmo_indi import profiles
from ctmo_indi.cli.demo_lights import light_reports
from ctmo_indi.simulator.rehearsal import coming_night

from ...running_fleet import NOON, RunningFleet, until

pytestmark = [pytest.mark.indi, pytest.mark.timeout(400)]

LIGHTS = 3
BEFORE_DAWN = timedelta(minutes=40)
CALIBRATED_S = 150.0
"""Machine seconds: the kernels may have to be compiled first."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """All services, observing in the last minutes of a night."""
    night = coming_night(profiles.load("simulators"), NOON)
    after_dusk = night.dawn_utc - BEFORE_DAWN - night.dusk_utc
    rig = RunningFleet(tmp_path_factory.mktemp("night"), after_dusk=after_dusk)
    with rig.running() as running:
        yield running


def test_lights_are_calibrated_with_frames_that_were_ordered_for_them(fleet: RunningFleet) -> None:
    wish: dict[str, object] = {"Number of Exposures": LIGHTS, "Calibration Frames": "Yes"}
    receipt = fleet.observe(**wish)
    order = fleet.ended(receipt)
    assert order["Status"] == "COMPLETED"

    def night() -> dict[str, object]:
        told = fleet.ask({"WOType": "Status"})["Nights"] if fleet.answers("scheduler") else []
        return dict(told[-1]) if told else {}  # type: ignore[index]  # an array

    until(lambda: night().get("Rounds") == 1, "the night is handed over", CALIBRATED_S, night)
    pid = fleet.kill("scheduler")  # what it has begun goes on
    fleet.wait_for_restart("scheduler", pid)
    until(lambda: night().get("State") == "DONE", "the night is done", CALIBRATED_S, night)

    done = night()
    assert done["Rounds"] == 2, done
    ordered = done["Ordered"]
    assert isinstance(ordered, list)
    kinds = sorted(str(name).split("-")[2] for name in ordered)
    assert kinds == ["bias", "dark", "flat"]
    for name in ordered:
        taken = fleet.ask({"WOType": "Status", "User": "calibration", "ID": name})
        assert taken["Status"] == "COMPLETED", taken
    jobs = fleet.ask({"WOType": "Status", "All": True}, "preprocessor")["Orders"]
    names = [(one["ID"], one["Status"]) for one in jobs]  # type: ignore[attr-defined]  # an array
    night_label = done["Night"]
    assert sorted(names) == [
        (f"night-{night_label}-1", "COMPLETED"),
        (f"night-{night_label}-2", "COMPLETED"),
    ]
    reports = light_reports(order["Exposures"])  # type: ignore[arg-type]  # an array
    assert len(reports) == LIGHTS
    assert all(one.product and one.filter_name == "V" for one in reports), reports
    products = Path(str(done["Folder"])) / "products"
    masters = {fits.getval(path, "PRODKIND") for path in products.glob("*.fits")}
    assert masters >= {"BIASM", "DARKM", "FLATM", "CALIB_LIGHT"}
    assert fleet.ask({"WOType": "Status", "Debt": str(night_label)}, "preprocessor")["Debt"] == []

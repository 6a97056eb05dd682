"""The ledger of a real fleet, against what others wrote down: FITS headers and safety's events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from astropy.io import fits

from ctmo_indi.simulator.rehearsal import coming_night

from ...running_fleet import NOON, SPEED, RunningFleet

pytestmark = [pytest.mark.indi, pytest.mark.timeout(400)]

AFTER_DUSK = timedelta(minutes=5)
BEAT_S = 2.0 * SPEED
"""The scheduler hears of a verdict once a machine second."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    rig = RunningFleet(tmp_path_factory.mktemp("report"), after_dusk=AFTER_DUSK)
    with rig.running() as running:
        yield running


def test_exposing_is_what_the_frames_say_and_weather_what_safety_says(fleet: RunningFleet) -> None:
    wish: dict[str, object] = {"Number of Exposures": 3, "Exposure Time": 60.0}
    assert fleet.ended(fleet.observe(**wish))["Status"] == "COMPLETED"
    fleet.indi_set("Weather Simulator.WEATHER_CONTROL.Wind=40")
    fleet.watch("safety", lambda status: status["Verdict"]["Level"] != "SAFE", "bad weather", 40.0)
    fleet.let_sky_pass(1800.0)
    fleet.indi_set("Weather Simulator.WEATHER_CONTROL.Wind=1")
    fleet.watch("safety", lambda status: status["Verdict"]["Level"] == "SAFE", "it clears", 60.0)
    assert fleet.ended(fleet.observe(**wish))["Status"] == "COMPLETED"

    night = coming_night(fleet.profile, NOON).label
    report = fleet.ask({"WOType": "Report", "Night": night})
    rows = {row["Class"]: row["Seconds"] for row in report["Ledger"]}  # type: ignore[attr-defined]
    seen = "\n".join(f"{loss}: {seconds}" for loss, seconds in rows.items() if seconds)

    raw = list((fleet.data_dir / "nights" / night / "raw").glob("*.fits"))
    exposed_s = sum(float(fits.getval(path, "EXPTIME")) for path in raw)
    assert len(raw) == 6
    # What a busy machine left without a record is "unknown", whatever went on meanwhile.
    around_s = 0.5 * len(raw)
    assert rows["exposing"] <= exposed_s + around_s, seen
    assert rows["exposing"] + rows["unknown"] >= exposed_s - around_s, seen

    verdicts = [
        (datetime.fromisoformat(event["UTC"]), event["Data"]["Level"])  # type: ignore[index,arg-type]
        for event in fleet.events("safety", "verdict")
    ]
    first_safe = next(i for i, (_, level) in enumerate(verdicts) if level == "SAFE")
    bad_utc = next(utc for utc, level in verdicts[first_safe:] if level != "SAFE")
    good_utc = next(utc for utc, level in verdicts if utc > bad_utc and level == "SAFE")
    bad_s = (good_utc - bad_utc).total_seconds()
    assert bad_s >= 1800.0
    assert rows["weather"] <= bad_s + BEAT_S, seen
    assert rows["weather"] + rows["unknown"] >= bad_s - BEAT_S, seen

    assert rows["unknown"] >= AFTER_DUSK.total_seconds() - 1.0, seen
    assert sum(rows.values()) == pytest.approx(report["Length"], abs=0.001)
    assert rows["fault"] == 0.0, seen
    print(report["Text"])

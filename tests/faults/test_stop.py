"""``ctmo-indi stop`` stops whatever moves, whoever is dead; at the speed of the real clock."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from ..promises import Recorder
from ..running_fleet import MOUNT, RunningFleet, command_line, until

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

MOVING = (
    f"{MOUNT}.EQUATORIAL_EOD_COORD._STATE",
    "Dome Simulator.ABS_DOME_POSITION._STATE",
    "CCD Simulator.CCD_EXPOSURE._STATE",
)
STOPS_WITHIN_S = 2.0


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """No scheduler and no telescope; safety has connected the devices."""
    made = RunningFleet(
        tmp_path_factory.mktemp("stop"), speed=1.0, services=("safety",), resume=False
    )
    with made.running() as running:
        yield running


def set_everything_in_motion(fleet: RunningFleet) -> None:
    """Move mount and dome and expose by hand, as another INDI client."""
    fleet.indi_set(f"{MOUNT}.TELESCOPE_PARK.UNPARK=On")
    fleet.indi_set("Dome Simulator.DOME_PARK.UNPARK=On")
    until(
        lambda: fleet.indi_value(f"{MOUNT}.TELESCOPE_PARK.UNPARK") == "On", "the mount is unparked"
    )
    _, dec_deg = fleet.mount_position()
    fleet.indi_set(f"{MOUNT}.EQUATORIAL_EOD_COORD.RA;DEC=3.0;{10.0 if dec_deg > 40.0 else 80.0}")
    azimuth_deg = float(fleet.indi_value("Dome Simulator.ABS_DOME_POSITION.DOME_ABSOLUTE_POSITION"))
    fleet.indi_set(
        "Dome Simulator.ABS_DOME_POSITION.DOME_ABSOLUTE_POSITION="
        f"{(azimuth_deg + 170.0) % 360.0:.1f}"
    )
    fleet.indi_set("CCD Simulator.CCD_EXPOSURE.CCD_EXPOSURE_VALUE=100")
    until(lambda: set(fleet.indi_get(*MOVING).values()) == {"Busy"}, "everything moves")


def stop_and_time_it(fleet: RunningFleet) -> tuple[float, dict[str, str], int]:
    """Run the command; return machine seconds until all stood still, answers and exit code."""
    begun_s = time.monotonic()
    command = command_line("stop", "--config", fleet.supervisor.config_path, "--json")
    until(
        lambda: "Busy" not in fleet.indi_get(*MOVING).values(),
        "all stands still",
        10.0,
        lambda: fleet.indi_get(*MOVING),
    )
    took_s = time.monotonic() - begun_s
    told, complaint = command.communicate(timeout=30.0)
    assert complaint == ""
    return took_s, json.loads(told), command.returncode


def _told(took_s: float) -> str:
    return f"{took_s:.1f} s after the command was typed, at speed 1"


def test_stop_with_scheduler_and_telescope_dead(fleet: RunningFleet, promise: Recorder) -> None:
    set_everything_in_motion(fleet)

    took_s, answers, code = stop_and_time_it(fleet)

    promise("stop_two_dead", _told(took_s), holds=took_s <= STOPS_WITHIN_S, needs_quiet=True)
    assert code == 0
    assert answers["telescope"] == answers["scheduler"] == "does not answer"
    status = fleet.ask({"WOType": "Status"}, "safety")
    assert status["Verdict"]["Latch"]["Reason"] == "stop command"


def test_stop_with_every_service_dead(fleet: RunningFleet, promise: Recorder) -> None:
    fleet.hold_dead("safety")
    set_everything_in_motion(fleet)

    took_s, answers, code = stop_and_time_it(fleet)

    promise("stop_all_dead", _told(took_s), holds=took_s <= STOPS_WITHIN_S, needs_quiet=True)
    assert code == 0
    assert answers["safety"] == "does not answer"
    assert answers["INDI"].lower().startswith("stopped")

"""An observatory opened by another INDI client's hand, and the command that closes it."""

from __future__ import annotations

import json
import os

from .running_fleet import MOUNT, RunningFleet, command_line, until

DOME = "Dome Simulator"
PARKED = f"{MOUNT}.TELESCOPE_PARK.PARK"
PARKING = f"{MOUNT}.TELESCOPE_PARK._STATE"
SHUT = f"{DOME}.DOME_SHUTTER.SHUTTER_CLOSE"
SHUTTER = f"{DOME}.DOME_SHUTTER._STATE"


def open_by_hand(fleet: RunningFleet) -> None:
    """Open everything and point far from the park position, as another INDI client."""
    fleet.indi_set(f"{DOME}.DOME_PARK.UNPARK=On")
    fleet.indi_set(f"{DOME}.DOME_SHUTTER.SHUTTER_OPEN=On")
    fleet.indi_set(f"{MOUNT}.TELESCOPE_PARK.UNPARK=On")
    fleet.indi_set(f"{MOUNT}.TELESCOPE_TRACK_STATE.TRACK_ON=On")
    ra_hours, dec_deg = fleet.mount_position()
    fleet.indi_set(
        f"{MOUNT}.EQUATORIAL_EOD_COORD.RA;DEC={ra_hours};{5.0 if dec_deg > 40.0 else 85.0}"
    )
    until(
        lambda: (
            fleet.indi_get(SHUT, SHUTTER, PARKED, f"{MOUNT}.EQUATORIAL_EOD_COORD._STATE")
            == {
                SHUT: "Off",
                SHUTTER: "Ok",
                PARKED: "Off",
                f"{MOUNT}.EQUATORIAL_EOD_COORD._STATE": "Ok",
            }
        ),
        "all is open",
        20.0,
        lambda: fleet.indi_get(SHUT, SHUTTER, PARKED, f"{MOUNT}.EQUATORIAL_EOD_COORD._STATE"),
    )


def close(fleet: RunningFleet, *words: object, config: bool = True) -> tuple[int, list[str]]:
    """Run the command; return its exit code and what it said."""
    told = ("--config", fleet.supervisor.config_path) if config else ()
    command = command_line("close", *told, "--json", *words, env=owners_environment())
    out, complaint = command.communicate(timeout=100.0)
    assert "Traceback" not in complaint, complaint
    return command.returncode, json.loads(out)["Steps"]


def owners_environment() -> dict[str, str]:
    """The environment of an owner's shell: no scaled clock."""
    return {name: value for name, value in os.environ.items() if name != "CTMO_CLOCK"}


def is_closed(fleet: RunningFleet) -> bool:
    wanted = {PARKED: "On", SHUT: "On", PARKING: "Ok", SHUTTER: "Ok"}
    return fleet.indi_get(*wanted) == wanted

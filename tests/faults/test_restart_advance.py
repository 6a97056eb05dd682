"""Services are killed in the middle of an ADVANCE night: nothing is lost.

Orders from outside and an observing list of the driver's own, with the default configuration. What
is killed is started again by the supervisor alone; the scheduler comes back with AUTO. In the end
every order is COMPLETED once, as many frames as were wanted are on disk, and every observation is
stored and known to the driver once.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ctmo_indi.desk_client.scheduler import SchedulerClient

from ..frames import read_header
from ..promises import IS_LONG
from ..running_fleet import Reply, RunningFleet, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]

EXPOSURE_S = 60.0  # half a second of the machine
FILTERS = ("V", "R", "B")
PLACES = ((-1.0, 30.0), (-1.5, 35.0), (-2.0, 25.0))
LISTED = 4
SEEDS = (3, 14)
LONGEST_PAUSE_SKY_S = 150.0  # longer than a visit


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """All services; the scheduler does not observe yet."""
    with RunningFleet(tmp_path_factory.mktemp("advance"), resume=False).running() as running:
        yield running


def order_visits(fleet: RunningFleet, count: int) -> dict[str, int]:
    """Hand in short orders; return how many frames each wants, by receipt."""
    wanted = {}
    for number in range(count):
        place = fleet.target(*PLACES[number % len(PLACES)])
        frames = 1 + number % 3
        receipt = fleet.observe(
            **place,
            Filter=FILTERS[number % len(FILTERS)],
            **{"Exposure Time": EXPOSURE_S, "Number of Exposures": frames},
        )
        wanted[receipt] = frames
    return wanted


def load_list(fleet: RunningFleet, control: SchedulerClient) -> None:
    """Give the driver a list of its own, behind the orders that are there."""
    path = fleet.data_dir / "list.yaml"
    targets = [
        {
            "name": f"listed {number}",
            "program": "list",
            "ra": fleet.target(-1.0 - 0.2 * number)["RA"] / 15.0,
            "dec": 32.0,
            "instrument_setup": [{"exptime": EXPOSURE_S, "filter": FILTERS[number % 3]}],
        }
        for number in range(LISTED)
    ]
    path.write_text(json.dumps({"targets": targets}))  # JSON is YAML
    control.load(path.as_uri())


def frames_on_disk(fleet: RunningFleet) -> list[Path]:
    return sorted(fleet.data_dir.glob("nights/*/raw/*.fits"))


def kill_in_the_night(
    fleet: RunningFleet, seed: int, kills: int, wanted: int, services: Sequence[str]
) -> None:
    """Kill the services together, again and again, at moments spread over the night at random."""
    moments = random.Random(seed)
    first = len(frames_on_disk(fleet))
    at = sorted(moments.sample(range(wanted - 2), kills))
    for frames in at:
        until(
            lambda goal=first + frames: len(frames_on_disk(fleet)) >= goal,
            f"{frames} frames",
            40.0,
            lambda: fleet.ask({"WOType": "Status"}),
        )
        fleet.let_sky_pass(moments.uniform(0.0, LONGEST_PAUSE_SKY_S))
        pids = {service: fleet.kill(service) for service in services}
        for service, pid in pids.items():
            fleet.wait_for_restart(service, pid)


def select(fleet: RunningFleet, query: str) -> list[tuple[object, ...]]:
    """Read the scheduler's database beside it."""
    path = fleet.data_dir / "scheduler.sqlite3"
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def each_completed_once(fleet: RunningFleet, wanted: dict[str, int]) -> None:
    """Every order, with every frame it wanted and none more."""
    orders = [fleet.ended(receipt, 90.0) for receipt in wanted]
    assert {order["Receipt"]: order["Status"] for order in orders} == dict.fromkeys(
        wanted, "COMPLETED"
    )
    completions = Counter(
        receipt
        for (receipt,) in select(
            fleet, "select receipt from order_history where state_after = 'COMPLETED'"
        )
    )
    assert {receipt: completions[receipt] for receipt in wanted} == dict.fromkeys(wanted, 1)
    headers = [read_header(str(path)) for path in frames_on_disk(fleet)]
    made = Counter(header["RECEIPT"] for header in headers)
    assert {receipt: made[receipt] for receipt in wanted} == wanted
    exposures = Counter(header["EXPID"] for header in headers)
    assert set(exposures.values()) == {1}


def each_registered_once(fleet: RunningFleet) -> int:
    """Every COMPLETED attempt is one observation, and the driver knows them all; how many."""
    numbers = select(fleet, "select number, attempt_id from observations order by number")
    succeeded = select(fleet, "select attempt_id from attempts where state = 'COMPLETED'")
    assert [number for number, _ in numbers] == list(range(1, len(numbers) + 1))
    assert sorted(attempt for _, attempt in numbers) == sorted(attempt for (attempt,) in succeeded)
    until(
        lambda: newest_snapshot(fleet)["observation_number"] == len(numbers),
        "a snapshot of a driver that knows every observation",
        detail=lambda: newest_snapshot(fleet),
    )
    return len(numbers)


def newest_snapshot(fleet: RunningFleet) -> Reply:
    """What the driver remembers."""
    path = max((fleet.data_dir / "snapshots").glob("snapshot-*.json"))
    state: Reply = json.loads(json.loads(path.read_text())["state"])
    return state


def goes_on_by_itself(fleet: RunningFleet) -> int:
    """Each start after the first was AUTO, and took up observing in ADVANCE; how many there were.

    Fewer than there were kills, when one came during a start.
    """
    # A start has the planner loaded first: the last one may go on for a while.
    status = fleet.watch("scheduler", lambda one: bool(one["Running"]), "it observes again", 60.0)
    assert (status["Status"], status["Error Code"]) == ("ENABLED", 0)
    applied = [event["Data"] for event in fleet.events("scheduler", "configurationApplied")]
    assert applied[0]["Startup Type"] == "COLD"
    assert {one["Startup Type"] for one in applied[1:]} <= {"AUTO"}
    assert all("snapshot" in str(one["Recalled"]) for one in applied[1:])
    assert {one["Mode"] for one in applied} == {"ADVANCE"}
    return len(applied) - 1


def test_the_scheduler_killed_again_and_again(fleet: RunningFleet) -> None:
    control = SchedulerClient(fleet.desk("scheduler"))
    control.start()
    control.enable()
    load_list(fleet, control)
    wanted = order_visits(fleet, 9)
    total = sum(wanted.values()) + LISTED
    control.resume()

    kill_in_the_night(fleet, SEEDS[0], 5, total, ["scheduler"])
    each_completed_once(fleet, wanted)
    listed = until_listed_done(fleet)

    assert listed == dict.fromkeys((f"listed {number}" for number in range(LISTED)), 1)
    assert len(frames_on_disk(fleet)) == total
    assert each_registered_once(fleet) == len(wanted) + LISTED
    assert len(newest_snapshot(fleet)["observed"]) == LISTED  # type: ignore[arg-type]
    assert 1 <= goes_on_by_itself(fleet) <= 5


def until_listed_done(fleet: RunningFleet) -> dict[object, int]:
    """Wait for the end of the driver's list; frames of each of its targets."""

    def listed() -> list[object]:
        headers = (read_header(str(path)) for path in frames_on_disk(fleet))
        return [header["OBJECT"] for header in headers if "listed" in header.get("OBJECT", "")]

    until(lambda: len(listed()) >= LISTED, "the observing list is done", 40.0, listed)
    fleet.watch("telescope", lambda status: not status["Current"], "the telescope has nothing left")
    return dict(Counter(listed()))


@pytest.mark.parametrize(
    "services", [("telescope",), ("telescope", "scheduler", "safety")][0 if IS_LONG else 1 :]
)
def test_the_telescope_killed_alone_and_with_all_that_matter(
    fleet: RunningFleet, services: tuple[str, ...]
) -> None:
    observed = each_registered_once(fleet)
    starts = goes_on_by_itself(fleet)
    wanted = order_visits(fleet, 5)

    kill_in_the_night(fleet, SEEDS[1], 2, sum(wanted.values()), services)
    each_completed_once(fleet, wanted)

    assert each_registered_once(fleet) >= observed + len(wanted)
    if "scheduler" in services:
        assert goes_on_by_itself(fleet) > starts

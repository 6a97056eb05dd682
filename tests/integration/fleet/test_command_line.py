"""The commands of ``ctmo-indi`` against a running fleet: what they print and how they exit."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ctmo_indi.cli import run
from ctmo_indi.fleet_ports import free_ports

from ...running_fleet import RunningFleet, command_line, until

pytestmark = pytest.mark.indi

DONE, REFUSED, UNREACHABLE, UNSAFE, FAILED = 0, 2, 3, 4, 5


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == DONE, self
        return json.loads(self.out)


Command = Callable[..., Answer]


@pytest.fixture
def ctmo(
    fleet: RunningFleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run ``ctmo-indi WORDS --config OF_THE_FLEET``; ``stdin=`` is what comes in there."""

    def call(*words: object, stdin: str = "", config: Path | None = None) -> Answer:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        path = config or fleet.supervisor.config_path
        code = run([*map(str, words), "--config", str(path)])
        return Answer(code, *capsys.readouterr())

    return call


@pytest.fixture
def unlocked(ctmo: Command) -> Iterator[None]:
    yield
    ctmo("unlock", "--user", "ada")


def test_a_file_is_submitted_followed_and_listed(
    fleet: RunningFleet, ctmo: Command, tmp_path: Path
) -> None:
    file = tmp_path / "orders.json"
    orders = [fleet.observation(ID="cli-1"), fleet.observation(ID="cli-2", Filter="R")]
    file.write_text(json.dumps(orders))

    replies = ctmo("submit", file, "--wait", 60, "--json").json
    one = ctmo("status", replies[0]["Receipt"], "--json").json
    by_id = ctmo("status", "--user", "ada", "--id", "cli-2", "--json").json
    listed = ctmo("status", "--all", "--state", "COMPLETED", "--json").json
    table = ctmo("status", "--all")

    assert [reply["Status"] for reply in replies] == ["COMPLETED", "COMPLETED"]
    assert (one["ID"], one["Good Exposures"]) == ("cli-1", 1)
    assert by_id["Receipt"] == replies[1]["Receipt"]
    assert {"cli-1", "cli-2"} <= {order["ID"] for order in listed["Orders"]}
    assert "cli-1" in table.out


def test_one_order_comes_by_standard_input_and_is_canceled(
    fleet: RunningFleet, ctmo: Command
) -> None:
    order = fleet.observation(ID="cli-3", **fleet.target(-1.0), **{"Number of Exposures": 99})
    reply = ctmo("submit", "-", "--json", stdin=json.dumps(order)).json
    canceled = ctmo("cancel", reply["Receipt"], "--json").json
    again = ctmo("cancel", reply["Receipt"], "--json").json

    assert reply["Message"].startswith("Work order received.")
    assert canceled["Status"] == again["Status"] == "CANCELED"


def test_a_bad_order_is_refused_with_every_wrong_key(fleet: RunningFleet, ctmo: Command) -> None:
    order = fleet.observation(RA=400.0, Filter="purple", **{"Exposure Time": -1, "Colour": "red"})
    answer = ctmo("submit", "-", stdin=json.dumps(order))

    assert answer.code == REFUSED
    for key in ("RA", "Filter", "Exposure Time", "Colour"):
        assert f"{key}: " in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("text", ["{", "[1]", "3", '{"WOType": "Status", "Limit": 1099511627776}'])
def test_what_is_no_order_is_refused(ctmo: Command, text: str) -> None:
    answer = ctmo("submit", "-", stdin=text)
    assert answer.code == REFUSED
    assert "expected" in answer.err
    assert "Traceback" not in answer.err


def test_a_file_that_is_not_there_is_refused(ctmo: Command, tmp_path: Path) -> None:
    answer = ctmo("submit", tmp_path / "none.json")
    assert answer.code == REFUSED
    assert "none.json" in answer.err


def test_states_of_the_services(ctmo: Command) -> None:
    scheduler = ctmo("status", "--json").json
    telescope = ctmo("status", "--service", "telescope", "--json").json
    safety = ctmo("status", "--service", "safety", "--json").json

    assert scheduler["Status"] == "ENABLED"
    assert telescope["Devices"]["Mount"]["Connected"] is True
    assert safety["Verdict"]["Level"] == "SAFE"


def test_the_scheduler_is_stopped_and_resumed(ctmo: Command) -> None:
    stopped = ctmo("scheduler", "stop", "--json").json
    idle = ctmo("status", "--json").json
    resumed = ctmo("scheduler", "resume", "--json").json

    assert (stopped["Status"], resumed["Status"]) == ("COMPLETED", "COMPLETED")
    assert idle["Running"] is False
    assert ctmo("scheduler", "fly").code == REFUSED


def take_over(fleet: RunningFleet, ctmo: Command) -> None:
    """Stop the scheduler and wait until the telescope has nothing to do."""
    ctmo("scheduler", "stop")
    assert ctmo("status", "--json").json["Running"] is False
    fleet.watch("telescope", lambda status: status["Busy"] == "", "the telescope is idle")


def test_dome_and_lamp_by_hand(fleet: RunningFleet, ctmo: Command) -> None:
    take_over(fleet, ctmo)
    opened = ctmo("control", "open", "--json").json
    parked = ctmo("control", "park", "--json").json  # or the dome would follow the mount
    turned = ctmo("dome", "azimuth", 123, "--json").json
    dome = ctmo("status", "--service", "dome", "--json").json["Devices"]["Dome"]
    lit = ctmo("dome", "Blink01=on", "--json").json
    off = ctmo("dome", "Blink01=off")
    ctmo("scheduler", "resume")

    assert [reply["Status"] for reply in (opened, parked, turned, lit)] == ["COMPLETED"] * 4
    assert dome["Azimuth"] == pytest.approx(123.0, abs=1.5)
    assert off.code == DONE
    assert ctmo("dome", "azimuth").code == REFUSED
    assert ctmo("dome", "Blink02=on").code == REFUSED


def test_control_by_hand_and_its_limits(fleet: RunningFleet, ctmo: Command) -> None:
    take_over(fleet, ctmo)
    place = fleet.target(0.5)
    slew = ("control", "slew", "--ra-deg", place["RA"], "--dec-deg", place["Dec"], "--json")
    ctmo("control", "park")
    parked = ctmo(*slew)
    done = [ctmo("control", word, "--json").json for word in ("open", "unpark")]
    done.append(ctmo(*slew).json)
    below = ctmo("control", "slew", "--ra-deg", place["RA"], "--dec-deg", -80)
    done.append(ctmo("control", "filter", "--filter", "B", "--json").json)
    done.append(ctmo("control", "close", "--json").json)
    ctmo("scheduler", "resume")

    assert [reply["Status"] for reply in done] == ["COMPLETED"] * 5
    assert (parked.code, below.code) == (UNSAFE, UNSAFE)
    assert "parked" in parked.out
    assert "altitude" in below.out


def test_a_lock_refuses_until_it_is_lifted(
    fleet: RunningFleet, ctmo: Command, unlocked: None
) -> None:
    locked = ctmo("lock", "--user", "ada", "--reason", "cleaning", "--json").json
    fleet.watch("telescope", lambda status: status["Verdict"]["Lock"], "the telescope knows it")
    refused = ctmo("control", "open")
    unlocked_reply = ctmo("unlock", "--user", "ada", "--json").json

    assert "Locked" in locked["Message"]
    assert refused.code == UNSAFE
    assert "cleaning" in refused.err
    assert unlocked_reply["Status"] == "COMPLETED"


def test_nobody_listens(ctmo: Command, tmp_path: Path) -> None:
    config = tmp_path / "ctmo.conf.yaml"
    config.write_text(
        "".join(
            f"{name} Address: {{IP: 127.0.0.1, Port: {port}}}\n"
            for name, port in zip(
                ("Scheduler", "Telescope", "Dome", "Safety"), free_ports(4), strict=True
            )
        )
    )
    for words in (("status",), ("dome", "open"), ("lock",), ("scheduler", "stop")):
        answer = ctmo(*words, config=config)
        assert answer.code == UNREACHABLE, words
        assert "cannot be reached" in answer.err


def test_check_tells_what_is_there(ctmo: Command) -> None:
    rows = {row["what"]: row for row in ctmo("check", "--devices", "--json").json}

    assert all(row["ok"] for row in rows.values()), rows
    assert rows["service safety"]["detail"].endswith("answers")
    assert "connected" in rows["INDI mount"]["detail"]


@pytest.mark.parametrize("file", ["bad.yaml", "profile.yaml"])
def test_check_names_file_line_key_and_what_was_expected(tmp_path: Path, file: str) -> None:
    bad = tmp_path / file
    if file == "bad.yaml":
        bad.write_text("Scheduler Address:\n  Port: 80000\nLoging: {}\n")
        words = ("check", "--config", bad)
        expected = (
            f"{bad}, line 2, Scheduler Address.Port: came 80000, expected",
            "line 3, Loging",
        )
    else:
        bad.write_text("name: x\nsite: {latitude_deg: 95}\n")
        words = ("check", "--profile", bad)
        expected = (f"{bad}, line 2, site.latitude_deg: came 95, expected", "equipment")
    process = command_line(*words)
    out, err = process.communicate(timeout=30.0)

    assert process.returncode == REFUSED
    assert out == ""
    assert all(text in err for text in expected), err


def test_units_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["units", "--system", "systemd", "--json"])
    units = json.loads(capsys.readouterr().out)
    assert code == DONE
    assert "Type=notify" in units["scheduler.service"]


def test_frames_of_the_night_are_shown_and_drawn(
    fleet: RunningFleet, ctmo: Command, tmp_path: Path
) -> None:
    order = fleet.observation(ID="cli-frames")
    receipt = ctmo("submit", "-", "--wait", 60, "--json", stdin=json.dumps(order)).json["Receipt"]

    def ours() -> list[dict[str, Any]]:
        found = ctmo("frames", "--json").json["Frames"]
        return [one for one in found if one["Parent"] == receipt]

    until(ours, "the frame is looked at", 30.0)
    (frame,) = ours()
    assert (frame["Frame Type"], frame["Problem"]) == ("Light", "")
    assert frame["Receipt"].startswith("A-")
    assert frame["Median"] > 0
    assert frame["File"] in ctmo("frames").out
    passed_on = fleet.ask({"WOType": "Frames", "Limit": 1})
    assert passed_on["Night"] == frame["Night"]

    out = tmp_path / "frame.png"
    told = ctmo("frames", "--picture", frame["File"], "--out", out)
    assert told.code == DONE, told
    assert out.read_bytes()[:3] in (b"\x89PN", b"\xff\xd8\xff")
    assert ctmo("frames", "--picture", "none.fits", "--out", out).code == REFUSED

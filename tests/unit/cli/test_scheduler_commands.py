"""scheduler COMMAND and queue: what is sent, what is printed, the exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ctmo_indi.cli.progress import progress_text
from ctmo_indi.cli.scheduler import spelled
from ctmo_indi.work_orders.model import SchedulerCommand
from tests.unit.cli.conftest import FakeScheduler

Run = Callable[..., int]
RUNNING = {"Index": 3, "Script": "observe", "State": "RUNNING", "Started": "02:00:00"}
QUEUE = {
    "Current": RUNNING,
    "Queue": [{"Index": 4, "Script": "park", "State": "CONFIGURED"}],
    "History": [
        {"Index": 1, "Script": "old", "State": "DONE"},
        {"Index": 2, "Script": "flats", "State": "FAILED", "Reason": "no light"},
    ],
    "Paused": False,
}


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["start", "--configuration", "survey"], {"Configuration": "survey"}),
        (["stop", "--abort", "--reason", "clouds"], {"Abort": True, "Reason": "clouds"}),
        (["load", "--uri", "file:///srv/a.yaml"], {"URI": "file:///srv/a.yaml"}),
        (["addBlock", "--block", "b", "--override", '{"n": 2, "f": "R"}'],
         {"Block": "b", "Override": {"n": 2, "f": "R"}}),
        (["setLogLevel", "--level", "debug"], {"Level": "DEBUG"}),
        (["updateObservatoryStatus", "--status", "weather,idle", "--note", "n"],
         {"Status": ["WEATHER", "IDLE"], "Note": "n"}),
        (["updateObservatoryStatus", "--status", "WEATHER", "--status", "IDLE"],
         {"Status": ["WEATHER", "IDLE"]}),
    ],
)  # fmt: skip
def test_options_become_keys_of_the_order(
    run: Run, scheduler: FakeScheduler, words: list[str], keys: dict[str, object]
) -> None:
    assert run("scheduler", *words) == 0
    assert scheduler.orders == [{"WOType": "Scheduler", "Command": words[0], **keys}]


@pytest.mark.parametrize("command", [command.value for command in SchedulerCommand])
def test_every_command_is_known_however_it_is_written(command: str) -> None:
    with_hyphens = "".join(
        f"-{letter.lower()}" if letter.isupper() else letter for letter in command
    )
    for text in (command, command.lower(), command.upper(), with_hyphens):
        assert spelled(text) == command
    assert spelled("nonsense") == "nonsense"


def test_an_override_may_be_a_file(run: Run, scheduler: FakeScheduler, tmp_path: Path) -> None:
    file = tmp_path / "override.yaml"
    file.write_text("exposure_s: 2.5\n")
    assert run("scheduler", "addBlock", "--block", "b", "--override", str(file)) == 0
    assert scheduler.orders[0]["Override"] == {"exposure_s": 2.5}


@pytest.mark.parametrize("text", ["nowhere.yaml", "{", "{1: [}"])
def test_a_wrong_override_is_refused_before_anything_is_sent(
    run: Run, scheduler: FakeScheduler, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("scheduler", "addBlock", "--block", "b", "--override", text) == 2
    assert scheduler.orders == []
    assert "--override" in capsys.readouterr().err


def test_a_file_to_load_becomes_an_address(
    run: Run, scheduler: FakeScheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("scheduler", "load", "--uri", "my list.yaml") == 0
    assert scheduler.orders[0]["URI"] == f"file://{tmp_path}/my%20list.yaml"


def test_a_wrong_combination_is_refused_by_the_contract(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("scheduler", "resume", "--abort", "--block", "b") == 2
    assert scheduler.orders == []
    assert capsys.readouterr().err.splitlines() == [
        "refused: Abort: came True, not used here (only stop can abort)",
        "refused: Block: came 'b', not used here (only addBlock, getBlockStatus, removeBlock and"
        " validateBlock are about a block)",
    ]


def test_it_waits_for_the_end_of_the_ticket(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.ticket = [
        {"Status": "IN_PROGRESS"},
        {"Status": "IN_PROGRESS", "Progress": "reading 100 of 2000"},
        {"Status": "COMPLETED"},
    ]
    assert run("scheduler", "start") == 0
    assert "it is COMPLETED" in capsys.readouterr().out
    assert [order.get("Since") for order in scheduler.orders] == [None, None, 2]


def test_without_waiting_the_ticket_is_shown(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.ticket = [{"Status": "IN_PROGRESS"}]
    assert run("scheduler", "start", "--wait", "0") == 0
    assert "T-1" in capsys.readouterr().out
    assert len(scheduler.orders) == 1


def test_a_command_that_goes_on_says_where_to_look(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.ticket = [{"Status": "IN_PROGRESS", "Revision": 1}]
    assert run("scheduler", "start", "--wait", "0.01") == 5
    told = capsys.readouterr().err
    assert "T-1 is IN_PROGRESS" in told
    assert "ctmo-indi status T-1" in told


def test_a_failed_command_has_exit_code_5(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.ticket = [{"Status": "IN_PROGRESS"}, {"Status": "FAILED", "Message": "no snapshot"}]
    assert run("scheduler", "start", "--json") == 5
    assert json.loads(capsys.readouterr().out)["Message"] == "no snapshot"


def test_what_a_block_is_like_is_a_table(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    result = {
        "Block": "flats",
        "Status": "AVAILABLE",
        "Scripts": [
            {"Script": "calibrations", "Problems": ["count: 0", "type: missing"]},
            {"Script": "park", "Problems": []},
        ],
    }
    scheduler.ticket = [{"Status": "COMPLETED", "Result": result}]
    assert run("scheduler", "validateBlock", "--block", "flats") == 0
    out = capsys.readouterr().out
    assert "Block: flats\nStatus: AVAILABLE\nScripts:\n" in out
    assert ["calibrations", "count:", "0;", "type:", "missing"] in [
        row.split() for row in out.splitlines()
    ]


def test_an_invalid_block_is_told_by_the_exit_code(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    result = {"Block": "flats", "Valid": False, "Problems": {"1 sleep": ["duration_s: missing"]}}
    scheduler.ticket = [{"Status": "COMPLETED", "Result": {**result, "Definition": "{...}"}}]
    assert run("scheduler", "validateBlock", "--block", "flats") == 2
    out = capsys.readouterr().out
    assert "1 sleep:\n    - duration_s: missing" in out
    assert "Definition" not in out


def test_progress_is_shown_behind_the_command() -> None:
    assert progress_text("start", {"Progress": "7 of 9"}) == "start: 7 of 9"
    assert progress_text("start", {"Progress": ""}) == "start"


def test_the_queue_is_shown_in_the_order_it_runs(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.queue = QUEUE
    assert run("queue") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:4] for row in rows if row and row[0].isdigit()] == [
        ["1", "ended", "old", "DONE"],
        ["2", "ended", "flats", "FAILED"],
        ["3", "current", "observe", "RUNNING"],
        ["4", "waiting", "park", "CONFIGURED"],
    ]
    assert run("queue", "--history", "1") == 0
    assert "old" not in capsys.readouterr().out
    assert scheduler.orders[0] == {"WOType": "Script Queue", "Command": "showQueue"}


@pytest.mark.parametrize(("columns", "has_user"), [(80, False), (100, False), (160, True)])
def test_the_queue_fits_the_terminal_and_keeps_the_reason(
    run: Run,
    scheduler: FakeScheduler,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    has_user: bool,
) -> None:
    reason = "CCD Simulator: exposure aborted, the mount lost its target behind the dome"
    ended = {"Index": 128, "Script": "calibrations", "State": "CONFIGURE_FAILED",
             "Subject": "A-01JDKXYZ0123456789ABCDEFGH", "User": "driver:sequential",
             "Block": "calibrations", "Started": "2026-11-22T02:00:01.000Z",
             "Ended": "2026-11-22T02:00:09.000Z", "Reason": reason}  # fmt: skip
    scheduler.queue = {"Current": {}, "Queue": [], "History": [ended], "Paused": False}
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run("queue") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    heading = next(line.split() for line in lines if line.strip())
    assert heading[:4] == ["Index", "Where", "Script", "State"]
    assert heading[-1] == "Reason"
    assert ("User" in heading) is has_user
    printed = " ".join(" ".join(lines).split())
    assert "CONFIGURE_FAILED" in printed
    assert "02:00:01" in printed
    assert all(word in printed for word in reason.split())


def test_a_paused_queue_says_how_it_goes_on(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.queue = {"Current": {}, "Queue": [], "History": [], "Paused": True}
    assert run("queue") == 0
    out = capsys.readouterr().out
    assert "the queue is empty" in out
    assert "ctmo-indi queue resume" in out


def test_the_queue_as_json(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.queue = QUEUE
    assert run("queue", "--json") == 0
    assert json.loads(capsys.readouterr().out)["Current"] == RUNNING


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["add", "sleep", "duration_s=60", "why=dew heater", "--location", "before", "--at", "4"],
         {"Command": "add", "Script": "sleep", "Location": "before", "At Index": 4,
          "Parameters": {"duration_s": 60, "why": "dew heater"}}),
        (["add", "sleep", "--parameters", '{"duration_s": 5}', "note=x"],
         {"Command": "add", "Script": "sleep", "Location": "last",
          "Parameters": {"duration_s": 5, "note": "x"}}),
        (["move", "4"], {"Command": "move", "Index": 4, "Location": "first"}),
        (["requeue", "2", "--location", "after", "--at", "4"],
         {"Command": "requeue", "Index": 2, "Location": "after", "At Index": 4}),
        (["stop", "3", "4", "--reason", "r"],
         {"Command": "stopScripts", "Indices": [3, 4], "Reason": "r"}),
        (["terminate", "3"], {"Command": "stopScripts", "Indices": [3], "Terminate": True}),
        (["pause"], {"Command": "pause"}),
        (["resume", "--reason", "r"], {"Command": "resume", "Reason": "r"}),
        (["scripts"], {"Command": "showAvailableScripts"}),
        (["schema", "sleep"], {"Command": "showSchema", "Script": "sleep"}),
        (["script", "3"], {"Command": "showScript", "Index": 3}),
    ],
)  # fmt: skip
def test_queue_commands_become_orders(
    run: Run, scheduler: FakeScheduler, words: list[str], order: dict[str, object]
) -> None:
    assert run("queue", *words) == 0
    assert scheduler.orders == [{"WOType": "Script Queue", **order}]


def test_a_change_tells_the_scripts_index_and_shows_what_waits(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.queue = {**QUEUE, "Index": 4, "Message": "observe RUNNING, 1 waiting"}
    assert run("queue", "add", "park") == 0
    out = capsys.readouterr().out
    assert out.startswith("script 4; observe RUNNING, 1 waiting\n")
    assert "waiting  park" in out
    assert "old" not in out


def test_what_queue_finds_is_printed(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.queue = {
        "Scripts": [
            {"Script": "observe", "About": "expose", "Needs Target": True},
            {"Script": "sleep", "About": "wait", "Needs Target": False},
        ],
        "Schema": {"type": "object"},
        "Script": {"Index": 3, "Parameters": {"duration_s": 5}},
    }
    assert run("queue", "scripts") == 0
    rows = [row.split() for row in capsys.readouterr().out.splitlines()]
    assert ["observe", "order", "expose"] in rows
    assert ["sleep", "hand", "wait"] in rows
    assert run("queue", "schema", "sleep") == 0
    assert json.loads(capsys.readouterr().out) == {"type": "object"}
    assert run("queue", "script", "3") == 0
    assert capsys.readouterr().out == "Index: 3\nParameters:\n  duration_s: 5\n"


def test_a_pair_without_a_value_is_refused(run: Run, scheduler: FakeScheduler) -> None:
    assert run("queue", "add", "sleep", "60") == 2
    assert scheduler.orders == []


def test_options_before_the_queues_command_are_not_lost_silently(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("queue", "--json", "pause") == 2
    assert scheduler.orders == []
    assert "ctmo-indi queue pause" in capsys.readouterr().err

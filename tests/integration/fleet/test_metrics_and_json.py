"""What a running observatory tells programs: /metrics of each service, --json of each command."""

from __future__ import annotations

import json
import statistics
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from typer.main import get_command

from ctmo_indi import cli
from ctmo_indi.cli import next_steps
from ctmo_indi.metrics.exposition import Exposition
from ctmo_indi.metrics.reading import Source
from ctmo_indi.metrics.tables import PROCESS, metrics_of

from ...running_fleet import until

pytestmark = pytest.mark.indi

SERVICES = ("scheduler", "telescope", "safety", "preprocessor")
# Told only where there is such a thing: the simulators' profile has no WatchDog and no limits of
# its own for the weather; nothing was calibrated, nothing has failed, no rule forbids.
NOT_HERE = {
    "ctmo_safety_rule_level",
    "ctmo_safety_watchdog_state",
    "ctmo_safety_watchdog_beat_age_seconds",
    "ctmo_safety_watchdog_threshold_seconds",
    "ctmo_weather_limit_min",
    "ctmo_weather_limit_max",
    "ctmo_preprocessor_progress_ratio",
    "ctmo_preprocessor_orders",
    "ctmo_scheduler_cycle_troubles_total",
    "ctmo_scheduler_telemetry_age_seconds",
    "ctmo_metrics_unread_total",
    "ctmo_plan_preview",
    "ctmo_plan_refused",
}
SLOW = {"scheduler": {"ctmo_plan_value"}, "preprocessor": {"ctmo_preprocessor_debt_kinds"}}
LOOP_S = 0.005


def scrape(fleet, service: str) -> dict[str, Metric]:
    address = getattr(fleet.supervisor.fleet.config, service)
    with urllib.request.urlopen(f"{address.http}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {_name(family): family for family in text_string_to_metric_families(text)}


def _name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_tells_what_its_table_says_and_nothing_else(fleet, service):
    if service == "scheduler":
        fleet.ended(fleet.observe())
    slow = SLOW.get(service, set())  # fetched beside the scrapes
    until(lambda: slow <= set(scrape(fleet, service)), "the slow answers", 30.0)
    fleet.ask({"WOType": "Status"}, service)
    told = scrape(fleet, service)
    table = {metric.name: metric for metric in metrics_of(service)}
    assert set(told) <= {*table, *PROCESS}
    assert {*table, *PROCESS} - set(told) <= NOT_HERE
    for name, family in told.items():
        assert family.documentation
        if name in table:
            assert family.type == table[name].kind
            assert all(set(one.labels) == set(table[name].labels) for one in family.samples)


def test_frames_and_exposed_time_are_counted(fleet):
    before = scrape(fleet, "telescope")
    fleet.ended(fleet.observe(**{"Number of Exposures": 2, "Exposure Time": 20.0}))
    after = scrape(fleet, "telescope")

    def grew(name: str, **labels: str) -> float:
        def value(told: dict[str, Metric]) -> float:
            return sum(one.value for one in told[name].samples if one.labels == labels)

        return value(after) - value(before)

    assert grew("ctmo_telescope_frames_total", outcome="stored") == 2.0
    assert grew("ctmo_telescope_exposed_seconds_total") == 40.0


@pytest.mark.parametrize("service", SERVICES)
def test_a_scrape_takes_the_loop_some_milliseconds(fleet, service):
    exposition = Exposition(metrics_of(service))
    status = fleet.ask({"WOType": "Status"}, service)
    spent_s = []
    for _ in range(21):
        begun_s = time.thread_time()
        exposition.text({Source.STATUS: status}, "")
        spent_s.append(time.thread_time() - begun_s)
    assert statistics.median(spent_s) < LOOP_S


def test_a_page_of_elsewhere_gets_no_metrics(fleet):
    address = fleet.supervisor.fleet.config.safety
    request = urllib.request.Request(
        f"{address.http}/metrics", headers={"Origin": "https://evil.example"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)


# -- the command line ----------------------------------------------------------------------------

# Words of each command; {order}: the receipt of an order, {file}: a raw frame of it.
READING = {
    "audit": "",
    "check": "",
    "debt": "",
    "events": "",
    "explain": "{order}",
    "frames": "",
    "metrics": "",
    "plan": "",
    "prediction": "",
    "queue": "",
    "queue schema": "observe",
    "queue script": "1",
    "queue scripts": "",
    "report": "",
    "status": "",
    "token list": "",
    "trace": "{file}",
    "units": "",
}
# A line of JSON each: for tools that read a log as it grows.
LINES = {"audit", "events"}
# They act: what they print with --json is looked at by the tests of their effect.
ACTING = {
    *("init", "serve", "up", "demo", "submit", "cancel", "simulate", "dome", "control", "stop"),
    *("lock", "unlock", "release", "close", "preprocess", "scheduler", "completion"),
    *("token add", "token revoke"),
}


def leaves(group, words=()) -> list[str]:
    found = []
    for name, command in group.commands.items():
        inside = hasattr(command, "commands")
        if not inside or command.invoke_without_command:
            found.append(" ".join((*words, name)))
        found += leaves(command, (*words, name)) if inside else []
    return found


@pytest.fixture(scope="module")
def named(fleet) -> dict[str, str]:
    ended = fleet.ended(fleet.observe())
    frame = next(Path(fleet.data_dir).glob("nights/*/raw/*.fits"))
    return {"order": str(ended["Receipt"]), "file": str(frame)}


def commands() -> list[str]:
    there = leaves(get_command(cli.app))
    return [name for name in there if name not in ACTING and not _changes_the_queue(name)]


def _changes_the_queue(name: str) -> bool:
    return name.startswith("queue ") and name not in READING


@pytest.mark.parametrize("name", commands())
def test_a_reading_command_prints_one_json_document(fleet, named, capsys, name):
    words = [*name.split(), *READING[name].format(**named).split(), "--json"]
    options = {one for one in _command(name).params for one in one.opts}
    if "--config" in options:
        words += ["--config", str(fleet.supervisor.config_path)]
    code = cli.run(words)
    out, err = capsys.readouterr()
    assert code == 0, err
    documents = out.splitlines() if name in LINES else [out]
    assert documents
    for document in documents:
        json.loads(document)


def _command(name: str):
    found = get_command(cli.app)
    for word in name.split():
        found = found.commands[word]
    return found


def test_who_holds_the_observatory_and_what_to_do_is_told(fleet, capsys):
    config = ("--config", str(fleet.supervisor.config_path))
    cli.run(["lock", "maintenance", "--user", "ada", *config])
    try:
        capsys.readouterr()
        assert cli.run(["dome", "open", "--user", "bob", *config]) == 4
        assert next_steps.NEXT[425] in capsys.readouterr().err
    finally:
        cli.run(["unlock", "--user", "ada", *config])
    cli.run(["stop", *config])
    try:
        capsys.readouterr()
        assert cli.run(["control", "unpark", *config]) == 4
        assert next_steps.NEXT[426] in capsys.readouterr().err
    finally:
        cli.run(["release", *config])

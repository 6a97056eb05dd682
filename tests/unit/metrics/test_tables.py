"""Names after Prometheus' conventions, and the files for Prometheus and Grafana."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ctmo_indi.config import Config
from ctmo_indi.metrics.exposition import Exposition
from ctmo_indi.metrics.reading import Kind
from ctmo_indi.metrics.ready_made import FOLDER, files
from ctmo_indi.metrics.tables import EVERY, PROCESS, TABLES, listing, names
from ctmo_indi.service_addresses import Address

METRICS = (*EVERY, *(metric for table in TABLES.values() for metric in table))
# https://prometheus.io/docs/practices/naming: base units; angles are in the field's degrees
NO_BASE_UNIT = re.compile(r"_(milliseconds|ms|minutes|hours|days|mb|kilobytes|percent|kelvin)(_|$)")
TYPE_IN_NAME = re.compile(r"_(gauge|counter|summary|histogram)(_|$)")
USED = re.compile(r"\b(?:ctmo|process)_[a-z_]+\b")
CASES = Path(__file__).with_name("alert_cases.yaml")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_named_by_the_conventions_and_says_what_it_means(metric):
    assert re.fullmatch(r"ctmo_[a-z]+(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert not NO_BASE_UNIT.search(metric.name)
    assert not TYPE_IN_NAME.search(metric.name)
    assert metric.about.endswith(".")
    assert set(metric.labels).isdisjoint({"job", "instance", "le", "quantile"})


def test_a_name_comes_once():
    assert len(METRICS) + len(PROCESS) == len(names()) == len(listing())


def expressions():
    """(where it stands, PromQL) of every panel and rule."""
    board = json.loads((FOLDER / "grafana_board.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"rule {rule['alert']}", rule["expr"]


def test_every_metric_of_a_panel_or_rule_exists():
    found = list(expressions())
    missing = [(where, name) for where, told in found for name in USED.findall(told)
               if name not in names()]  # fmt: skip
    assert len(found) > 50
    assert missing == []


def test_labels_that_a_panel_or_rule_selects_are_the_metrics():
    by_name = {metric.name: {*metric.labels, "job", "instance"} for metric in METRICS}
    wrong = [
        (where, name, label)
        for where, told in expressions()
        for name, selected in re.findall(r"(ctmo_[a-z_]+)\{([^}]*)\}", told)
        for label in re.findall(r"([a-z_]+)=", selected)
        if label not in by_name[name]
    ]
    assert wrong == []


def test_every_rule_says_how_bad_it_is_and_what_to_do():
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert set(rule["annotations"]) == {"summary", "action"}
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_the_board_has_panels_that_do_not_overlap():
    taken = set()
    for panel in json.loads((FOLDER / "grafana_board.json").read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert taken.isdisjoint(cells), panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_scrape_file_has_the_addresses_of_the_configuration():
    config = Config(safety=Address("https://safe.example", "0.0.0.0", 8040))
    (job,) = yaml.safe_load(files(config)["scrape.yaml"])
    assert job["static_configs"] == [
        {"targets": ["localhost:8000", "localhost:8010", "localhost:8030", "safe.example:443"]}
    ]
    assert set(files(config)) == {"scrape.yaml", "alerts.yaml", "grafana_board.json"}


def test_every_metric_passes_the_check_of_prometheus_itself():
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    told = [
        replace(metric, read=lambda _reply, labels=metric.labels: iter([(("x",) * len(labels), 1)]))
        for metric in METRICS
    ]
    text, _ = Exposition(told).text({}, "text/plain")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30, check=False
    )
    assert text.count(b"# HELP ctmo_") == len(METRICS)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_rule_has_a_case():
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    cases = yaml.safe_load(CASES.read_text())["tests"]
    fired = {
        one["alertname"] for case in cases for one in case["alert_rule_test"] if one["exp_alerts"]
    }
    assert fired == {rule["alert"] for group in groups for rule in group["rules"]}


def test_the_rules_fire_when_they_should(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    for file in (FOLDER / "alerts.yaml", CASES):
        shutil.copy(file, tmp_path)
    told = subprocess.run(
        ["promtool", "test", "rules", CASES.name], cwd=tmp_path, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr

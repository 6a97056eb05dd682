"""``ctmo-indi report``: from the scheduler, or from the file where it is silent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ctmo_indi import cli
from ctmo_indi.config import Config
from ctmo_indi.scheduler.report.making import with_words
from ctmo_indi.scheduler.report.report_files import ReportFiles
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import FakeDesk, serving
from ctmo_indi.work_orders.desk import order_reply

TOLD = with_words({"Night": "20261121", "Site": "here", "Alarm": "", "Whole": True})


def configured(folder: Path, url: str) -> str:
    port = int(url.rpartition(":")[2])
    config = replace(Config(), data_dir=folder, scheduler=Address(url, "127.0.0.1", port))
    file = folder / "ctmo.conf.yaml"
    file.write_text(yaml.safe_dump(config.as_file()))
    return str(file)


def test_it_prints_text_json_or_writes_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = FakeDesk(
        "scheduler",
        answer=lambda checked: order_reply(checked, status="OK", message="", extra=TOLD),
    )
    with serving(desk) as (url,):
        config = configured(tmp_path, url)
        assert cli.run(["report", "20261121", "--config", config]) == 0
        assert capsys.readouterr().out == TOLD["Text"]
        assert desk.orders[0].wire["Night"] == "20261121"
        assert cli.run(["report", "--json", "--config", config]) == 0
        assert json.loads(capsys.readouterr().out)["Night"] == "20261121"
        assert "Night" not in desk.orders[1].wire
        page = tmp_path / "night.html"
        assert cli.run(["report", "--html", str(page), "--config", config]) == 0
        assert capsys.readouterr().out == ""
        assert page.read_text().startswith("<!doctype html>")


def test_a_silent_scheduler_is_replaced_by_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path, "http://127.0.0.1:9")
    assert cli.run(["report", "--config", config]) == 3
    capsys.readouterr()
    ReportFiles(tmp_path / "reports").write(TOLD)
    assert cli.run(["report", "--config", config]) == 0
    told = capsys.readouterr()
    assert told.out == TOLD["Text"]
    assert "the scheduler does not answer" in told.err
    assert cli.run(["report", "20261120", "--config", config]) == 3

"""check --notify: a trial to everybody who would be told of an alarm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ctmo_indi import cli
from ctmo_indi.testing.notice_receiver import NoticeReceiver

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def check(tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: str) -> tuple[bool, str]:
    path = tmp_path / "ctmo.conf.yaml"
    path.write_text(f"Data Directory: {tmp_path}\n{keys}")
    cli.run(["check", "--config", str(path), "--json", "--notify"])
    rows = json.loads(capsys.readouterr().out)
    ((is_right, detail),) = [(row["ok"], row["detail"]) for row in rows if row["what"] == "notices"]
    return is_right, detail


def test_a_trial_is_sent(tmp_path, capsys):
    with NoticeReceiver() as receiver:
        assert check(tmp_path, capsys, f"Notify: {{URLs: ['{receiver.url}']}}") == (
            True,
            "sent to 1",
        )
    assert receiver.posts[0]["title"] == "CTMO simulated: trial"


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ("", "no key Notify"),
        ("Notify: {URLs: ['nosuch://ada:s3cret@x']}", "URL 1"),
        ("Notify: {URLs: ['json://ada:s3cret@127.0.0.1:1/']}", "not taken"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(tmp_path, capsys, keys, word):
    is_right, detail = check(tmp_path, capsys, keys)
    assert not is_right
    assert word in detail
    assert "s3cret" not in detail

"""ctmo-indi token and audit; the token of the person at the command line."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi import cli, tokens
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.config import Config
from ctmo_indi.front_desk.opening import open_front_desk
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import FakeDesk

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    path = tmp_path / "ctmo.conf.yaml"
    path.write_text(f"Data Directory: {tmp_path}\nAnonymous May Operate: false\n")
    return path


@pytest.fixture
def run(
    config_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("CTMO_TOKEN_FILE", "")  # undone at the end, whatever a command sets
    monkeypatch.delenv("CTMO_TOKEN", raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.run([*words, "--config", str(config_path)])
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return call


def add(run: Run, name: str, role: str, *more: str) -> str:
    code, out, _ = run("token", "add", name, "--role", role, "--json", *more)
    assert code == 0
    return str(json.loads(out)["token"])


def test_a_token_is_printed_once_and_kept_as_a_hash(run: Run, tmp_path: Path) -> None:
    code, out, err = run("token", "add", "ada", "--role", "operate", "--expires", "90d")
    secret = out.strip()
    assert (code, err.count(secret)) == (0, 0)
    (kept,) = tokens.read_tokens(tmp_path / "tokens.json")
    assert (kept.name, kept.role, kept.sha256) == ("ada", "operate", tokens.digest(secret))
    assert kept.expires_utc is not None
    assert (kept.expires_utc - kept.created_utc).days == 90
    for words in (("token", "list"), ("token", "list", "--json"), ("audit",), ("check",)):
        _, out, err = run(*words)
        assert secret not in out + err
        assert kept.sha256 not in out + err


def test_the_list_is_for_programs_too(run: Run) -> None:
    add(run, "ada", "admin")
    add(run, "portal", "submit", "--user", "*", "--user", "bob")
    rows = json.loads(run("token", "list", "--json")[1])
    assert [(row["name"], row["role"], row["users"], row["expired"]) for row in rows] == [
        ("ada", "admin", [], False),
        ("portal", "submit", ["*", "bob"], False),
    ]


def test_a_revoked_token_is_gone_and_the_others_stay(run: Run, tmp_path: Path) -> None:
    for name in ("ada", "bob"):
        add(run, name, "read")
    assert run("token", "revoke", "ada")[0] == 0
    assert [each.name for each in tokens.read_tokens(tmp_path / "tokens.json")] == ["bob"]
    assert run("token", "revoke", "ada")[0] == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ada", "--role", "god"), "expected read, submit, operate, admin"),
        (("a b", "--role", "read"), "expected letters"),
        (("-", "--role", "read"), "expected letters"),
        (("ada", "--role", "read", "--expires", "soon"), "expected 2026-11-21"),
        (("ada", "--role", "read", "--expires", "2020-01-01"), "that is past"),
        (("taken", "--role", "read"), "there is one already"),
    ],
)
def test_wrong_words_make_no_token(
    run: Run, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    add(run, "taken", "read")
    code, _, err = run("token", "add", *words)
    assert code == 2
    assert told in err
    assert len(tokens.read_tokens(tmp_path / "tokens.json")) == 1


@contextmanager
def served(config_path: Path, tmp_path: Path) -> Iterator[FakeDesk]:
    desk = FakeDesk("scheduler")
    access = AccessSettings(tokens=tmp_path / "tokens.json")
    config = replace(Config(), data_dir=tmp_path, anonymous_may_operate=False, access=access)
    server = open_front_desk([(desk, Address("http://localhost", "127.0.0.1", 0))], config)
    (port,) = server.start()
    before = config_path.read_text()
    config_path.write_text(f"{before}Scheduler Address: {{IP: 127.0.0.1, Port: {port}}}\n")
    try:
        yield desk
    finally:
        server.stop()


def test_the_token_comes_from_the_environment_or_a_file(
    run: Run, config_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = add(run, "ada", "operate")
    file = tmp_path / "my.token"
    file.touch(0o600)
    file.write_text(secret + "\n")
    pause = ("queue", "pause")
    with served(config_path, tmp_path) as desk:
        code, _, err = run(*pause)
        assert (code, desk.orders) == (2, [])
        assert "needs the role operate" in err
        monkeypatch.setenv("CTMO_TOKEN", secret)
        assert run(*pause)[0] == 0
        monkeypatch.setenv("CTMO_TOKEN", "ctmo_wrong")
        code, _, err = run(*pause)
        assert code == 2
        assert "wrong name or token" in err
        assert "ctmo_wrong" not in err
        monkeypatch.delenv("CTMO_TOKEN")
        assert run("--token-file", str(file), *pause)[0] == 0
        assert os.environ["CTMO_TOKEN_FILE"] == str(file)
        assert run(*pause)[0] == 0
        file.chmod(0o644)
        code, _, err = run(*pause)
        assert code == 2
        assert "0644" in err
        config_path.write_text(config_path.read_text() + f"Access: {{Client Token File: {file}}}\n")
        monkeypatch.setenv("CTMO_TOKEN_FILE", "")
        file.chmod(0o600)
        assert run(*pause)[0] == 0
        assert len(desk.orders) == 4


def test_the_audit_is_shown_for_people_and_programs(
    run: Run,
    config_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = add(run, "ada", "operate")
    monkeypatch.setenv("CTMO_TOKEN", secret)
    with caplog.at_level(logging.DEBUG), served(config_path, tmp_path):
        run("queue", "pause", "--reason", "fog \u202e")
    code, out, _ = run("audit", "--since", "1h")
    assert code == 0
    assert "scheduler ada@127.0.0.1 Script Queue pause accepted" in out
    assert "\u202e" not in out
    (entry,) = map(json.loads, run("audit", "--json")[1].splitlines())
    assert (entry["caller"], entry["role"], entry["text"]) == ("ada", "operate", "fog \u202e")
    assert run("audit", "--since", "2099-01-01")[1] == ""
    assert run("audit", "--since", "long ago")[0] == 2
    assert secret not in caplog.text


def test_check_looks_at_access(run: Run, config_path: Path, tmp_path: Path) -> None:
    code, out, _ = run("check")
    assert code == 5
    assert "the services would refuse each other" in out
    own = tmp_path / "services.token"
    own.touch(0o600)
    own.write_text(add(run, "services", "admin"))
    with config_path.open("a") as file:
        file.write(f"Access: {{Client Token File: {own}}}\n")
    code, out, _ = run("check")
    assert "1 tokens; without one on this machine: read" in out
    config_path.write_text(config_path.read_text() + "Safety Address: {IP: 10.0.0.7}\n")
    code, out, _ = run("check")
    assert code == 5
    assert "WRONG  access" in out
    assert "Access.TLS" in out

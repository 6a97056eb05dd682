"""check: a token that would cross the network unencrypted is told, with the key that does it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ctmo_indi import cli
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.cli import installation
from ctmo_indi.config import Config
from ctmo_indi.service_addresses import Address

Rows = dict[str, tuple[bool, str]]
ELSEWHERE = "http://192.0.2.7:8010"


@pytest.fixture(autouse=True)
def nobodys_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTMO_TOKEN_FILE", "")
    monkeypatch.delenv("CTMO_TOKEN", raising=False)


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], Rows]:
    def run(text: str) -> Rows:
        config = tmp_path / "ctmo.conf.yaml"
        config.write_text(f"Data Directory: {tmp_path}\n{text}")
        cli.run(["check", "--config", str(config), "--json"])
        found = json.loads(capsys.readouterr().out)
        return {row["what"]: (row["ok"], row["detail"]) for row in found}

    return run


def test_a_persons_token_is_not_sent_and_the_key_is_named(
    check: Callable[[str], Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTMO_TOKEN", "secret-of-ada")
    rows = check(f"Telescope Address: {{HTTP: '{ELSEWHERE}', IP: 127.0.0.1, Port: 8010}}\n")

    for what in ("access", "service telescope"):
        is_right, detail = rows[what]
        assert not is_right
        assert f"Telescope Address: HTTP is {ELSEWHERE}" in detail
        assert "https://" in detail
    assert "environment" in rows["access"][1]
    assert "secret-of-ada" not in str(rows)
    assert rows["service safety"][0]


def services_token(tmp_path: Path, address: str, *, insecure: bool = False) -> Config:
    file = tmp_path / "services.token"
    file.write_text("secret\n")
    os.chmod(file, 0o600)
    return Config(
        data_dir=tmp_path,
        telescope=Address(address, "127.0.0.1", 8010),
        access=AccessSettings(client_token_file=file, is_network_insecure=insecure),
    )


@pytest.mark.parametrize(
    ("address", "is_told"),
    [
        (ELSEWHERE, True),
        ("http://dome.example.org:8010", True),
        ("https://dome.example.org:8010", False),
        ("http://localhost:8010", False),
        ("http://127.0.0.1:8010", False),
        ("http://[::1]:8010", False),
    ],
)
def test_the_services_token_over_http_to_another_machine(
    tmp_path: Path, address: str, is_told: bool
) -> None:
    rows = installation._check_access(services_token(tmp_path, address))
    told = [detail for _, good, detail in rows if not good and "unencrypted" in detail]
    assert len(told) == is_told
    assert all("Telescope Address: HTTP" in text for text in told)
    assert all("Client Token File" in text for text in told)


def test_on_a_network_taken_as_insecure_no_token_is_sent(tmp_path: Path) -> None:
    rows = installation._check_access(services_token(tmp_path, ELSEWHERE, insecure=True))
    assert not [detail for _, _, detail in rows if "would go unencrypted" in detail]


def test_without_a_token_nothing_is_told(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, telescope=Address(ELSEWHERE, "127.0.0.1", 8010))
    assert [good for _, good, _ in installation._check_access(config)] == [True]

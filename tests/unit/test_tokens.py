"""The file of tokens: what is kept, who may read it, what is refused."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi import tokens
from ctmo_indi.errors import ConfigError
from ctmo_indi.tokens import Token

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def token(name: str, secret: str, **more: object) -> Token:
    return Token(name, "operate", tokens.digest(secret), NOW, **more)  # type: ignore[arg-type]  # whatever the test wants


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    made = (
        token("ada", "one", expires_utc=NOW + timedelta(days=1)),
        token("bob", "two", users=("bob's telescope", "*")),
    )
    tokens.write_tokens(path, made)
    assert tokens.read_tokens(path) == made


def test_the_file_is_its_owners_alone_and_holds_no_token(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    secret = tokens.new_secret()
    tokens.write_tokens(path, (token("ada", secret),))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret not in path.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["tokens.json"]


def test_tokens_are_256_bits_and_differ() -> None:
    made = {tokens.new_secret() for _ in range(100)}
    assert len(made) == 100
    # 43 characters of 6 bits, of which 256 bits are random
    assert {len(secret.removeprefix(tokens.PREFIX)) for secret in made} == {43}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "tokens.json"
    tokens.write_tokens(path, ())
    path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"mode is {mode:04o}.*chmod 600"):
        tokens.read_tokens(path)


def test_no_file_is_no_token(tmp_path: Path) -> None:
    assert tokens.read_tokens(tmp_path / "absent.json") == ()


def entry(**changed: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "name": "ada",
        "role": "operate",
        "sha256": "0" * 64,
        "created": "2026-11-22T00:00:00+00:00",
        "expires": None,
        "users": [],
    }
    return {key: value for key, value in (usual | changed).items() if value is not ...}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("[]", "expected an object with an array"),
        ('{"tokens": 1}', "expected an object with an array"),
        (json.dumps({"tokens": [1]}), r"tokens\[0\]: expected an object"),
        (json.dumps({"tokens": [entry(role="god")]}), r"role of ada: came 'god', expected read"),
        (json.dumps({"tokens": [entry(name="a b")]}), "name: came 'a b'"),
        (json.dumps({"tokens": [entry(sha256="abc")]}), "expected 64 hexadecimal digits"),
        (json.dumps({"tokens": [entry(sha256=...)]}), "sha256 is missing"),
        (json.dumps({"tokens": [entry(expires="soon")]}), r"tokens\[0\]"),
        (json.dumps({"tokens": [entry(users="ada")]}), "users of ada"),
        (json.dumps({"tokens": [entry(), entry()]}), "ada: twice"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "tokens.json"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        tokens.read_tokens(path)


def test_a_pipe_in_its_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigError, match="expected a file"):
        tokens.read_tokens(path)


def test_two_commands_do_not_change_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    with (
        tokens.one_at_a_time(path),
        pytest.raises(ConfigError, match="another command"),
        tokens.one_at_a_time(path),
    ):
        pass


def secret_file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_nobody_who_may_only_look_at_the_folder_keeps_a_token_from_being_revoked(
    tmp_path: Path,
) -> None:
    """flock needs no right to write: whoever may open a file may hold it for ever."""
    path = tmp_path / "tokens.json"
    tokens.write_tokens(path, ())
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with tokens.one_at_a_time(path):
            held = [each for each in tmp_path.iterdir() if each != path]
            assert [stat.S_IMODE(each.stat().st_mode) for each in held] == [0o600]
    finally:
        os.close(folder)


def test_a_disk_that_takes_half_a_file_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tokens.json"
    tokens.write_tokens(path, (token("ada", "one"),))
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    with pytest.raises(ConfigError, match=r"cannot be written: took 10 of \d+ bytes"):
        tokens.write_tokens(path, (token("ada", "one"), token("bob", "two")))
    assert [each.name for each in tokens.read_tokens(path)] == ["ada"]
    assert [each.name for each in tmp_path.iterdir()] == ["tokens.json"]


def test_a_revocation_is_on_the_disk_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    fsync = os.fsync

    def sync(file: int) -> None:
        synced.append(os.fstat(file).st_ino)
        fsync(file)

    monkeypatch.setattr(os, "fsync", sync)
    tokens.write_tokens(tmp_path / "tokens.json", ())
    assert synced[-1] == tmp_path.stat().st_ino  # else a power cut brings the revoked token back


def test_a_secret_is_read_without_the_end_of_its_line(tmp_path: Path) -> None:
    assert tokens.read_secret(secret_file(tmp_path, "ctmo_abc\n")) == "ctmo_abc"


@pytest.mark.parametrize("text", ["", "\n", "two words", "söße", "a\x00b", "a\nb"])
def test_what_is_no_secret_is_refused_without_being_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="expected one token") as refused:
        tokens.read_secret(secret_file(tmp_path, text))
    assert not text.strip() or text not in str(refused.value)


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0644") as refused:
        tokens.read_secret(secret_file(tmp_path, "ctmo_abc", 0o644))
    assert "ctmo_abc" not in str(refused.value)


def test_what_systemd_hands_over_may_show_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert tokens.read_secret(secret_file(tmp_path, "ctmo_abc", 0o440)) == "ctmo_abc"

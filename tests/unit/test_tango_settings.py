"""The key ``Tango`` of the configuration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ctmo_indi import config
from ctmo_indi.errors import ConfigError
from ctmo_indi.tango_settings import TangoSettings


def load(tmp_path: Path, text: str) -> config.Config:
    file = tmp_path / "ctmo.conf.yaml"
    file.write_text(text)
    return config.load(file)


def test_without_the_key_it_is_off(tmp_path):
    assert load(tmp_path, "Profile: simulators\n").tango == TangoSettings()
    assert not TangoSettings().is_enabled


def test_the_key_alone_turns_it_on_for_up(tmp_path):
    settings = load(tmp_path, "Tango: {}\n").tango
    assert settings.is_enabled
    assert settings.url("Mount") == "tango://127.0.0.1:8050/ctmo/mount/1#dbase=no"


def test_all_keys(tmp_path):
    text = """
Tango:
  Enabled: false
  Host: 192.168.1.5
  Port: 9000
  Database: tango.example:10000
  Instance: south
  Names: {Dome: site/dome/big}
  Client Token File: /etc/ctmo/tango.token
"""
    settings = load(tmp_path, text).tango
    assert not settings.is_enabled
    assert (settings.host, settings.port, settings.instance) == ("192.168.1.5", 9000, "south")
    assert settings.names["Dome"] == "site/dome/big"
    assert settings.names["Mount"] == "ctmo/mount/1"
    assert settings.url("Dome") == "tango://tango.example:10000/site/dome/big"
    assert settings.token_file == Path("/etc/ctmo/tango.token")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Tango: {Port: 0}\n", "line 1, Tango.Port: came 0"),
        ("Tango: {Prot: 8050}\n", "Tango.Prot: unknown key"),
        ("Tango:\n  Names:\n    Mount: ctmo/mount\n", "line 3, Tango.Names.Mount"),
        ("Tango: {Names: {Rotator: a/b/c}}\n", "Rotator: unknown key"),
        ("Tango: {Database: tango.example}\n", "such as tango.example:10000"),
        ("Tango: {Names: {Mount: a/b/c, Dome: A/B/C}}\n", "expected another than Dome's"),
        ("Tango:\n  Host: 0.0.0.0\n", "line 2, Tango.Host: came 0.0.0.0, which other machines"),
        ("Tango: {Host: 300.1.1.1}\n", "Tango.Host: came"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_key(tmp_path, text, says):
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    assert says in str(refused.value)
    assert "ctmo.conf.yaml" in str(refused.value)


def test_the_files_of_the_how_to_are_taken(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "use-tango.md").read_text("utf-8")
    shown = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    found = [load(tmp_path, each).tango for each in shown]
    assert [(each.port, each.database) for each in found] == [
        (8050, None), (8050, "tango.example:10000"),
    ]  # fmt: skip


def test_a_fleets_file_says_the_same(tmp_path):
    before = load(tmp_path, "Tango: {Port: 9000, Database: 'db:10000', Instance: x}\n")
    after = load(tmp_path, yaml.safe_dump(before.as_file()))
    assert after.tango == before.tango

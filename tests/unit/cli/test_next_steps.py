"""Every refusal says what to do next, and the commands it names exist."""

from __future__ import annotations

import re

import pytest
import yaml
from typer.main import get_command

from ctmo_indi import catalogue, cli, errors
from ctmo_indi.cli import next_steps
from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import ConfigError, CtmoError, ServiceUnreachable

CONTRACT = yaml.safe_load((catalogue.folder("xmlrpc") / "front_desk.yaml").read_text())
OWN = [
    one
    for one in (getattr(errors, name) for name in errors.__all__)
    if one not in (CtmoError, ConfigError, ServiceUnreachable) and one.fault_code != 400
]


# 400: each problem says itself what was expected
@pytest.mark.parametrize("code", [code for code in CONTRACT["faults"] if code != 400])
def test_each_fault_of_the_contract_has_a_next_step(code):
    told = cli._told(DeskFault(code, "why"))
    assert told == ["refused: why", next_steps.NEXT[code]]


@pytest.mark.parametrize("error", OWN, ids=lambda one: one.__name__)
def test_each_error_of_this_process_has_a_next_step(error):
    told = cli._told(error("why"))
    kind = "refused" if issubclass(error, errors.OrderError) else error.__name__
    assert told[0] == f"{kind}: why"
    assert told[1:] == [next_steps.NEXT[error.fault_code]]


def test_an_error_that_says_it_itself_says_it_once():
    told = cli._told(errors.Stopped('stopped; "ctmo-indi release" ends it'))
    assert len(told) == 1


def commands_in(text):
    for found in re.findall(r"ctmo-indi ([a-z][^\"';:.]*)", text):
        yield found.split()


@pytest.mark.parametrize("text", [*next_steps.NEXT.values(), next_steps.CONFIG,
                                  next_steps.NOT_RUNNING])  # fmt: skip
def test_commands_and_options_that_are_named_exist(text):
    for words in commands_in(text):
        group = get_command(cli.app)
        while hasattr(group, "commands"):
            group = group.commands[words.pop(0)]
        known = {option for one in group.params for option in one.opts}
        assert {word for word in words if word.startswith("-")} <= known


def run(capsys, *words):
    code = cli.run(list(words))
    return code, capsys.readouterr().err


def test_a_service_that_is_not_reached(tmp_path, capsys):
    file = tmp_path / "ctmo.conf.yaml"
    file.write_text("Scheduler Address: {Port: 1}\n")
    code, err = run(capsys, "status", "--config", str(file))
    assert code == 3
    assert '"ctmo-indi up" runs all services' in err


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, "no such file"),
        ("Profile: nowhere\n", "no file nowhere.yaml; there are"),
        ("Prophile: simulators\n", "Prophile"),
        (": [", "ctmo.conf.yaml"),
    ],
)
def test_a_configuration_or_profile_that_is_missing_or_wrong(tmp_path, capsys, text, named):
    file = tmp_path / "ctmo.conf.yaml"
    if text is not None:
        file.write_text(text)
    code, err = run(capsys, "check", "--config", str(file))
    assert code == 2
    assert named in err
    assert err.rstrip().endswith(next_steps.CONFIG)


def test_a_code_that_stands_in_the_text_is_not_told():
    told = cli._told(DeskFault(401, "401: wrong name or token"))
    assert told[0] == "refused: wrong name or token"


def test_a_wrong_token_file_is_no_matter_of_the_configuration(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CTMO_TOKEN_FILE", "")  # so that it is put back
    code, err = run(capsys, "--token-file", str(tmp_path / "none"), "status")
    assert code == 2
    assert "the token cannot be read" in err
    assert next_steps.CONFIG not in err


def test_an_order_that_is_refused_here_is_told_as_by_a_desk(tmp_path, capsys):
    code, err = run(capsys, "submit", str(tmp_path / "none.json"))
    assert code == 2
    assert err.startswith(f"refused: {tmp_path / 'none.json'}: No such file or directory; expected")


def test_a_group_without_a_command_shows_its_help_alone(capsys):
    code, err = run(capsys, "token")
    assert code == 2
    assert err.startswith("Usage: ctmo-indi token")
    assert "Try" not in err


def test_a_slip_of_the_finger(capsys):
    _, err = run(capsys, "statsu")
    assert "?." not in err
    assert err.endswith("Try ctmo-indi --help.\n")


@pytest.mark.parametrize(
    ("words", "help_of"),
    [
        (("nosuch",), "ctmo-indi --help"),
        (("status", "--nosuch"), "ctmo-indi status --help"),
        (("token", "add"), "ctmo-indi token add --help"),
    ],
)
def test_wrong_usage_names_the_help(capsys, words, help_of):
    code, err = run(capsys, *words)
    assert code == 2
    assert err.rstrip().endswith(f"Try {help_of}.")

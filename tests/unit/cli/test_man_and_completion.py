"""The manual page is whole and is roff; a shell that asks is answered."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ctmo_indi import cli
from ctmo_indi.cli import man_page
from ctmo_indi.cli import words as offered
from ctmo_indi.cli.completion import VARIABLE, Shell
from ctmo_indi.installer import MAN_PAGE, Layout
from ctmo_indi.models.states import OrderState
from ctmo_indi.work_orders.model import ControlCommand, SchedulerCommand


def leaves(group, words=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*words, name))
        elif not command.hidden:
            yield (*words, name), command


def test_the_page_has_every_command_and_option():
    page = man_page.man_page(cli.app).replace(r"\-", "-")
    for words, command in leaves(man_page.get_command(cli.app)):
        begin = page.index(f".SS ctmo-indi {' '.join(words)}\n")
        part = page[begin : page.index("\n.S", begin + 1)]
        for one in command.params:
            if not getattr(one, "hidden", False) and one.opts[0][0] == "-":
                assert all(name in part for name in one.opts), (words, one.opts)


def test_the_page_is_roff_without_a_warning(tmp_path):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    page = tmp_path / "page.1"
    page.write_text(man_page.man_page(cli.app), "utf-8")
    told = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(page)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert told.stderr == ""


@pytest.mark.parametrize(
    ("text", "roff"), [(".so x", r"\&.so x"), ("'tis", r"\&'tis"), (r"a\b-c", r"a\eb\-c")]
)
def test_no_help_text_becomes_a_request(text, roff):
    assert man_page._roff(text) == roff


def test_it_is_installed_where_man_looks_for_commands_of_bindir():
    layout = Layout(Path("/opt/x"), Path("/usr/local/bin"), "systemd", None)
    place = Path("/usr/local/share/man/man1/ctmo-indi.1")
    assert layout.texts()[place] == MAN_PAGE.read_text("utf-8")
    assert place not in layout.units()


@pytest.mark.parametrize("shell", Shell)
def test_the_script_of_a_shell(shell, capsys):
    assert cli.run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "ctmo-indi" in script
    assert VARIABLE in script
    if shutil.which(shell):
        subprocess.run([shell, "-n", "/dev/stdin"], input=script, text=True, check=True, timeout=20)


def test_an_unknown_shell_is_refused_with_those_there_are(monkeypatch, capsys):
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert cli.run(["completion"]) == 2
    assert "expected bash, zsh, fish" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ctmo-indi prev", set()),
        ("ctmo-indi pre", {"prediction", "preprocess"}),
        ("ctmo-indi token re", {"revoke"}),
        ("ctmo-indi status --js", {"--json"}),
        ("ctmo-indi scheduler re", {"resume", "reschedule", "removeBlock"}),
        ("ctmo-indi token add x --role op", {"operate"}),
        ("ctmo-indi control ab", {"abort"}),
        ("ctmo-indi dome az", {"azimuth"}),
        ("ctmo-indi lock ma", {"maintenance"}),
        ("ctmo-indi status --state COMP", {"COMPLETED"}),
        ("ctmo-indi events --service sa", {"safety"}),
        ("ctmo-indi serve ta", {"tango"}),
        ("ctmo-indi units --system la", {"launchd"}),
    ],
)
def test_bash_is_answered(line, expected):
    typed = line.split()
    told = subprocess.run(
        [sys.executable, "-m", "ctmo_indi"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(cli.__file__).parents[2]),
             VARIABLE: "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(typed) - 1)},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert set(told.stdout.split()) == expected, told.stderr


def test_the_words_are_those_of_the_contract():
    assert {*offered.SCHEDULER_COMMANDS} - {one.value for one in SchedulerCommand} <= {
        "exitControl"
    }
    assert {*offered.CONTROL_COMMANDS} <= {one.value for one in ControlCommand}
    assert offered.ORDER_STATES == tuple(one.value for one in OrderState)


def test_a_real_bash_completes_by_the_script(tmp_path):
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    program = tmp_path / "ctmo-indi"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ctmo_indi "$@"\n')
    program.chmod(0o755)
    steps = """
    eval "$(ctmo-indi completion bash)"
    COMP_WORDS=(ctmo-indi scheduler res) COMP_CWORD=2
    $(complete -p ctmo-indi | sed 's/.*-F \\([^ ]*\\).*/\\1/') ctmo-indi res scheduler
    echo "${COMPREPLY[@]}"
    """
    told = subprocess.run(
        ["bash", "--norc", "-c", steps],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": str(Path(cli.__file__).parents[2])},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert sorted(told.stdout.split()) == ["reschedule", "resume"], told.stderr

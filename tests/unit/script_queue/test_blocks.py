"""Observing blocks: files, validity, rendering."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.errors import BadOrder, ConfigError, UnknownOrder
from ctmo_indi.script_queue.block_files import Block, BlockConstraints, BlockScript, read_blocks
from ctmo_indi.script_queue.block_library import BlockLibrary
from ctmo_indi.script_queue.registry import ScriptRegistry
from ctmo_indi.script_queue.substitution import TARGET_VALUES

REGISTRY = ScriptRegistry.load()


class Folder:
    """A site's blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    def load(self) -> BlockLibrary:
        return BlockLibrary.load(self.path, REGISTRY)

    def refusal(self) -> str:
        with pytest.raises(ConfigError) as caught:
            self.load()
        return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


WAIT = """
    name: wait
    program: BLOCK-123
    configuration_schema:
      type: object
      properties:
        pause_s: {type: number, minimum: 0, default: 5}
        why: {type: string}
      required: [why]
    scripts:
      - name: sleep
        parameters: {duration_s: $pause_s}
      - name: control
        parameters: {command: abort, reason: "stop: $why at $$5"}
    """


def test_shipped_blocks_are_valid() -> None:
    library = BlockLibrary.load(None, REGISTRY)
    assert library.valid_names == ("calibrations", "focus-observe", "observe")
    assert [library.needs_target(name) for name in library.valid_names] == [True] * 3


def test_a_folder_is_searched_recursively_and_wins_over_the_shipped_blocks(folder: Folder) -> None:
    folder.write("deep/er/wait.yaml", WAIT)
    folder.write(
        "mine.yaml", "name: observe\nscripts: [{name: sleep, parameters: {duration_s: 1}}]"
    )
    library = folder.load()
    assert [block.name for block in library.blocks] == [
        "calibrations",
        "focus-observe",
        "observe",
        "wait",
    ]
    assert library.get("observe").file == folder.path / "mine.yaml"
    assert library.get("BLOCK-123") is library.get("wait")


def test_one_unreadable_file_refuses_them_all_with_its_path_and_line(folder: Folder) -> None:
    good = folder.write("wait.yaml", WAIT)
    bad = folder.write("sub/bad.yaml", "name: bad\nscripts: [\n  - oops: {\n")
    worse = folder.write("worse.yaml", "name: worse\nscript: []\n")
    said = folder.refusal()
    assert str(good) not in said
    assert f"{bad}, line " in said
    assert f"{worse}, line 2, script: unknown key (did you mean 'scripts'?)" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scripts: [{name: sleep}]", "the key 'name' is missing"),
        ("name: a b\nscripts: [{name: sleep}]", "line 1, name"),
        ("name: a\nscripts: []", "line 2, scripts"),
        ("name: a\nscripts: [{name: sleep, param: {}}]", "param: unknown key"),
        ("name: a\nconstraints: {min_altitude: 3}\nscripts: [{name: sleep}]", "min_altitude"),
        (
            "name: a\nconfiguration_schema: {properties: {x: {type: nmber}}}\n"
            "scripts: [{name: sleep}]",
            "expected a JSON Schema",
        ),
        (
            "name: a\nconfiguration_schema:\n  properties:\n    ra: {type: number}\n"
            "scripts: [{name: sleep}]",
            "line 4, configuration_schema.properties.ra: a target gives a value to this name",
        ),
        ("name: a\nname: b\nscripts: [{name: sleep}]", "line 2, name"),
    ],
)
def test_what_is_no_block_is_refused(folder: Folder, text: str, says: str) -> None:
    folder.write("a.yaml", text)
    assert says in folder.refusal()


def test_a_name_stands_for_one_block_only(folder: Folder) -> None:
    first = folder.write("a.yaml", WAIT)
    second = folder.write("b.yaml", WAIT.replace("name: wait", "name: other"))
    said = folder.refusal()
    assert "'BLOCK-123' again" in said
    assert str(first) in said
    assert str(second) in said


def test_a_missing_folder_is_refused(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        BlockLibrary.load(folder.path / "nowhere", REGISTRY)


def test_a_block_is_valid_only_if_every_script_is(folder: Folder) -> None:
    folder.write(
        "a.yaml",
        """
        name: a
        scripts:
          - name: sleep
            parameters: {duration_s: 1}
          - name: dance
          - name: sleep
            parameters: {duration_s: -1}
          - name: sleep
            standard: false
            parameters: {duration_s: 1}
          - name: control
            parameters: {command: focus, position: $speed}
          - name: sleep
            parameters: {duration_s: 1}
        """,
    )
    library = folder.load()
    assert "a" not in library.valid_names
    problems = library.invalid("a")
    assert set(problems) == {"2 dance", "3 sleep", "4 sleep", "5 control"}
    assert "came -1" in problems["3 sleep"][0]
    assert "no external script" in problems["4 sleep"][0]
    assert "unknown $speed" in problems["5 control"][0]


def test_an_override_is_checked_against_the_blocks_own_schema(folder: Folder) -> None:
    folder.write("wait.yaml", WAIT)
    library = folder.load()
    assert library.valid_names[-1] == "wait", "examples stand in for what has no default"
    assert library.validate("wait", {"why": "x"}, for_target=False) == {}
    problems = library.validate("wait", {"pause_s": -3, "paus": 1}, for_target=False)
    said = "\n".join(problems["configuration"])
    assert "did you mean 'pause_s'" in said
    assert "'why' is missing" in said
    assert "came -3" in said
    with pytest.raises(UnknownOrder, match="did you mean 'wait'"):
        library.validate("wat")


def test_rendering_puts_defaults_overrides_and_values_in(folder: Folder) -> None:
    folder.write("wait.yaml", WAIT)
    library = folder.load()
    scripts = library.render("wait", {}, {"why": "dew"})
    assert [(script.kind.name, dict(script.parameters)) for script in scripts] == [
        ("sleep", {"duration_s": 5}),
        ("control", {"command": "abort", "reason": "stop: dew at $5"}),
    ]
    (sleep, _) = library.render("BLOCK-123", {}, {"why": "dew", "pause_s": 7})
    assert sleep.parameters["duration_s"] == 7


def test_rendering_names_everything_that_is_wrong(folder: Folder) -> None:
    library = BlockLibrary.load(None, REGISTRY)
    with pytest.raises(BadOrder) as caught:
        library.render("focus-observe", {"alt": 12.0}, {"settle_s": "x", "speed": 1})
    said = str(caught.value)
    for words in (
        "configuration: speed: unknown key",
        "configuration: settle_s: came 'x'",
        "1 control: unknown $name, only a target gives it a value",
        "2 sleep: duration_s: came 'x'",
    ):
        assert words in said


def test_a_target_lends_its_values_and_one_without_filter_is_told(folder: Folder) -> None:
    library = BlockLibrary.load(None, REGISTRY)
    focus, _, observe = library.render("focus-observe", TARGET_VALUES)
    assert focus.parameters["reason"] == "focus of M 42 in V"
    assert observe.kind.needs_attempt
    values = {**TARGET_VALUES, "filter_name": None}
    with pytest.raises(BadOrder, match=r"filter_name \(no value now\)"):
        library.render("focus-observe", values)


def test_the_limits_of_a_block_are_looked_at(folder: Folder) -> None:
    folder.write(
        "high.yaml",
        """
        name: high
        constraints: {max_airmass: 1.5, min_altitude_deg: 40}
        scripts: [{name: observe}]
        """,
    )
    library = folder.load()
    assert library.outside("high", {"alt": 50.0}) == ()
    assert library.outside("high", {"alt": None}) == ()
    altitude, airmass = library.outside("high", {"alt": 30.0})
    assert altitude == "the target's altitude is 30.0 deg, expected >= 40 deg"
    assert airmass == "the target's airmass is 1.99, expected <= 1.5"  # sec z: 2.00


def test_a_changed_file_has_another_hash(folder: Folder) -> None:
    file = folder.write("wait.yaml", WAIT)
    before = folder.load().get("wait").uid
    file.write_text(file.read_text().replace("default: 5", "default: 6"))
    assert folder.load().get("wait").uid != before


def block(*scripts: tuple[str, dict[str, Any]], schema: dict[str, Any]) -> Block:
    made = tuple(BlockScript(name, True, parameters) for name, parameters in scripts)
    return Block("b", "b", "", BlockConstraints(), schema, made, "", "", Path("b.yaml"))


@given(st.lists(st.sampled_from(["sleep", "bad"]), min_size=1, max_size=6))
def test_validity_is_that_of_all_steps_wherever_the_bad_one_stands(kinds: list[str]) -> None:
    durations = {"sleep": 1.0, "bad": -1.0}
    steps = [("sleep", {"duration_s": durations[kind]}) for kind in kinds]
    library = BlockLibrary({"b": block(*steps, schema={"type": "object"})}, REGISTRY)
    assert bool(library.valid_names) is ("bad" not in kinds)
    assert len(library.invalid("b")) == kinds.count("bad")


def test_files_that_are_no_yaml_are_left_alone(folder: Folder) -> None:
    folder.write("README.md", "no block")
    folder.write("wait.yaml", WAIT)
    assert set(read_blocks([folder.path])) == {"wait", "BLOCK-123"}

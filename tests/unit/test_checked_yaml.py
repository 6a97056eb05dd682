"""Strict reading of the site's YAML files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ctmo_indi import catalogue, checked_yaml, yaml_nodes
from ctmo_indi.checked_yaml import dotted, load_checked, nearest, read
from ctmo_indi.errors import ConfigError

with_libyaml = pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML without libyaml")


@pytest.fixture(params=["with libyaml", "PyYAML alone"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here is of both: what is read and said does not depend on the machine."""
    if request.param == "PyYAML alone":
        monkeypatch.setattr(checked_yaml, "compose", yaml_nodes.compose_slowly)


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("12:30", "12:30"),
        ("2019-03-05", "2019-03-05"),
        ("010", 10),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("~", None),
        ('"1"', "1"),
    ],
)
def test_plain_words_follow_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    data, _ = read(_written(tmp_path, f"key: {text}\n"))
    assert data["key"] == value
    assert type(data["key"]) is type(value)


def test_keys_are_always_text(tmp_path: Path) -> None:
    data, lines = read(_written(tmp_path, "switch:\n  on: A\n  1: B\n"))
    assert data == {"switch": {"on": "A", "1": "B"}}
    assert lines.line(("switch", "1")) == 3
    assert lines.line(("switch", "none such", 4)) == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "line 1 already"),
        ("a: !!python/object/apply:os.system [x]\n", 1, "the tag"),
        ("a: 1\nb: .nan\n", 2, "finite"),
        ("a: 1\nb: -.inf\n", 2, "finite"),
        ("a: 1\nb: 1e999\n", 2, "finite"),
        ("a: [1, 2\nb: 3\n", 2, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "not YAML"),
        ("- a\n- b\n", 1, "expected keys"),
        ("a: &x [*x]\n", 1, "contains itself"),
        ("? [a, b]\n: 1\n", 1, "not text"),
        (f"a: 1\nb: {'9' * 5000}\n", 2, "5000 digits"),
        ("a:\n  " + "[" * 60 + "]" * 60 + "\n", 2, "levels"),
        (
            "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)),
            1,
            "aliases that repeat",
        ),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        read(path)
    assert f"{path}, line {line}" in str(raised.value)
    assert words in str(raised.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        read(path)


def test_nesting_that_yaml_itself_cannot_follow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        read(_written(tmp_path, "[" * 5000 + "]" * 5000))


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than"):
        read(_written(tmp_path, "# much\n" * 600_000))


def test_an_alias_may_repeat_what_stands_above(tmp_path: Path) -> None:
    data, _ = read(_written(tmp_path, "a: &x {b: [1, 2]}\nc: [*x, *x]\n"))
    assert data["c"] == [{"b": [1, 2]}] * 2


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    data, _ = load_checked(_written(tmp_path, "# nothing\n"), {"type": "object"})
    assert data == {}


def test_every_problem_is_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = _written(tmp_path, "size: big\nlist: [1, two]\ncolour: mauve\ndeep: {colr: 1}\n")
    schema = {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "description": "for people"},
            "size": {"$ref": "#/$defs/size"},
            "list": {"type": "array", "items": {"type": "number"}},
            "colour": {"enum": ["red", "green"]},
            "deep": {"additionalProperties": False, "properties": {"colour": {}}},
        },
        "$defs": {"size": {"type": "number", "minimum": 0, "description": "metres"}},
    }
    with pytest.raises(ConfigError) as raised:
        load_checked(path, schema)
    assert raised.value.problems == (
        f"{path}, line 1: the key 'name' is missing, expected text (for people)",
        f"{path}, line 1, size: came 'big', expected a number >= 0 (metres)",
        f"{path}, line 2, list[1]: came 'two', expected a number",
        f"{path}, line 3, colour: came 'mauve', expected one of red, green",
        f"{path}, line 4, deep.colr: unknown key (did you mean 'colour'?), expected one of colour",
    )
    assert raised.value.exit_code == 2


def test_of_very_many_problems_the_text_has_the_first_ones(tmp_path: Path) -> None:
    path = _written(tmp_path, "".join(f"k{number}: 1\n" for number in range(1000)))
    with pytest.raises(ConfigError) as raised:
        load_checked(path, {"type": "object", "properties": {}, "additionalProperties": False})
    assert len(raised.value.problems) == 1000
    assert str(raised.value).endswith("and 970 more")


def test_key_paths_are_written_as_humans_do() -> None:
    assert dotted(("limits", "mask", 2, "az")) == "limits.mask[2].az"


def test_the_nearest_name_is_offered_whatever_its_case() -> None:
    assert nearest("SCHEDULER Adress", ["Scheduler Address", "Profile"]) == (
        " (did you mean 'Scheduler Address'?)"
    )
    assert nearest("xyz", ["Profile"]) == ""


def _seen(node: yaml.Node | None) -> object:
    """Values, tags and lines of a tree."""
    if node is None:
        return None
    here = node.tag, node.start_mark.line
    if isinstance(node, yaml.ScalarNode):
        style = node.style if node.style in ("'", '"', "|", ">") else ""
        return *here, node.value, style
    children = [_seen(one) for entry in node.value for one in _both(entry)]
    return *here, children


def _both(entry: object) -> tuple[yaml.Node, ...]:
    return entry if isinstance(entry, tuple) else (entry,)  # type: ignore[return-value]  # a node


@with_libyaml
@pytest.mark.parametrize("kind", ["profiles", "devices"])
def test_libyaml_sees_every_file_of_ours_as_pyyaml_does(kind: catalogue.Kind) -> None:
    files = sorted(catalogue.folder(kind).rglob("*.yaml"))
    assert len(files) > 3
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert _seen(yaml_nodes.compose(text)) == _seen(yaml_nodes.compose_slowly(text)), file


@with_libyaml
@pytest.mark.parametrize(
    "text",
    ["a: [1, 2\nb: 3\n", "a: 1\n b: 2\n", "a: 'x\n", "a: *x\n", "a: \x07\n", "a: 1\t\n", "{a?b: 1}",
     "a: >#b\n", "a: &x 1\nb: &x 2\nc: %d\n", "a: b: c\n", "- a\nb: 1\n", "a: |2x\n  y\n"],
)  # fmt: skip
def test_what_is_no_yaml_is_refused_in_the_same_words(text: str) -> None:
    said = []
    for compose in (yaml_nodes.compose, yaml_nodes.compose_slowly):
        with pytest.raises(yaml.YAMLError) as raised:
            compose(text)
        said.append(str(raised.value))
    assert said[0] == said[1]


@with_libyaml
def test_brackets_without_end_do_not_end_the_process(tmp_path: Path) -> None:
    path = _written(tmp_path, "a: " + "[" * 1_000_000)
    with pytest.raises(ConfigError, match="nested too deeply"):
        read(path)


@with_libyaml
def test_a_long_list_is_read_by_libyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_text: str) -> None:
        raise AssertionError("it was given to PyYAML alone")

    monkeypatch.setattr(yaml_nodes, "compose_slowly", refuse)
    monkeypatch.setattr(checked_yaml, "compose", yaml_nodes.compose)
    entry = "  - {name: field-%d, ra_deg: %.2f, programs: [survey, deep]}\n"
    text = "targets:\n" + "".join(entry % (n, n * 0.37 % 360) for n in range(500))
    data, lines = read(_written(tmp_path, text))
    assert data["targets"][499]["ra_deg"] == pytest.approx(184.63)
    assert lines.line(("targets", 499, "ra_deg")) == 501

"""The wire contract of xmlrpc/: its examples are replayed, its tables compared with the program."""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
from jsonschema import Draft202012Validator

from ctmo_indi import catalogue, errors
from ctmo_indi.front_desk.exchange import METHOD, PATHS
from ctmo_indi.front_desk.faults import CallFault
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.testing.desks import FakeDesk, reply_faults, serving, wire_contract
from ctmo_indi.work_orders.model import (
    ControlCommand,
    OrderKind,
    SchedulerCommand,
    ScriptQueueCommand,
)
from ctmo_indi.work_orders.permissions import ROLE_FOR, ROLE_FOR_COMMAND
from ctmo_indi.work_orders.schemas import FILES, load_schemas

XMLRPC = catalogue.folder("xmlrpc")
EXAMPLES = sorted((XMLRPC / "examples").glob("*.json"))


@pytest.fixture(scope="module")
def desks() -> Iterator[dict[str, str]]:
    """Address of a recording desk for each service."""
    fakes = [FakeDesk(service) for service in wire_contract()["services"]]
    with serving(*fakes) as addresses:
        yield {fake.service: url for fake, url in zip(fakes, addresses, strict=True)}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_answered_as_it_says(path: Path, desks: dict[str, str]) -> None:
    example = json.loads(path.read_text(encoding="utf-8"))
    with xmlrpc.client.ServerProxy(desks[example["service"]], allow_none=True) as desk:
        if "fault" in example:
            with pytest.raises(xmlrpc.client.Fault) as refused:
                desk.front_desk(example["order"])
            assert refused.value.faultCode == example["fault"]["code"]
            named = {part.split(": ")[0] for part in refused.value.faultString.split("; ")}
            assert named >= set(example["fault"]["names"])
            return
        reply: Any = desk.front_desk(example["order"])
    for key, value in example["reply"].items():
        if isinstance(value, float):
            assert math.isclose(reply[key], value, rel_tol=1e-12)
        else:
            assert reply[key] == value
    assert reply_faults(reply["Kind"], reply) == []


def test_every_kind_of_order_has_an_example() -> None:
    kinds = set()
    for path in EXAMPLES:
        example = json.loads(path.read_text(encoding="utf-8"))
        if example.get("fault", {}).get("code", 405) == 405:
            kinds.add(example["order"].get("WOType", example["order"].get("Request")))
    assert kinds == {kind.value for kind in OrderKind}


def _registry() -> referencing.Registry[Any]:
    registry: referencing.Registry[Any] = referencing.Registry()
    for path in (XMLRPC / "work_orders").glob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        registry = registry.with_resource(
            document["$id"], referencing.Resource.from_contents(document)
        )
    return registry


@pytest.mark.parametrize("kind", list(OrderKind))
def test_schema_is_valid_json_schema(kind: OrderKind) -> None:
    Draft202012Validator.check_schema(load_schemas(XMLRPC / "work_orders")[kind])


def test_published_schemas_accept_the_accepted_examples() -> None:
    """The files as they stand, with the reference library: what another program would use."""
    registry = _registry()
    for path in EXAMPLES:
        example = json.loads(path.read_text(encoding="utf-8"))
        if "fault" in example and example["fault"]["code"] != 405:
            continue
        kind = OrderKind(example["order"].get("WOType", example["order"].get("Request")))
        schema = json.loads((XMLRPC / "work_orders" / FILES[kind]).read_text(encoding="utf-8"))
        validator = jsonschema.Draft202012Validator(schema, registry=registry)
        assert list(validator.iter_errors(example["order"])) == [], path.name


def test_every_number_of_an_order_has_a_unit_or_is_a_count() -> None:
    counts = {"Number of Exposures", "Limit", "Since", "Cursor", "Priority", "Max Airmass", "ID"}
    counts |= {"Index", "At Index"}
    for kind, schema in load_schemas(XMLRPC / "work_orders").items():
        constraints = schema["properties"].get("Constraints", {}).get("properties", {})
        for key, value in (schema["properties"] | constraints).items():
            types = value.get("type", [])
            if {"number", "integer"} & set([types] if isinstance(types, str) else types):
                assert "x-unit" in value or key in counts, f"{kind}: {key}"


def test_fault_codes_are_those_of_the_error_tree() -> None:
    listed = {
        name: code for code, fault in wire_contract()["faults"].items() for name in fault["errors"]
    }
    tree = {
        name: error.fault_code
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.CtmoError)
    }
    assert listed == tree


def test_call_fault_codes_are_listed() -> None:
    listed = {fault["name"]: code for code, fault in wire_contract()["call_faults"].items()}
    assert listed == {fault.name: fault.value for fault in CallFault}


def test_front_desk_yaml_says_what_the_program_does() -> None:
    contract = wire_contract()
    assert contract["method"] == METHOD
    assert set(contract["paths"]) == PATHS
    roles = {kind: name for name, kinds in contract["roles"].items() for kind in kinds}
    assert roles == {kind.value: role.name.lower() for kind, role in ROLE_FOR.items()}
    commands = {
        kind: {command: name for name, commands in by_role.items() for command in commands}
        for kind, by_role in contract["command_roles"].items()
    }
    assert commands == {
        kind.value: {command: role.name.lower() for command, role in by_command.items()}
        for kind, by_command in ROLE_FOR_COMMAND.items()
    }
    limits = Limits()
    assert [entry["value"] for entry in contract["limits"].values()] == [
        limits.body_bytes,
        limits.depth,
        limits.members,
        limits.values,
        limits.connections,
        limits.connections_per_address,
        limits.headers_s,
        limits.body_s,
        limits.idle_s,
        60,
    ]


def test_commands_of_the_schemas_are_those_of_the_program() -> None:
    schemas = load_schemas(XMLRPC / "work_orders")
    control = schemas[OrderKind.CONTROL]["properties"]["Command"]["enum"]
    scheduler = schemas[OrderKind.SCHEDULER]["properties"]["Command"]["enum"]
    assert set(control) == set(ControlCommand)
    queue = schemas[OrderKind.SCRIPT_QUEUE]["properties"]["Command"]["enum"]
    assert set(scheduler) == set(SchedulerCommand) | {"exit"}
    assert set(queue) == set(ScriptQueueCommand)


@pytest.mark.parametrize("kind", [OrderKind.SCHEDULER, OrderKind.SCRIPT_QUEUE])
def test_every_command_has_an_example(kind: OrderKind) -> None:
    """A command may be refused for its state; its form is shown all the same."""
    examples = [json.loads(path.read_text(encoding="utf-8")) for path in EXAMPLES]
    shown = {
        example["order"]["Command"]
        for example in examples
        if example["order"].get("WOType") == kind.value and "reply" in example
    }
    schema = load_schemas(XMLRPC / "work_orders")[kind]
    assert shown == set(schema["properties"]["Command"]["enum"])


@pytest.mark.parametrize("kind", [OrderKind.SCHEDULER, OrderKind.SCRIPT_QUEUE])
def test_readme_tells_of_every_command_and_its_keys(kind: OrderKind) -> None:
    text = (XMLRPC / "README.md").read_text(encoding="utf-8")
    part = text.partition(f"`WOType: {kind.value}`")[2].partition("`WOType:")[0]
    properties = load_schemas(XMLRPC / "work_orders")[kind]["properties"]
    names = {*properties["Command"]["enum"], *properties}
    names -= {"WOType", "ID", "Priority", "Datetime", "User", "Command", "Reason"}
    assert [name for name in sorted(names) if f"`{name}`" not in part] == []


def test_python_example_client_submits(desks: dict[str, str], tmp_path: Path) -> None:
    result = subprocess.run(
        [
            sys.executable,
            str(XMLRPC / "examples" / "submit.py"),
            str(XMLRPC / "examples" / "observation_ctmo_2019.json"),
            desks["scheduler"],
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["Message"].startswith("Work order received.")


def test_shell_example_client_submits(desks: dict[str, str]) -> None:
    result = subprocess.run(
        ["/bin/sh", str(XMLRPC / "examples" / "submit.sh"), desks["scheduler"]],
        capture_output=True,
        timeout=60,
        check=False,
    )
    if result.returncode == 127:
        pytest.skip("curl is not installed")
    assert result.returncode == 0, result.stderr
    reply: Any = xmlrpc.client.loads(result.stdout)[0][0]
    assert reply["RA"] == 23.1


def test_the_2019_client_works_unchanged(desks: dict[str, str]) -> None:
    """A plain ServerProxy with default settings, twice on one connection."""
    example = json.loads((XMLRPC / "examples" / "observation_ctmo_2019.json").read_text())
    proxy = xmlrpc.client.ServerProxy(desks["scheduler"].replace("127.0.0.1", "localhost") + "/")
    with proxy:
        for _ in range(2):
            reply: Any = proxy.front_desk(example["order"])
            assert reply["Message"].startswith("Work order received.")


def test_readme_example_runs(desks: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    text = (XMLRPC / "README.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code.replace("http://localhost:8000", desks["scheduler"]), names)
    names["desk"]("close")()
    assert capsys.readouterr().out.startswith("Work order received.")

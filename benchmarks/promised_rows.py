"""The rows of a table of promises: measured, must, stretch, verdict; for every ``bench_*.py``."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

MISSED = "missed"
NOT_BUILT = "not built"
LEFT_OUT = "left out"
HEADS = ("what", "must", "stretch", "measured", "verdict", "how")


def verdict(
    value: float, must: float | None, stretch: float | None = None, *, is_more: bool = False
) -> str:
    """Return what was reached; "" where nothing must be.

    Parameters
    ----------
    value
        NaN reaches nothing.
    is_more
        Whether more is better.
    """

    def holds(bound: float) -> bool:
        return value >= bound if is_more else value <= bound

    if must is None:
        return ""
    if not holds(must):
        return MISSED
    return "reached stretch" if stretch is not None and holds(stretch) else "reached"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    value
        NaN when there is none: the part is not built, left out, or failed; ``detail`` says which.
    must, stretch
        None: there is none; without a must it is told only.
    is_more
        Whether more is better.
    flaw
        Why it is missed whatever the figure; "": nothing is wrong with what was measured.
    """

    what: str
    value: float
    unit: str
    must: float | None
    stretch: float | None
    detail: str
    is_more: bool = False
    flaw: str = ""

    def verdict(self) -> str:
        """Return what was reached."""
        if math.isnan(self.value):
            known = (NOT_BUILT, LEFT_OUT)
            return next((one for one in known if self.detail.startswith(one)), MISSED)
        if self.must is not None and self.flaw:
            return f"{MISSED}: {self.flaw}"
        return verdict(self.value, self.must, self.stretch, is_more=self.is_more)

    def cells(self) -> tuple[str, ...]:
        """Return the text of the row, in the order of ``HEADS``."""
        sign = ">=" if self.is_more else "<="
        bounds = ("" if one is None else f"{sign} {one:g}" for one in (self.must, self.stretch))
        measured = "" if math.isnan(self.value) else f"{self.value:.4g} {self.unit}".strip()
        return (self.what, *bounds, measured, self.verdict(), self.detail)


def show(lines: Sequence[Sequence[str]]) -> None:
    """Print lines as columns; the last one is not filled up."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=False))
        print("  ".join((*cells, line[-1])).rstrip())


def show_rows(rows: Iterable[Row]) -> None:
    """Print the table."""
    show([HEADS, *(row.cells() for row in rows)])


def missed(rows: Iterable[Row]) -> list[str]:
    """Return what was missed."""
    return [row.what.strip() for row in rows if row.verdict().startswith(MISSED)]


def machine(packages: Iterable[str]) -> str:
    """Say what it is measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{os.cpu_count()} processors, Python {platform.python_version()}, {versions}"


def load() -> str:
    """Return the load averages of 1, 5 and 15 minutes."""
    return " ".join(f"{one:.2f}" for one in os.getloadavg())

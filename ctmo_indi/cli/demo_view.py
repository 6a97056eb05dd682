"""What the demo shows while it runs: a live table on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ctmo_indi.simulator.rehearsal import Night

_NOTICES_SHOWN = 6
_STATE_STYLES = {
    "COMPLETED": "green",
    "IN_PROGRESS": "bold cyan",
    "SCHEDULED": "cyan",
    "FAILURE_LIMIT_REACHED": "red",
    "WINDOW_EXPIRED": "yellow",
    "CANCELED": "yellow",
}


class TextNotices:
    """Lines to the people; kept, so that the live view can show the last ones."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.is_live = False
        self.lines: deque[str] = deque(maxlen=_NOTICES_SHOWN)

    def say(self, text: str) -> None:
        """Show one line now, or with the next picture of the live view."""
        self.lines.append(text)
        if not self.quiet and not self.is_live:
            typer.echo(text, err=True)


class NightView:
    """Progress of the night. A context manager; ``show`` redraws."""

    def __init__(self, notices: TextNotices, night: Night, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        self._notices = notices
        self._night = night
        self._quiet = quiet
        self._last_line = ""
        self._live = (
            Live(console=Console(stderr=True), refresh_per_second=4, transient=True)
            if sys.stderr.isatty() and not quiet
            else None
        )

    def __enter__(self) -> NightView:
        if self._live is not None:
            self._notices.is_live = True
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._notices.is_live = False

    def notice(self, text: str) -> None:
        """Show one line."""
        self._notices.say(text)

    def show(
        self,
        utc: datetime,
        orders: Mapping[str, object],
        scheduler: Mapping[str, object],
        telescope: Mapping[str, object],
    ) -> None:
        """Draw the present state from the replies of the desks."""
        if self._quiet:
            return
        if self._live is not None:
            self._live.update(self._picture(utc, orders, scheduler, telescope))
            return
        line = self._line(orders, scheduler, telescope)
        if line != self._last_line:  # a log gets a line when something changed
            self._last_line = line
            typer.echo(f"{utc:%H:%M:%S} {self._percent(utc):3.0f}%  {line}", err=True)

    def _percent(self, utc: datetime) -> float:
        whole_s = (self._night.end_utc - self._night.start_utc).total_seconds()
        return min(100.0, 100.0 * (utc - self._night.start_utc).total_seconds() / whole_s)

    def _line(
        self,
        orders: Mapping[str, object],
        scheduler: Mapping[str, object],
        telescope: Mapping[str, object],
    ) -> str:
        rows = _rows(orders)
        done = sum(row.get("Status") == "COMPLETED" for row in rows)
        frames = sum(int(str(row.get("Good Exposures", 0))) for row in rows)
        return (
            f"{_state_of(telescope):8} {scheduler.get('Detailed State', '')!s:8} "
            f"orders {done}/{len(rows)}  frames {frames}  {_activity(scheduler, telescope)}"
        ).rstrip()

    def _picture(
        self,
        utc: datetime,
        orders: Mapping[str, object],
        scheduler: Mapping[str, object],
        telescope: Mapping[str, object],
    ) -> RenderableType:
        from rich import box
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        head = Text(
            f"{utc:%Y-%m-%d %H:%M:%S} UTC   observatory {_state_of(telescope)}   scheduler "
            f"{scheduler.get('Status', '')} {scheduler.get('Detailed State', '')}   "
            f"\n{_activity(scheduler, telescope)}"
        )
        table = Table("Order", "Object", "Filter", "Priority", "Status", "Frames", box=box.SIMPLE)
        for row in _rows(orders):
            state = str(row.get("Status", ""))
            table.add_row(
                str(row.get("ID", "")),
                str(row.get("Object", "")),
                str(row.get("Filter", "")),
                str(row.get("Priority", "")),
                Text(state, style=_STATE_STYLES.get(state, "")),
                f"{row.get('Good Exposures', 0)}/{row.get('Number of Exposures', '')}",
            )
        bar = ProgressBar(total=100.0, completed=self._percent(utc), width=60)
        notices = Text("\n".join(self._notices.lines), style="dim")
        return Group(head, bar, table, notices)


def _rows(orders: Mapping[str, object]) -> list[Mapping[str, object]]:
    rows = orders.get("Orders")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _activity(scheduler: Mapping[str, object], telescope: Mapping[str, object]) -> str:
    """Say what the telescope does, else why the scheduler asks nothing of it."""
    current = telescope.get("Current")
    if isinstance(current, Mapping) and current.get("Step"):
        return str(current["Step"])
    if telescope.get("Busy"):
        return str(telescope["Busy"])
    upcoming = scheduler.get("Next Target")
    if isinstance(upcoming, Mapping) and upcoming.get("UTC"):
        return f"next target at {str(upcoming['UTC'])[11:16]} UTC"
    reasons = scheduler.get("Reasons")
    return str(reasons[0]) if isinstance(reasons, list) and reasons else ""


def _state_of(telescope: Mapping[str, object]) -> str:
    observatory = telescope.get("Observatory")
    if isinstance(observatory, Mapping):
        return str(observatory.get("State", ""))
    return str(observatory or "")

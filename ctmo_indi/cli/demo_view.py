"""What the demo shows while it runs: a live table on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from ctmo_indi.cli.output import structs

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ctmo_indi.simulator.rehearsal import Night

_NOTICES_SHOWN = 6
_LINES_BESIDE_TABLE = 10  # head, bar, the table's own header, one spare
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
    """Progress of the night. A context manager; ``show`` redraws.

    Parameters
    ----------
    speed
        Sky seconds per machine second, for the time that is left.
    receipts
        The orders to show; the data folder may hold those of other nights.
    """

    def __init__(
        self,
        notices: TextNotices,
        night: Night,
        speed: float,
        receipts: Collection[str],
        *,
        quiet: bool,
    ) -> None:
        from rich.console import Console
        from rich.live import Live

        self._notices = notices
        self._night = night
        self._speed = speed
        self._receipts = receipts
        self._quiet = quiet
        self._last_line = ""
        self._console = Console(stderr=True)
        self._live = (
            Live(console=self._console, refresh_per_second=4, transient=True)
            if sys.stderr.isatty() and not quiet
            else None
        )

    def __enter__(self) -> NightView:
        if self._live is not None:
            self._notices.lines.clear()  # those before stand above the picture already
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
        orders = {"Orders": [row for row in _rows(orders) if row["Receipt"] in self._receipts]}
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

    def _outlook(self, utc: datetime) -> str:
        """How much of the night is left, in the machine's time."""
        night = self._night
        text = f"night {self._percent(utc):.0f} %, dusk {night.dusk_utc:%H:%M}, dawn "
        text += f"{night.dawn_utc:%H:%M} UTC"
        left_s = (night.end_utc - utc).total_seconds() / self._speed
        return f"{text}, {left_s / 60:.1f} min left" if left_s > 0.0 else f"{text}, calibrating"

    def _line(
        self,
        orders: Mapping[str, object],
        scheduler: Mapping[str, object],
        telescope: Mapping[str, object],
    ) -> str:
        doing = _activity(orders, scheduler, telescope)
        coming = coming_targets(orders, scheduler)
        if doing and coming:
            doing += f"; then {coming[0]}"
        return f"{_state_of(telescope):8} {_counts(orders)}  {doing}".rstrip()

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
            f"{utc:%H:%M:%S} UTC   observatory {_state_of(telescope)}   scheduler "
            f"{scheduler.get('Status', '')}   {_counts(orders)}"
        )
        activity = Text(_activity(orders, scheduler, telescope), style="bold")
        targets = coming_targets(orders, scheduler)
        coming = Text(f"then {', '.join(targets)}" if targets else " ")
        outlook = Text(self._outlook(utc))
        bar = ProgressBar(total=100.0, completed=self._percent(utc), width=60)
        notices = Text("\n".join(self._notices.lines), style="dim")
        table = Table("Order", "Object", "Filter", "Priority", "Status", "Frames", box=box.SIMPLE)
        rows = _rows(orders)
        room = self._console.height - _LINES_BESIDE_TABLE - len(self._notices.lines)
        shown = rows[: max(3, room)]
        for row in shown:
            state = str(row.get("Status", ""))
            table.add_row(
                str(row.get("ID", "")),
                str(row.get("Object", "")),
                str(row.get("Filter", "")),
                str(row.get("Priority", "")),
                Text(state, style=_STATE_STYLES.get(state, "")),
                f"{row.get('Good Exposures', 0)}/{row.get('Number of Exposures', '')}",
            )
        if len(shown) < len(rows):
            table.add_row(f"and {len(rows) - len(shown)} more")
        return Group(head, activity, coming, outlook, bar, *([notices] if notices else []), table)


def _rows(orders: Mapping[str, object]) -> list[Mapping[str, object]]:
    return structs(orders.get("Orders"))


def _counts(orders: Mapping[str, object]) -> str:
    rows = _rows(orders)
    done = sum(row.get("Status") == "COMPLETED" for row in rows)
    frames = sum(int(str(row.get("Good Exposures", 0))) for row in rows)
    return f"orders {done}/{len(rows)}  frames {frames}"


def _activity(
    orders: Mapping[str, object],
    scheduler: Mapping[str, object],
    telescope: Mapping[str, object],
) -> str:
    """Say what the telescope does, else why the scheduler asks nothing of it."""
    current = telescope.get("Current")
    if isinstance(current, Mapping) and current.get("Step"):
        return str(current["Step"])
    if telescope.get("Busy"):
        return str(telescope["Busy"])
    if scheduler.get("Calibrating"):
        return f"calibrates: {scheduler['Calibrating']}"
    rows = _rows(orders)
    if rows and all(row.get("Status") == "COMPLETED" for row in rows):
        nights = structs(scheduler.get("Nights"))
        is_over = bool(nights) and nights[-1].get("State") != "NOTHING"
        return "the night is over" if is_over else "every order is done; waiting for dawn"
    upcoming = scheduler.get("Next Target")
    if isinstance(upcoming, Mapping) and upcoming.get("UTC"):
        return f"next target at {str(upcoming['UTC'])[11:16]} UTC"
    reasons = scheduler.get("Reasons")
    return str(reasons[0]) if isinstance(reasons, list) and reasons else ""


def coming_targets(orders: Mapping[str, object], scheduler: Mapping[str, object]) -> list[str]:
    """Name what is chosen and has not begun, in order: "M 31 V", "Dark".

    Parameters
    ----------
    orders, scheduler
        Replies of the scheduler's desk to Status: all orders, the service.
    """
    begun = {row.get("Receipt") for row in _rows(orders) if row.get("Status") == "IN_PROGRESS"}
    first, plan = scheduler.get("Next Target"), scheduler.get("Plan")
    waiting = [first] if isinstance(first, Mapping) and first.get("Parent") not in begun else []
    planned = [one for one in plan if one not in waiting] if isinstance(plan, list) else []
    # Without a frame type it is no choice, but a guess at when there will be one.
    return [_target_name(one) for one in (*waiting, *planned) if "Frame Type" in one]


def _target_name(target: Mapping[str, object]) -> str:
    name = str(target.get("Object") or target["Frame Type"])
    return f"{name} {target.get('Filter', '')}".rstrip()


def _state_of(telescope: Mapping[str, object]) -> str:
    observatory = telescope.get("Observatory")
    if isinstance(observatory, Mapping):
        return str(observatory.get("State", ""))
    return str(observatory or "")

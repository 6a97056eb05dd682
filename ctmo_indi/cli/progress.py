"""Tell people how far something is while they wait; programs and files are not told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Told = Callable[[Mapping[str, object]], None]


@contextmanager
def telling_progress(what: str, *, quiet: bool) -> Iterator[Told]:
    """Show a line on the terminal (stderr) until the block ends; nothing elsewhere.

    Parameters
    ----------
    what
        What is waited for.

    Yields
    ------
    Told
        Call it with each Status reply: its Progress follows ``what`` in the line.
    """
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda _reply: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(what)) as line:
        yield lambda reply: line.update(escape(progress_text(what, reply)))


def progress_text(what: str, reply: Mapping[str, object]) -> str:
    """Return the line that is shown after ``reply`` came."""
    progress = str(reply.get("Progress") or "")
    return f"{what}: {progress}" if progress else what


@contextmanager
def showing_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on the terminal (stderr) until the block ends; nothing elsewhere.

    Yields
    ------
    Callable
        Call it with what is done, how many are, and of how many; 0 when that is not known.
    """
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(
            task, description=escape(what), completed=done, total=total or None
        )

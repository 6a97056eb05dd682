"""Messages of the stream, as browsers read them: ``event: NAME`` and ``data: JSON`` lines."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.web.answers import to_json

KEEP_ALIVE = b": still here\n\n"
"""A comment; the page calls itself lost when nothing comes for long."""


def message(name: str, data: Mapping[str, object]) -> bytes:
    """Return one message; ``data`` is one line, since JSON writes line breaks as text."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), to_json(data))

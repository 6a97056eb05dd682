"""Read a report's struct without trust: it may come from a file of an older version. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.scheduler.report.loss_classes import LossClass


def structs(report: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    """Return the structs of an array; none when it is something else."""
    value = report.get(key)
    listed = value if isinstance(value, list | tuple) else []
    return [one for one in listed if isinstance(one, Mapping)]


def texts(report: Mapping[str, object], key: str) -> list[str]:
    """Return the texts of an array."""
    value = report.get(key)
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def number(struct: Mapping[str, object], key: str) -> float:
    """Return a number; 0 when there is none."""
    value = struct.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def seconds_of(report: Mapping[str, object], loss: LossClass) -> float:
    """Return how long a class lasted, seconds."""
    rows = structs(report, "Ledger")
    return next((number(row, "Seconds") for row in rows if row.get("Class") == loss.value), 0.0)


def share_of(report: Mapping[str, object], loss: LossClass) -> float:
    """Return which part of the night a class had, 0 to 1."""
    rows = structs(report, "Ledger")
    return next((number(row, "Share") for row in rows if row.get("Class") == loss.value), 0.0)


def duration(seconds: float) -> str:
    """Return a duration for people: ``7 h 05 min``, ``12 min``, ``40 s``."""
    if seconds < 60.0:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60.0)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def frames_count(report: Mapping[str, object], kind: str) -> int:
    """Return how many frames of a kind there are."""
    rows = structs(report, "Frames")
    return int(sum(number(row, "Frames") for row in rows if row.get("Frame Type") == kind))


def plural(count: float, what: str) -> str:
    """Return ``1 frame``, ``2 frames``."""
    return f"{count:.0f} {what}{'' if count == 1 else 's'}"

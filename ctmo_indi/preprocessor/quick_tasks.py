"""The tasks of the quick look, as ``jobs.py``: picklable in, small out, nothing heavy imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctmo_indi.preprocessor.jobs import Settings

Answer = dict[str, Any]  # Any: small values of the task's own


@dataclass(frozen=True, slots=True)
class QuickJob:
    """Look at one raw frame."""

    path: Path
    settings: Settings


def warm_up() -> None:
    """Import what the first task of a worker would wait for."""
    from ctmo_indi.preprocessor import quick_measure  # noqa: F401 - for its imports


def look_quickly(job: QuickJob) -> Answer:
    """Measure a frame; see ``quick_measure.quick_look``."""
    from ctmo_indi.preprocessor.quick_measure import quick_look

    return quick_look(job.path, job.settings)


def draw(path: Path) -> Answer:
    """Draw a frame; see ``quick_measure.quick_picture``."""
    from ctmo_indi.preprocessor.quick_measure import quick_picture

    return quick_picture(path)

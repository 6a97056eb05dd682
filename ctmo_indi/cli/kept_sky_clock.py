"""Where the fast clock of a data folder stands, so that no simulated night comes twice.

Events, orders and frames of a folder bear sky times. ``up --speed`` begins at the machine's time,
so a second run would set the sky back by what the first was ahead. It goes on from here instead.
"""

from __future__ import annotations

import json
import logging
import math
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ctmo_indi.errors import ConfigError

FILE = Path("run") / "sky_clock.json"
BEAT_S = 1.0
"""Machine seconds between two :func:`keep`."""

_log = logging.getLogger(__name__)


def keep(folder: Path, utc: datetime) -> None:
    """Write the sky time that it is now, never an earlier one; a full disk keeps the last one.

    A run that ends before its fast clock has begun knows the machine's time alone.
    """
    path = folder / FILE
    with suppress(OSError, ValueError, TypeError, KeyError):
        if _read(path) >= utc:
            return
    temporary = path.with_suffix(".new")
    try:
        temporary.write_text(json.dumps({"utc": utc.isoformat()}))
        temporary.replace(path)
    except OSError as error:
        _log.warning("sky_clock_not_kept path=%s error=%s", path, error)


def begin(folder: Path, now: datetime, speed: float) -> datetime | None:
    """Return the sky time at which a run in the folder begins; None: now, the machine's time.

    Parameters
    ----------
    now
        The machine's time.
    speed
        Sky seconds per second of this run.

    Raises
    ------
    ConfigError
        The folder's sky is ahead of real time, and this run is one in real time; or the file that
        says so cannot be read.
    """
    path = folder / FILE
    try:
        kept = _read(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}), expected where the sky clock stands; "
            "take another folder with --data, or remove the file to begin now"
        ) from error
    if kept <= now:
        return None
    if math.isclose(speed, 1.0):
        raise ConfigError(
            f"{folder}: its sky clock ran fast and stands at {kept:%Y-%m-%d %H:%M} UTC, ahead of "
            "real time: go on there with --speed, or take another folder with --data"
        )
    # What was killed has lived on for a beat after it last wrote, and perhaps a little longer.
    return datetime.fromtimestamp(kept.timestamp() + 2.0 * BEAT_S * speed, UTC)


def _read(path: Path) -> datetime:
    return datetime.fromisoformat(json.loads(path.read_text())["utc"]).astimezone(UTC)

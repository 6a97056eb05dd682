"""What the engine is built from; the service puts it together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.component.startup import StartParts
from ctmo_indi.scheduler.telemetry import TelemetryLoop
from ctmo_indi.script_queue.peer import FrontDesk
from ctmo_indi.store.database import Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What the engine is built from.

    Parameters
    ----------
    read_request
        Checks a stored order against the contract again and gives its request.
    start
        What a start of the component works with, in the driver's thread.
    dome
        Its desk, for scripts.
    data_dir
        Where the scheduler keeps its small files; ``load`` may read below it.
    load_folders
        Other folders whose files the command ``load`` may read.
    """

    profile: Profile
    clock: Clock
    database: Database
    writer: Writer
    telescope: FrontDesk
    dome: FrontDesk
    safety: FrontDesk
    telemetry: TelemetryLoop
    publish: Callable[[str, str, dict[str, object]], object]
    read_request: Callable[[OrderRow], ObservationRequest]
    start: StartParts
    data_dir: Path
    load_folders: tuple[Path, ...]
    on_offline: Callable[[], None]

"""What the engine does to the world, each deed a future: the seam between steps and devices.

``device_hands`` does it with the real roles of ``devices/``, ``testing/fake_observatory`` without.
No method blocks; every future is done, failed (``DeviceError``, ``SafetyError``) or canceled by an
abort within the device's own deadlines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Hand
from ctmo_indi.profiles import Role


@dataclass(frozen=True, slots=True)
class Sight:
    """What the devices say now; None is unknown, which is never taken for good news.

    Parameters
    ----------
    ra_deg, dec_deg
        Where the mount points, ICRS.
    lost
        Roles of the profile whose device is not there, not connected or not yet usable.
    lamp
        Whether the flat-field panel is lit.
    switches
        What the profile binds to keys of Dome orders ("Blink01").
    wire
        The same for a Status reply.
    """

    state: ObservatoryState
    link_up: bool
    lost: frozenset[Role] = frozenset()
    ra_deg: float | None = None
    dec_deg: float | None = None
    altitude_deg: float | None = None
    azimuth_deg: float | None = None
    tracking: bool | None = None
    parked: bool | None = None
    slewing: bool = False
    dome_azimuth_deg: float | None = None
    dome_parked: bool | None = None
    dome_moving: bool = False
    shutter: str = "UNKNOWN"
    filter_name: str | None = None
    exposing: bool | None = None
    ccd_temperature_c: float | None = None
    focus_position: float | None = None
    lamp: bool | None = None
    switches: Mapping[str, bool | None] = field(default_factory=dict)
    wire: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExposureSpec:
    """What the camera is asked for.

    Parameters
    ----------
    exposure_id
        Names the frame in the upload prefix.
    target_icrs_deg
        (RA, Dec) of a sky frame: the interlocks check that mount and dome are there.
    """

    exposure_id: str
    exposure_s: float
    frame_type: FrameType
    binning: int
    target_icrs_deg: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame as the driver made it: in memory, or in a spool file that is ours to remove.

    Parameters
    ----------
    started_utc
        When the driver began, as the camera's states tell; None when not known.
    """

    data: bytes | None = None
    path: Path | None = None
    started_utc: datetime | None = None


class ExposureHandle(Protocol):
    """An exposure under way."""

    future: Future[RawFrame]

    def has_begun(self) -> bool:
        """Whether the camera is seen to expose."""
        ...

    def abort(self) -> Future[None]:
        """Stop it; ``future`` then fails with CommandCanceled."""
        ...


Deed = Future[None]


class Hands(Protocol):
    """Everything an attempt or a control order can do."""

    def sight(self) -> Sight:
        """Read the devices' last word; never blocks."""
        ...

    def open(self, report: Callable[[str], None], give_way: Callable[[], str | None]) -> Deed:
        """Open the observatory (``devices/opening.py``).

        ``give_way`` is asked before each step, in another thread: why the rest is left undone.
        """
        ...

    def close(self, report: Callable[[str], None]) -> Deed:
        """Close it (``devices/closing.py``); retries by itself, fails with the ALARM's text."""
        ...

    def slew(self, ra_deg: float, dec_deg: float) -> Deed:
        """Slew to ICRS coordinates and track there."""
        ...

    def track(self, on: bool) -> Deed:
        """Switch sidereal tracking."""
        ...

    def park(self) -> Deed:
        """Park the mount."""
        ...

    def unpark(self) -> Deed:
        """Unpark the mount."""
        ...

    def abort_motion(self) -> Deed:
        """Stop mount and dome, and leave the mount not tracking."""
        ...

    def dome_azimuth(self, azimuth_deg: float) -> Deed:
        """Turn the dome."""
        ...

    def dome_park(self, parked: bool) -> Deed:
        """Park or unpark the dome; both may move the shutter."""
        ...

    def shutter(self, opened: bool) -> Deed:
        """Open or close the shutter."""
        ...

    def select_filter(self, filter_name: str) -> Deed:
        """Turn the wheel to a filter of the profile."""
        ...

    def focus(self, position: float) -> Deed:
        """Move the focuser to an absolute position."""
        ...

    def lamp(self, on: bool) -> Deed:
        """Switch the flat-field lamp."""
        ...

    def switch(self, key: str, on: bool) -> Deed:
        """Switch what the profile binds to a key of Dome orders ("Blink01")."""
        ...

    def expose(self, spec: ExposureSpec) -> ExposureHandle:
        """Start an exposure."""
        ...

    def abort_exposure(self) -> Deed:
        """Stop whatever the camera exposes; nothing to do is fine."""
        ...

    def by_hand_of(self, hand: Hand) -> AbstractContextManager[None]:
        """Count what is begun while the block runs as that human's: his own lock allows it."""
        ...

    def let_go(self, role: Role, reason: str) -> None:
        """Follow no deed of that device any longer, since somebody else uses it; it is not told."""
        ...

    def dome_azimuth_for(self, ra_deg: float, dec_deg: float) -> float | None:
        """Azimuth the dome needs for a pointing (ICRS) now; None without a dome."""
        ...

    def check_target(self, ra_deg: float, dec_deg: float, after_s: float) -> None:
        """Raise Interlocked when limits forbid the pointing now or ``after_s`` from now."""
        ...

"""Which frames belong together: those that one master, or one stack, is made of. Pure.

Values that a driver measures (temperature, exposure) are never exactly equal. They are not rounded,
for two values on both sides of a rounding edge would be parted; they are sorted and cut into
windows, each beginning at the lowest value not yet taken.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ctmo_indi.models.frames import Frame, Readout
from ctmo_indi.models.states import FrameType

ItemT = TypeVar("ItemT")
KeyT = TypeVar("KeyT", bound=Hashable)

EXPOSURE_TOLERANCE_S = 0.02
EXPOSURE_TOLERANCE = 0.005  # of the exposure


@dataclass(frozen=True, slots=True)
class Group:
    """Frames of one kind that can be combined, oldest first.

    Parameters
    ----------
    exposure_s
        Of darks; 0 for the others, whose exposures may differ.
    temperature_c
        Median of the frames; None when not known.
    """

    frame_type: FrameType
    readout: Readout
    frames: tuple[Frame, ...]
    exposure_s: float = 0.0
    temperature_c: float | None = None
    filter_name: str = ""

    @property
    def utc_s(self) -> float:
        """Mean of the frames' middles, Unix seconds."""
        return statistics.fmean(frame.middle_utc_s for frame in self.frames)

    def __str__(self) -> str:
        parts = [str(self.frame_type).lower(), str(self.readout)]
        if self.filter_name:
            parts.append(f"filter {self.filter_name}")
        if self.frame_type is FrameType.DARK:
            parts.append(f"{self.exposure_s:g} s")
            parts.append(in_words(self.temperature_c))
        return ", ".join(parts)


def same_exposure(first_s: float, second_s: float) -> bool:
    """Whether two exposures were meant to be the same."""
    return abs(first_s - second_s) <= _exposure_width(max(first_s, second_s))


def in_words(temperature_c: float | None) -> str:
    """Say a sensor's temperature."""
    return "temperature not known" if temperature_c is None else f"{temperature_c:+.1f} C"


def group_bias(frames: Iterable[Frame]) -> tuple[Group, ...]:
    """One group for each way of reading the camera."""
    return tuple(
        Group(
            FrameType.BIAS, readout, tuple(same), temperature_c=_median_c(same)
        )  # the level hardly depends on temperature, the pattern not at all
        for readout, same in _split(frames, lambda frame: frame.readout)
    )


def group_darks(frames: Iterable[Frame], window_c: float) -> tuple[Group, ...]:
    """One group for each readout, exposure and window of temperature."""
    groups = []
    for readout, same in _split(frames, lambda frame: frame.readout):
        for exposed in windows(same, lambda frame: frame.exposure_s, _exposure_width):
            known = [frame for frame in exposed if frame.temperature_c is not None]
            unknown = [frame for frame in exposed if frame.temperature_c is None]
            parts = windows(known, lambda frame: frame.temperature_c or 0.0, lambda _: window_c)
            for part in [*parts, *([unknown] if unknown else [])]:
                groups.append(
                    Group(
                        FrameType.DARK,
                        readout,
                        _oldest_first(part),
                        exposure_s=statistics.median_low(frame.exposure_s for frame in part),
                        temperature_c=_median_c(part),
                    )
                )
    return tuple(groups)


def group_flats(frames: Iterable[Frame]) -> tuple[Group, ...]:
    """One group for each readout and filter; exposures may differ, as those in twilight do."""
    return tuple(
        Group(
            FrameType.FLAT,
            readout,
            tuple(same),
            temperature_c=_median_c(same),
            filter_name=filter_name,
        )
        for (readout, filter_name), same in _split(
            frames, lambda frame: (frame.readout, frame.filter_name)
        )
    )


def group_targets(frames: Iterable[Frame], radius_deg: float) -> tuple[tuple[Frame, ...], ...]:
    """Lights of one target, filter and readout, whose pointings lie within ``radius_deg``.

    A light without a target's name stays alone. One without a pointing goes with the others of its
    target's name.
    """
    groups: list[tuple[Frame, ...]] = []
    named = [frame for frame in frames if frame.target_name]
    for _, same in _split(
        named, lambda frame: (frame.target_name.casefold(), frame.filter_name, frame.readout)
    ):
        rest = same
        while rest:
            first = next((one for one in rest if one.ra_deg is not None), rest[0])
            near = [one for one in rest if separation_deg(first, one) <= radius_deg]
            groups.append(tuple(near))
            rest = [one for one in rest if separation_deg(first, one) > radius_deg]
    return tuple(groups)


def separation_deg(first: Frame, second: Frame) -> float:
    """Angle between two pointings (haversine), degrees; 0 when one of them is not known."""
    if None in (first.ra_deg, first.dec_deg, second.ra_deg, second.dec_deg):
        return 0.0
    ra_1, dec_1, ra_2, dec_2 = (
        math.radians(one or 0.0)
        for one in (first.ra_deg, first.dec_deg, second.ra_deg, second.dec_deg)
    )
    half = (
        math.sin((dec_2 - dec_1) / 2.0) ** 2
        + math.cos(dec_1) * math.cos(dec_2) * math.sin((ra_2 - ra_1) / 2.0) ** 2
    )
    return math.degrees(2.0 * math.asin(min(1.0, math.sqrt(half))))


def windows(
    items: Iterable[ItemT], value: Callable[[ItemT], float], width: Callable[[float], float]
) -> list[list[ItemT]]:
    """Cut items into windows of ``width(lowest value)``, lowest first; each in its old order."""
    parts: list[list[ItemT]] = []
    first = math.nan
    for item in sorted(items, key=value):
        if parts and value(item) - first <= width(first):
            parts[-1].append(item)
        else:
            parts.append([item])
            first = value(item)
    return parts


def _exposure_width(exposure_s: float) -> float:
    return max(EXPOSURE_TOLERANCE_S, EXPOSURE_TOLERANCE * exposure_s)


def _split(frames: Iterable[Frame], key: Callable[[Frame], KeyT]) -> list[tuple[KeyT, list[Frame]]]:
    """Frames by key, the key of the oldest frame first, frames oldest first."""
    parts: dict[KeyT, list[Frame]] = {}
    for frame in _oldest_first(frames):
        parts.setdefault(key(frame), []).append(frame)
    return list(parts.items())


def _oldest_first(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    return tuple(sorted(frames, key=lambda frame: (frame.start_utc_s, str(frame.path))))


def _median_c(frames: Sequence[Frame]) -> float | None:
    known = [frame.temperature_c for frame in frames if frame.temperature_c is not None]
    return statistics.median(known) if known else None

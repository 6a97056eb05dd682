"""The frames of a night by kind and filter, and what a quick look found in them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ctmo_indi.models.states import FrameType
from ctmo_indi.scheduler.report.night_data import NightData

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Looks:
    """What the preprocessor's quick look knows of the night.

    Parameters
    ----------
    frames
        Structs of its Frames reply.
    note
        Why there are none, or not all.
    """

    frames: tuple[Mapping[str, object], ...] = ()
    note: str = ""


def frames_part(data: NightData, looks: Looks) -> list[dict[str, object]]:
    """Return a struct for each kind and filter: how many frames, how long, and how sharp."""
    found: dict[tuple[str, str], list[float]] = {}
    for frame, _ in data.frames:
        key = (frame.frame_type.value, frame.filter_name)
        found.setdefault(key, []).append(frame.t_exptime_s)
    kinds = [frame_type.value for frame_type in (FrameType.LIGHT, *FrameType)]
    listed: list[dict[str, object]] = []
    for kind, name in sorted(found, key=lambda key: (kinds.index(key[0]), key[1])):
        times_s = found[kind, name]
        told: dict[str, object] = {
            "Frame Type": kind,
            "Filter": name,
            "Frames": len(times_s),
            "Exposing": round(sum(times_s), 3),
        }
        same = [
            one
            for one in looks.frames
            if one.get("Frame Type") == kind and one.get("Filter", "") == name
        ]
        listed.append(told | _sharpness(same))
    return listed


def quality_part(looks: Looks) -> dict[str, object]:
    """Return the night's quality in one struct; only what is known."""
    lights = [one for one in looks.frames if one.get("Frame Type") == FrameType.LIGHT.value]
    told = _sharpness(lights)
    ellipticities = numbers(lights, "Ellipticity")
    if ellipticities:
        told["Ellipticity"] = round(median(ellipticities), 3)
    problems = [
        {"File": str(one.get("File", "")), "Problem": str(one["Problem"])}
        for one in looks.frames
        if one.get("Problem")
    ]
    told["Problems"] = problems[:MOST_PROBLEMS]
    told["Number of Problems"] = len(problems)
    if looks.note:
        told["Note"] = looks.note
    return told


def numbers(frames: Iterable[Mapping[str, object]], key: str) -> list[float]:
    """Return the finite numbers that structs have under a key."""
    values = (one.get(key) for one in frames)
    return [
        float(value)
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]


def _sharpness(frames: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return the median FWHM in the unit that most frames have; empty where none was measured."""
    units = [
        str(one["FWHM Unit"]) for one in frames if numbers([one], "FWHM") and "FWHM Unit" in one
    ]
    if not units:
        return {}
    unit = max(sorted(set(units)), key=units.count)
    widths = numbers([one for one in frames if one.get("FWHM Unit") == unit], "FWHM")
    return {"Measured": len(widths), "FWHM": round(median(widths), 2), "FWHM Unit": unit}

"""Calibration debt: which biases, darks and flats the lights of the last nights still lack. Pure.

A light lacks what no known master gives by the rules of ``masters``. What is lacking is put
together as it will be combined, and becomes Work Orders that the scheduler can place. Asked again
before anything was taken it gives the same orders, by ID and content: they are placed once.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ctmo_indi.models.frames import MASTER_OF, Frame, Master, ProductKind, Readout
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor.grouping import (
    Group,
    group_bias,
    group_darks,
    group_flats,
    in_words,
)
from ctmo_indi.preprocessor.masters import MasterLimits, Wanted, bias_and_dark, choose

JOB = "Calibration"
"""Type of job of the orders."""

_LABEL_LENGTH = 128


@dataclass(frozen=True, slots=True)
class DebtSettings:
    """How much is ordered.

    Parameters
    ----------
    frames
        Of each master; more than a plan asks for, since some may be rejected.
    flat_exposure_s
        Of a flat in a filter without an entry in ``flat_exposures_s``.
    flat_exposures_s
        Filter -> seconds.
    """

    frames: int = 11
    flat_exposure_s: float = 5.0
    flat_exposures_s: Mapping[str, float] = field(default_factory=dict)

    def flat_s(self, filter_name: str) -> float:
        """Return the exposure of a flat in a filter."""
        return self.flat_exposures_s.get(filter_name, self.flat_exposure_s)


@dataclass(frozen=True, slots=True)
class Lacking:
    """Calibration frames to take.

    Parameters
    ----------
    exposure_s
        0 of a bias.
    temperature_c
        Of the sensor in one of the lights, the middle one: an order cannot ask for it, the camera
        must be at it.
    lights
        How many lights wait for them.
    because
        Why there is no master, for one of those lights.
    obstacle
        Why no order can ask for them; "" when one can.
    """

    frame_type: FrameType
    readout: Readout
    exposure_s: float
    temperature_c: float | None
    filter_name: str
    count: int
    lights: int
    because: str
    obstacle: str = ""

    def __str__(self) -> str:
        parts = [f"{self.count} {str(self.frame_type).lower()}s", str(self.readout)]
        if self.frame_type is not FrameType.BIAS:
            parts.append(f"{self.exposure_s:g} s")
        if self.frame_type is FrameType.DARK:
            parts.append(in_words(self.temperature_c))
        if self.filter_name:
            parts.append(f"filter {self.filter_name}")
        waiting = f"for {self.lights} light{'s' if self.lights != 1 else ''}"
        told = f"{', '.join(parts)}, {waiting}: {self.because}"
        return f"{told} (cannot be ordered: {self.obstacle})" if self.obstacle else told


def debt(
    lights: Iterable[Frame],
    known: Iterable[Master],
    limits: MasterLimits,
    settings: DebtSettings | None = None,
) -> tuple[Lacking, ...]:
    """Return what the lights lack: biases, then darks, then flats; never blocks.

    Darks that the lacking flats will need are among them, unless a dark that is there, or one that
    is ordered for the lights, can be scaled to them.
    """
    return _Debt(tuple(lights), tuple(known), limits, settings or DebtSettings()).lacking()


def affordable(
    lacking: Iterable[Lacking],
    *,
    most_s: float,
    filters: Container[str],
    has_panel: bool,
    taken_s: float = 0.0,
) -> tuple[Lacking, ...]:
    """Return the same; what the site cannot take, or not in one night, has its obstacle.

    Parameters
    ----------
    most_s
        Exposure time of all together; what is over it comes another night. What is needed for most
        lights comes first.
    taken_s
        How much of it the night has already.
    filters
        Those an order can name.
    """
    owed = list(lacking)
    left_s = max(0.0, most_s - taken_s)
    by_need = sorted(range(len(owed)), key=lambda index: (-owed[index].lights, index))
    for index in by_need:
        one = owed[index]
        exposure_s = one.count * one.exposure_s
        obstacle = one.obstacle
        if not obstacle and one.frame_type is FrameType.FLAT:
            if not has_panel:
                obstacle = "there is no light panel"
            elif one.filter_name not in filters:
                obstacle = f"no filter of that name: {one.filter_name!r:.40}"
        if not obstacle and exposure_s > left_s:
            obstacle = f"{exposure_s:g} s, of {most_s:g} s a night {left_s:g} s are left"
        if not obstacle:
            left_s -= exposure_s
        owed[index] = replace(one, obstacle=obstacle)
    return tuple(owed)


def orders(
    lacking: Iterable[Lacking], *, night: str, user: str, telescope: str = ""
) -> list[dict[str, object]]:
    """Return Work Orders for what can be ordered, valid by ``observation.schema.json``.

    Parameters
    ----------
    night
        Evening date in which they shall be taken: part of their IDs, so that what was ordered and
        not taken in one night is ordered again for the next.
    telescope
        "Telescope Name"; the profile's first one when "".
    """
    return [_order(one, night, user, telescope) for one in lacking if not one.obstacle]


class _Debt:
    """One reckoning."""

    def __init__(
        self,
        lights: tuple[Frame, ...],
        known: tuple[Master, ...],
        limits: MasterLimits,
        settings: DebtSettings,
    ) -> None:
        self._lights = lights
        self._known = known
        self._limits = limits
        self._settings = settings
        self._why: dict[tuple[Frame, FrameType], str] = {}
        newest = sorted(lights, key=lambda frame: frame.start_utc_s)
        self._now_set = {frame.readout.camera: frame.readout for frame in newest}

    def lacking(self) -> tuple[Lacking, ...]:
        needs: dict[FrameType, list[Frame]] = {kind: [] for kind in MASTER_OF}
        for light in self._lights:
            for kind, why in self._needs(light).items():
                self._why[light, kind] = why
                needs[kind].append(light)
        for flat, kind, why in self._for_flats(needs):
            self._why[flat, kind] = why
            needs[kind].append(flat)
        groups = (
            *group_bias(needs[FrameType.BIAS]),
            *group_darks(needs[FrameType.DARK], self._limits.temperature_window_c),
            *group_flats(needs[FrameType.FLAT]),
        )
        return tuple(self._lack(group) for group in groups)

    def _needs(self, light: Frame) -> dict[FrameType, str]:
        """Return what a light lacks, and why."""

        def wanted(kind: ProductKind) -> Wanted:
            return Wanted.by(light, kind, light.night)

        bias, dark = bias_and_dark(wanted, self._known, self._limits)
        flat = choose(wanted(ProductKind.FLATM), self._known, self._limits)
        found = {FrameType.DARK: dark, FrameType.FLAT: flat}
        if dark.master is None or not dark.master.has_bias:
            found = {FrameType.BIAS: bias, **found}
        return {kind: choice.rule for kind, choice in found.items() if choice.master is None}

    def _for_flats(
        self, needs: Mapping[FrameType, list[Frame]]
    ) -> list[tuple[Frame, FrameType, str]]:
        """Return what the lacking flats will lack: their exposure, the kind, and why."""
        coming = [
            *self._known,
            *(_as_taken(light, FrameType.BIAS) for light in needs[FrameType.BIAS]),
            *(_as_taken(light, FrameType.DARK) for light in needs[FrameType.DARK]),
        ]
        lacking = []
        for light in needs[FrameType.FLAT]:
            flat = replace(light, exposure_s=self._settings.flat_s(light.filter_name))

            def wanted(kind: ProductKind, flat: Frame = flat) -> Wanted:
                return Wanted.by(flat, kind, flat.night, is_for_flat=True)

            bias, dark = bias_and_dark(wanted, coming, self._limits)
            if dark.master is None:
                lacking.append((flat, FrameType.DARK, dark.rule))
            if bias.master is None and (dark.master is None or not dark.master.has_bias):
                lacking.append((flat, FrameType.BIAS, bias.rule))
        return lacking

    def _lack(self, group: Group) -> Lacking:
        kind = group.frame_type
        exposure_s = {
            FrameType.BIAS: 0.0,
            FrameType.DARK: group.exposure_s,
            FrameType.FLAT: self._settings.flat_s(group.filter_name),
        }[kind]
        known_c = [one.temperature_c for one in group.frames if one.temperature_c is not None]
        return Lacking(
            frame_type=kind,
            readout=group.readout,
            exposure_s=exposure_s,
            temperature_c=statistics.median_low(known_c) if known_c else None,
            filter_name=group.filter_name,
            count=self._settings.frames,
            lights=len({frame.sha256 or frame.path for frame in group.frames}),
            because=self._why[group.frames[0], kind],
            obstacle=self._obstacle(group.readout),
        )

    def _obstacle(self, readout: Readout) -> str:
        """Say why an order, which can ask for a binning only, does not give this readout."""
        if readout.x_binning != readout.y_binning:
            return f"binning {readout.x_binning}x{readout.y_binning}, an order has one for both"
        if readout.x_origin or readout.y_origin:
            return f"a part of the frame from {readout.x_origin},{readout.y_origin}"
        now = self._now_set[readout.camera]
        for name in ("mode", "gain", "offset"):
            was, is_now = getattr(readout, name), getattr(now, name)
            if was != is_now:
                return f"{name} was {was}, the newest light has {is_now}"
        return ""


def _as_taken(light: Frame, kind: FrameType) -> Master:
    """Return the master that will be there when what a light lacks was taken."""
    return Master(
        product_id=f"to be taken for {light.path.name}",
        kind=MASTER_OF[kind],
        readout=light.readout,
        night=light.night,
        utc_s=light.middle_utc_s,
        exposure_s=light.exposure_s if kind is FrameType.DARK else 0.0,
        temperature_c=light.temperature_c,
    )


def _order(lacking: Lacking, night: str, user: str, telescope: str) -> dict[str, object]:
    kind = lacking.frame_type
    order: dict[str, object] = {
        "WOType": "Observation",
        "User": user,
        "Frame Type": str(kind),
        "Number of Exposures": lacking.count,
        "Binning": lacking.readout.x_binning,
        "Type of job": JOB,
        "Type of object": _told(lacking),
    }
    if telescope:
        order["Telescope Name"] = telescope
    if kind is not FrameType.BIAS:
        order["Exposure Time"] = float(lacking.exposure_s)
    if kind is FrameType.FLAT:
        order["Filter"] = lacking.filter_name
    digest = hashlib.sha256(repr(sorted(order.items())).encode()).hexdigest()
    order["ID"] = f"calibration-{night}-{str(kind).lower()}-{digest[:8]}"
    return order


def _told(lacking: Lacking) -> str:
    """Say for whom the frames are, in a label of an order."""
    parts = [f"{str(lacking.frame_type).lower()} for {lacking.readout}"]
    if lacking.frame_type is FrameType.DARK:
        parts.append(in_words(lacking.temperature_c))
    text = " at ".join(parts)
    return "".join(c for c in text if c.isprintable())[:_LABEL_LENGTH]

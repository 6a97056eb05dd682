"""What to make of a night: masters, then lights, then stacks, as a graph that can be printed. Pure.

A plan is made of the frames and the masters that are known, and of nothing else: the same night
gives the same plan and the same product ids. When a master turns out badly, or a product fails,
plan again with its id in ``refused``: whatever used it takes the next valid master, or is marked
with the reason. A light is calibrated with bias, dark and flat or not at all.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ctmo_indi.errors import InternalError
from ctmo_indi.models.frames import Frame, Master, NightBundle, ProductKind
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor.grouping import (
    Group,
    group_bias,
    group_darks,
    group_flats,
    group_targets,
)
from ctmo_indi.preprocessor.masters import Choice, Wanted, bias_and_dark, can_scale, choose
from ctmo_indi.preprocessor.planned import ID_IN_NAME, Parameters, Plan, Planned, Used

MOST_FRAMES = 255
"""Of a master: so many are combined at once, and more would not be seen in it."""

_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9.+-]+")
_SUFFIXES = re.compile(r"\.(?:fits|fit|fts)(?:\.gz|\.fz)?$", re.IGNORECASE)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def plan_night(
    bundle: NightBundle,
    known: Iterable[Master],
    parameters: Parameters,
    *,
    refused: Mapping[str, str] | None = None,
) -> Plan:
    """Plan all that a night's frames can give; never blocks.

    Parameters
    ----------
    bundle
        Examined: every frame has its hash.
    known
        Good masters that are there, of whatever night.
    refused
        Product id -> reason, of those that failed or were judged bad: not planned again, not used.

    Raises
    ------
    InternalError
        A frame has no hash.
    """
    unread = [frame.path.name for frame in bundle.frames if not frame.sha256]
    if unread:
        raise InternalError(f"{len(unread)} frames have no hash yet, the first is {unread[0]}")
    planner = _Planner(bundle, known, parameters, refused or {})
    planner.masters()
    planner.lights()
    planner.stacks()
    return Plan(bundle.night, tuple(planner.products), tuple(planner.notes))


class _Planner:
    """The plan while it grows; one use."""

    def __init__(
        self,
        bundle: NightBundle,
        known: Iterable[Master],
        parameters: Parameters,
        refused: Mapping[str, str],
    ) -> None:
        self._bundle = bundle
        self._parameters = parameters
        self._refused = refused
        self._candidates = [one for one in known if one.product_id not in refused]
        self.products: list[Planned] = []
        self.notes: list[str] = []

    def masters(self) -> None:
        window_c = self._parameters.limits.temperature_window_c
        for group in self._big_enough(group_bias(self._bundle.of_type(FrameType.BIAS))):
            self._add_master(self._product(ProductKind.BIASM, group))
        for group in self._big_enough(group_darks(self._bundle.of_type(FrameType.DARK), window_c)):
            self._add_master(self._dark(group))
        for group in self._big_enough(group_flats(self._bundle.of_type(FrameType.FLAT))):
            self._flat(group)

    def _big_enough(self, groups: Iterable[Group]) -> Iterator[Group]:
        for group in groups:
            if not self._is_big_enough(len(group.frames), str(group)):
                continue
            if len(group.frames) > MOST_FRAMES:
                self.notes.append(
                    f"{group}: {len(group.frames)} frames, the last {MOST_FRAMES} are used"
                )
            yield replace(group, frames=group.frames[-MOST_FRAMES:])

    def _is_big_enough(self, count: int, described: str) -> bool:
        if count >= self._parameters.min_frames:
            return True
        self.notes.append(
            f"{described}: {count} frames, expected {self._parameters.min_frames} or more"
        )
        return False

    def _dark(self, group: Group) -> Planned:
        bias = self._choose(ProductKind.BIASM, group)
        if bias.master is None:
            self.notes.append(f"bias stays in the master of {group}: {bias.rule}")
        return self._product(
            ProductKind.DARKM, group, bias=_used(bias), has_bias=bias.master is None
        )

    def _flat(self, group: Group) -> None:
        """Plan a flat; its frames share bias and dark, each with a scale of its own."""
        exposure_s = statistics.median_low(frame.exposure_s for frame in group.frames)
        bias, dark = bias_and_dark(
            lambda kind: self._wanted(kind, group, exposure_s=exposure_s, is_for_flat=True),
            self._candidates,
            self._parameters.limits,
        )
        if dark.master is None or (bias.master is None and not dark.master.has_bias):
            why = "; ".join(one.rule for one in (bias, dark) if one.master is None)
            self.notes.append(f"{group}: {why}")
            return
        fitting, scales = [], []
        for frame in group.frames:
            wanted = Wanted.by(frame, ProductKind.DARKM, self._bundle.night, is_for_flat=True)
            scale = can_scale(wanted, dark.master, self._parameters.limits)
            if scale is None:
                self.notes.append(
                    f"{frame.path.name}: {frame.exposure_s:g} s cannot be scaled from the dark of "
                    f"{dark.master.exposure_s:g} s of its group"
                )
            else:
                fitting.append(frame)
                scales.append(scale)
        if self._is_big_enough(len(fitting), f"{group}, with a dark"):
            self._add_master(
                self._product(
                    ProductKind.FLATM,
                    group,
                    frames=tuple(fitting),
                    bias=None if dark.master.has_bias else _used(bias),
                    dark=_used(dark),
                    dark_scales=tuple(scales),
                )
            )

    def lights(self) -> None:
        night, limits = self._bundle.night, self._parameters.limits
        for frame in self._bundle.of_type(FrameType.LIGHT):

            def wanted(kind: ProductKind, frame: Frame = frame) -> Wanted:
                return Wanted.by(frame, kind, night)

            bias, dark = bias_and_dark(wanted, self._candidates, limits)
            flat = choose(wanted(ProductKind.FLATM), self._candidates, limits)
            is_bias_free = dark.master is not None and not dark.master.has_bias
            needed = [bias, dark, flat] if is_bias_free or dark.master is None else [dark, flat]
            lacking = [choice.rule for choice in needed if choice.master is None]
            group = Group(
                FrameType.LIGHT,
                frame.readout,
                (frame,),
                frame.exposure_s,
                frame.temperature_c,
                frame.filter_name,
            )
            if lacking:
                product = self._product(ProductKind.CALIB_LIGHT, group, marked="; ".join(lacking))
            else:
                product = self._product(
                    ProductKind.CALIB_LIGHT,
                    group,
                    bias=_used(bias) if is_bias_free else None,
                    dark=_used(dark),
                    flat=_used(flat),
                    dark_scales=(dark.scale,),
                )
            self._add(product)

    def stacks(self) -> None:
        made = {
            product.frames[0]: product
            for product in self.products
            if product.kind is ProductKind.CALIB_LIGHT and not product.marked
        }
        for frames in group_targets(made, self._parameters.stack_radius_deg):
            if len(frames) < self._parameters.min_stack:
                continue
            first = frames[0]
            group = Group(
                FrameType.LIGHT,
                first.readout,
                frames,
                sum(frame.exposure_s for frame in frames),
                filter_name=first.filter_name,
            )
            lights = tuple(made[frame].product_id for frame in _ordered(frames))
            self._add(self._product(ProductKind.STACK_LIGHT, group, lights=lights))

    def _choose(self, kind: ProductKind, group: Group) -> Choice:
        return choose(self._wanted(kind, group), self._candidates, self._parameters.limits)

    def _wanted(
        self,
        kind: ProductKind,
        group: Group,
        *,
        exposure_s: float = 0.0,
        is_for_flat: bool = False,
    ) -> Wanted:
        return Wanted(
            kind=kind,
            readout=group.readout,
            night=self._bundle.night,
            utc_s=group.utc_s,
            exposure_s=exposure_s,
            temperature_c=group.temperature_c,
            filter_name=group.filter_name,
            is_for_flat=is_for_flat,
        )

    def _add_master(self, product: Planned) -> None:
        if self._add(product):
            planned = product.as_master()
            # One that is there already is known, too: it is one master, not two.
            others = [one for one in self._candidates if one.product_id != planned.product_id]
            self._candidates = [*others, planned]

    def _add(self, product: Planned) -> bool:
        if product.product_id in self._refused:
            self.notes.append(f"{product.name}: {self._refused[product.product_id]}")
            return False
        self.products.append(product)
        return True

    def _product(
        self,
        kind: ProductKind,
        group: Group,
        *,
        frames: tuple[Frame, ...] | None = None,
        bias: Used | None = None,
        dark: Used | None = None,
        flat: Used | None = None,
        dark_scales: tuple[float, ...] = (),
        lights: tuple[str, ...] = (),
        has_bias: bool = False,
        marked: str = "",
    ) -> Planned:
        chosen = frames or group.frames
        ordered = _ordered(chosen)
        scale_of = dict(zip(chosen, dark_scales, strict=True)) if dark_scales else {}
        scales = tuple(scale_of[frame] for frame in ordered) if scale_of else ()
        needed = [one.master.product_id for one in (bias, dark, flat) if one is not None]
        product_id = _product_id(
            {
                "kind": str(kind),
                "version": self._parameters.version,
                "settings": dict(self._parameters.settings.get(kind, {})),
                "frames": [] if lights else [frame.sha256 for frame in ordered],
                "masters": needed,
                "scales": list(scales),
                "lights": list(lights),
                "marked": bool(marked),
            }
        )
        here = {product.product_id for product in self.products}
        first = ordered[0]
        is_light = group.frame_type is FrameType.LIGHT
        return Planned(
            product_id=product_id,
            kind=kind,
            name=_name(kind, group, first, product_id),
            night=self._bundle.night,
            readout=group.readout,
            frames=ordered,
            utc_s=statistics.fmean(frame.middle_utc_s for frame in ordered),
            bias=bias,
            dark=dark,
            flat=flat,
            dark_scales=scales,
            lights=lights,
            exposure_s=group.exposure_s,
            temperature_c=group.temperature_c,
            filter_name=group.filter_name,
            target_name=first.target_name if is_light else "",
            has_bias=has_bias,
            after=tuple(one for one in (*needed, *lights) if one in here),
            marked=marked,
        )


def _used(choice: Choice) -> Used | None:
    return None if choice.master is None else Used(choice.master, choice.rule)


def _ordered(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """Oldest first; where two began together, by content: never by name."""
    return tuple(sorted(frames, key=lambda frame: (frame.start_utc_s, frame.sha256)))


def _product_id(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(_CANONICAL.encode(facts).encode()).hexdigest()


def _name(kind: ProductKind, group: Group, first: Frame, product_id: str) -> str:
    parts = [str(kind).lower()]
    if kind is ProductKind.CALIB_LIGHT:
        parts.insert(0, _SUFFIXES.sub("", first.path.name))
    elif kind is ProductKind.STACK_LIGHT:
        parts += [first.target_name, group.filter_name]
    else:
        parts.append(f"{group.readout.x_binning}x{group.readout.y_binning}")
        if kind is ProductKind.DARKM:
            parts.append(f"{group.exposure_s:g}s")
            if group.temperature_c is not None:
                parts.append(f"{group.temperature_c:+.1f}C")
        parts.append(group.filter_name)
    plain = [_NOT_IN_NAME.sub("_", part).strip("_") for part in parts]
    return "_".join([*(part for part in plain if part), product_id[:ID_IN_NAME]]) + ".fits"

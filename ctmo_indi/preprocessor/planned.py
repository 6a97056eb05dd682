"""What a plan says: the products of a night, what each is made of, in which order. Values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ctmo_indi.models.frames import Frame, Master, ProductKind, Readout
from ctmo_indi.preprocessor.masters import MasterLimits

Setting: TypeAlias = "str | float | bool | None"

ID_IN_NAME = 12
"""Digits of a product's id in the name of its file."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a plan depends on beside its frames; all of it goes into the product ids or the rules.

    Parameters
    ----------
    version
        Of the code that computes pixels: raised when its results change.
    settings
        Kind of product -> whatever changes its pixels: method, clipping, gain, read noise ...
    min_frames
        Of a master.
    min_stack
        Lights of a stack.
    stack_radius_deg
        How far the pointings of a stack may lie from the first one's.
    """

    version: str
    settings: Mapping[ProductKind, Mapping[str, Setting]] = field(default_factory=dict)
    limits: MasterLimits = field(default_factory=MasterLimits)
    min_frames: int = 5
    min_stack: int = 2
    stack_radius_deg: float = 0.25


@dataclass(frozen=True, slots=True)
class Used:
    """A master that a product is made with, and the rule by which it was chosen, in words."""

    master: Master
    rule: str


@dataclass(frozen=True, slots=True)
class Planned:
    """One product to make; immutable, picklable, without pixels.

    Parameters
    ----------
    product_id
        SHA-256 (hex) of the inputs' hashes, the masters' ids, the settings and the version.
    name
        Of its file, without folder.
    frames
        Raw inputs, oldest first; of a stack those behind its calibrated lights.
    dark_scales
        For each frame what to multiply the dark by; empty without a dark.
    lights
        Of a stack: product ids of its calibrated lights, in the order of ``frames``.
    exposure_s
        Of a dark or light; of a stack the sum; 0 of bias and flat.
    has_bias
        Of a dark: no bias was there to be removed.
    after
        Ids of those products of this plan that must be there first.
    marked
        Why it cannot be made: it lacks valid masters. "" when it can.
    """

    product_id: str
    kind: ProductKind
    name: str
    night: str
    readout: Readout
    frames: tuple[Frame, ...]
    utc_s: float
    bias: Used | None = None
    dark: Used | None = None
    flat: Used | None = None
    dark_scales: tuple[float, ...] = ()
    lights: tuple[str, ...] = ()
    exposure_s: float = 0.0
    temperature_c: float | None = None
    filter_name: str = ""
    target_name: str = ""
    has_bias: bool = False
    after: tuple[str, ...] = ()
    marked: str = ""

    @property
    def used(self) -> tuple[Used, ...]:
        """Bias, dark and flat, those that are used."""
        return tuple(one for one in (self.bias, self.dark, self.flat) if one is not None)

    def as_master(self) -> Master:
        """Return it as a candidate for other frames; its path is not known yet."""
        return Master(
            product_id=self.product_id,
            kind=self.kind,
            readout=self.readout,
            night=self.night,
            utc_s=self.utc_s,
            exposure_s=self.exposure_s,
            temperature_c=self.temperature_c,
            filter_name=self.filter_name,
            has_bias=self.has_bias,
        )

    def __str__(self) -> str:
        what = f"{self.kind.words} {self.name}"
        if self.marked:
            return f"{what}: not made: {self.marked}"
        lines = [f"{what}: {len(self.frames)} frame{'s' if len(self.frames) != 1 else ''}"]
        lines += [f"    {one.rule}: {one.master.product_id[:ID_IN_NAME]}" for one in self.used]
        if self.has_bias:
            lines.append("    bias not removed: it can be neither scaled nor used with a bias")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Plan:
    """Products in an order in which each comes after those it needs.

    Parameters
    ----------
    notes
        Frames and groups that nothing is made of, and why.
    """

    night: str
    products: tuple[Planned, ...]
    notes: tuple[str, ...] = ()

    def of_kind(self, kind: ProductKind) -> tuple[Planned, ...]:
        """Return the products of one kind, also the marked ones."""
        return tuple(product for product in self.products if product.kind is kind)

    @property
    def marked(self) -> tuple[Planned, ...]:
        """Products that cannot be made, each with its reason."""
        return tuple(product for product in self.products if product.marked)

    def ready(self, done: Collection[str]) -> tuple[Planned, ...]:
        """Products that can be made now: not done, not marked, and all they need is done."""
        return tuple(
            product
            for product in self.products
            if not product.marked
            and product.product_id not in done
            and all(needed in done for needed in product.after)
        )

    def __str__(self) -> str:
        return "\n".join(
            [f"night {self.night}: {len(self.products)} products, {len(self.marked)} marked"]
            + [str(product) for product in self.products]
            + [f"not used: {note}" for note in self.notes]
        )

"""Which master calibrates a frame, and by which rule: pure, and a table.

The first rule of :data:`RULES` that a master satisfies decides; among several masters the nearest
in exposure, then in temperature, then in time is taken. What must be equal whatever the rule is in
:data:`MUST`: when no master is left, the answer says at which of these each failed.

A dark is scaled to another exposure only when its bias was removed: scaling would scale the bias
with it. Scaling up multiplies the dark's noise, so it has the tighter limit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ctmo_indi.models.frames import Frame, Master, ProductKind, Readout
from ctmo_indi.preprocessor.grouping import in_words, same_exposure

_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class MasterLimits:
    """How far from a frame its masters may be.

    Parameters
    ----------
    valid_days
        How many days before or after the frame a master may have been taken.
    temperature_window_c
        Between frame and dark, degrees.
    most_scaled_up, most_scaled_down
        Exposure of frame over dark, and of dark over frame, at most.
    flat_most_scaled_down
        The same where the frame is a flat, whose signal drowns what scaling gets wrong.
    """

    valid_days: Mapping[ProductKind, float] = field(
        default_factory=lambda: {
            ProductKind.BIASM: 30.0,
            ProductKind.DARKM: 30.0,
            ProductKind.FLATM: 14.0,
        }
    )
    temperature_window_c: float = 0.5
    most_scaled_up: float = 2.0
    most_scaled_down: float = 10.0
    flat_most_scaled_down: float = 1000.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a frame asks of its master; of many frames, what they have in common."""

    kind: ProductKind
    readout: Readout
    night: str
    utc_s: float
    exposure_s: float = 0.0
    temperature_c: float | None = None
    filter_name: str = ""
    is_for_flat: bool = False

    @classmethod
    def by(
        cls, frame: Frame, kind: ProductKind, night: str, *, is_for_flat: bool = False
    ) -> Wanted:
        """Ask for a master of ``kind`` for a frame of the night of that label."""
        return cls(
            kind=kind,
            readout=frame.readout,
            night=night,
            utc_s=frame.middle_utc_s,
            exposure_s=frame.exposure_s,
            temperature_c=frame.temperature_c,
            filter_name=frame.filter_name,
            is_for_flat=is_for_flat,
        )

    def __str__(self) -> str:
        parts = [str(self.readout)]
        if self.kind is ProductKind.DARKM:
            parts += [f"{self.exposure_s:g} s", in_words(self.temperature_c)]
        if self.kind is ProductKind.FLATM:
            parts.append(f"filter {self.filter_name}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer: a master, its scale and the rule in words; or none, and why.

    Parameters
    ----------
    scale
        What to multiply the master by; 1 unless a dark is scaled.
    rule
        For the header and the database: the rule that was applied, or why there is no master.
    """

    master: Master | None
    rule: str
    scale: float = 1.0


class Must(NamedTuple):
    """What every master must satisfy: a claim, and how to say that it does not hold."""

    holds: Callable[[Wanted, Master, MasterLimits], bool]
    failed: str


def _is_near_in_temperature(wanted: Wanted, master: Master, limits: MasterLimits) -> bool:
    if wanted.kind is not ProductKind.DARKM:
        return True
    if wanted.temperature_c is None or master.temperature_c is None:
        return wanted.temperature_c is master.temperature_c
    apart_c = abs(wanted.temperature_c - master.temperature_c)
    return apart_c <= limits.temperature_window_c + 1e-9


def _has_exposure(wanted: Wanted, master: Master, limits: MasterLimits) -> bool:
    return wanted.kind is not ProductKind.DARKM or any(
        how.holds(wanted, master, limits) for how in _HOW
    )


#: In the order in which a failure is told.
MUST: tuple[Must, ...] = (
    Must(lambda w, m, _: m.readout == w.readout, "read out otherwise"),
    Must(
        lambda w, m, _: w.kind is not ProductKind.FLATM or m.filter_name == w.filter_name,
        "of another filter",
    ),
    Must(_is_near_in_temperature, "at another temperature"),
    Must(_has_exposure, "of an exposure that cannot be scaled to it"),
    Must(
        lambda w, m, limits: abs(m.utc_s - w.utc_s) <= limits.valid_days[w.kind] * _DAY_S,
        "too far in time",
    ),
)


class Claim(NamedTuple):
    """Part of a rule: what it asks, and in words."""

    holds: Callable[[Wanted, Master, MasterLimits], bool]
    words: str


def _is_exact(wanted: Wanted, master: Master, _: MasterLimits) -> bool:
    return wanted.kind is not ProductKind.DARKM or same_exposure(
        wanted.exposure_s, master.exposure_s
    )


def _is_scalable(wanted: Wanted, master: Master, limits: MasterLimits) -> bool:
    if master.has_bias or master.exposure_s <= 0.0 or wanted.exposure_s <= 0.0:
        return False
    most_down = limits.flat_most_scaled_down if wanted.is_for_flat else limits.most_scaled_down
    scale = wanted.exposure_s / master.exposure_s
    return 1.0 / most_down <= scale <= limits.most_scaled_up


_EXACT = Claim(_is_exact, "exact")
_SCALED = Claim(_is_scalable, "nearest exposure, scaled after bias removal")
_HOW = (_EXACT, _SCALED)
_WHEN = (
    Claim(lambda w, m, _: m.night == w.night, "of the same night"),
    Claim(lambda w, m, _: m.night < w.night, "of an earlier night"),
    Claim(lambda w, m, _: m.night > w.night, "of a later night"),
)

#: First those of the same night, exact before scaled; then of other nights. Of a bias or a flat
#: only the exact rules can hold.
RULES: tuple[tuple[Claim, Claim], ...] = tuple((when, how) for when in _WHEN for how in _HOW)


def choose(wanted: Wanted, candidates: Iterable[Master], limits: MasterLimits) -> Choice:
    """Return the master for what is wanted, or why there is none; never blocks.

    The answer does not depend on the order of the candidates. Those that are only planned win over
    those of the same night that are there: they are made of all the frames there are now.
    """
    of_kind = [master for master in candidates if master.kind is wanted.kind]
    valid = [one for one in of_kind if all(must.holds(wanted, one, limits) for must in MUST)]
    for when, how in RULES:
        found = [
            master
            for master in valid
            if when.holds(wanted, master, limits) and how.holds(wanted, master, limits)
        ]
        if found:
            return _choice(wanted, min(found, key=lambda one: _distance(wanted, one)), when, how)
    return Choice(None, _why_none(wanted, of_kind, limits))


def bias_and_dark(
    wanted: Callable[[ProductKind], Wanted], candidates: Iterable[Master], limits: MasterLimits
) -> tuple[Choice, Choice]:
    """Choose both; a dark with its bias still in it does where no bias is to be had.

    A dark that ``has_bias`` takes the bias with it: then the bias, chosen or not, is not used.
    """
    candidates = tuple(candidates)
    bias = choose(wanted(ProductKind.BIASM), candidates, limits)
    dark = choose(wanted(ProductKind.DARKM), candidates, limits)
    if bias.master is None and dark.master is not None and not dark.master.has_bias:
        with_bias = [one for one in candidates if one.has_bias]
        other = choose(wanted(ProductKind.DARKM), with_bias, limits)
        dark = other if other.master is not None else dark
    return bias, dark


def predecessor(
    master: Master, candidates: Iterable[Master], limits: MasterLimits
) -> Master | None:
    """Return the newest master of an earlier night that must look like a new one.

    It is still valid, of the same readout, filter and exposure, within the window of temperature,
    and with its bias removed or left in just as well. None when there is none.
    """
    wanted = Wanted(
        kind=master.kind,
        readout=master.readout,
        night=master.night,
        utc_s=master.utc_s,
        exposure_s=master.exposure_s,
        temperature_c=master.temperature_c,
        filter_name=master.filter_name,
    )
    alike = [
        one
        for one in candidates
        if one.kind is master.kind
        and one.night < master.night
        and one.has_bias == master.has_bias
        and _is_exact(wanted, one, limits)
        and all(must.holds(wanted, one, limits) for must in MUST)
    ]
    return max(alike, key=lambda one: (one.utc_s, one.product_id), default=None)


def can_scale(wanted: Wanted, dark: Master, limits: MasterLimits) -> float | None:
    """Return what to multiply a dark by for a frame; None when it cannot be scaled to it."""
    if dark.has_bias:
        return 1.0 if _is_exact(wanted, dark, limits) else None
    if _is_exact(wanted, dark, limits):
        return 1.0
    return wanted.exposure_s / dark.exposure_s if _is_scalable(wanted, dark, limits) else None


def _choice(wanted: Wanted, master: Master, when: Claim, how: Claim) -> Choice:
    scale = wanted.exposure_s / master.exposure_s if how is _SCALED else 1.0
    words = [f"{wanted.kind.words} {when.words}", how.words]
    if how is _SCALED:
        words.append(f"{master.exposure_s:g} s to {wanted.exposure_s:g} s, factor {scale:.4g}")
    if when is not _WHEN[0]:
        days = (master.utc_s - wanted.utc_s) / _DAY_S
        words.append(f"{abs(days):.1f} days {'before' if days < 0 else 'after'}")
    if wanted.kind is ProductKind.DARKM:
        words.append(f"{in_words(master.temperature_c)} for {in_words(wanted.temperature_c)}")
    return Choice(master, ", ".join(words), scale)


def _distance(wanted: Wanted, master: Master) -> tuple[float, bool, float, float, str]:
    """Sort masters, the best first; a total order."""
    is_dark = wanted.kind is ProductKind.DARKM
    ratio = 0.0
    if is_dark and not same_exposure(wanted.exposure_s, master.exposure_s):
        ratio = abs(math.log(wanted.exposure_s / master.exposure_s))
    apart_c = 0.0
    if is_dark and wanted.temperature_c is not None and master.temperature_c is not None:
        apart_c = abs(wanted.temperature_c - master.temperature_c)
    is_there = master.path is not None
    return ratio, is_there, apart_c, abs(master.utc_s - wanted.utc_s), master.product_id


def _why_none(wanted: Wanted, of_kind: list[Master], limits: MasterLimits) -> str:
    what = f"no {wanted.kind.words} for {wanted}"
    if not of_kind:
        return f"{what}: none is known"
    failed = Counter(
        next(must.failed for must in MUST if not must.holds(wanted, master, limits))
        for master in of_kind
    )
    told = ", ".join(
        f"{failed[must.failed]} {must.failed}" for must in MUST if must.failed in failed
    )
    return f"{what}: of {len(of_kind)} known {told}"

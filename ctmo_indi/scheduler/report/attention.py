"""What somebody should look at after a night, the most urgent first. Pure, a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.scheduler.report.loss_classes import ROW_OF, LossClass
from ctmo_indi.scheduler.report.told_numbers import (
    duration,
    number,
    plural,
    seconds_of,
    share_of,
    structs,
)


@dataclass(frozen=True, slots=True)
class _Loss:
    """A class that is told when it lasted for long; ``what`` is what to look at."""

    loss: LossClass
    from_s: float
    what: str


_LOSSES = (
    _Loss(LossClass.UNKNOWN, 300.0, "see whether the services ran (ctmo-indi status, their logs)"),
    _Loss(LossClass.FAULT, 300.0, "see Faults below"),
    _Loss(LossClass.SAFETY, 600.0, "see Status of safety and the station"),
    _Loss(LossClass.DISABLED, 600.0, "nobody had started or resumed it"),
    _Loss(LossClass.INTERRUPTED, 900.0, "exposures that were begun and not kept"),
)
_OVERHEAD_SHARE = 0.1
_LONGEST_WHY = 120


def attention(report: Mapping[str, object]) -> list[str]:
    """Return texts, the most urgent first; empty after a good night."""
    found: list[str] = []
    if report.get("Alarm"):
        found.append(f"DEAD NIGHT: {report['Alarm']}")
    for one in _LOSSES:
        seconds = seconds_of(report, one.loss)
        if seconds >= one.from_s:
            found.append(f"{ROW_OF[one.loss].words}: {duration(seconds)}; {_often(report, one)}")
    counts = report.get("Order Counts")
    failed = counts.get("failed", 0) if isinstance(counts, Mapping) else 0
    if failed:
        found.append(f"{plural(failed, 'order')} given up after failures: see Orders")
    quality = report.get("Quality")
    problems = number(quality, "Number of Problems") if isinstance(quality, Mapping) else 0.0
    if problems:
        found.append(f"{plural(problems, 'frame')} with a problem at the quick look: see Quality")
    owed = structs(report, "Debt")
    if owed:
        obstacles = sum(1 for one in owed if one.get("Obstacle"))
        more = f", {obstacles} of them cannot be ordered" if obstacles else ""
        found.append(f"{plural(len(owed), 'set')} of calibration frames lacking{more}: see Debt")
    if share_of(report, LossClass.OVERHEAD) >= _OVERHEAD_SHARE:
        share = 100.0 * share_of(report, LossClass.OVERHEAD)
        found.append(f"{share:.0f} % of the night went into choosing and waiting")
    return found


def _often(report: Mapping[str, object], one: _Loss) -> str:
    """Return what to look at, and the reason that most of its spans have."""
    lasted: dict[str, int] = {}
    for span in structs(report, "Spans"):
        if span.get("Class") == one.loss.value:
            why = str(span.get("Why", ""))
            lasted[why] = lasted.get(why, 0) + 1
    why = max(lasted, key=lambda each: lasted[each], default="")
    return f"{one.what}; {why[:_LONGEST_WHY]}" if why else one.what

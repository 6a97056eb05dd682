"""A report for people at breakfast: one screen of plain text, 80 characters wide. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from ctmo_indi.scheduler.report.loss_classes import LossClass
from ctmo_indi.scheduler.report.told_numbers import (
    duration,
    frames_count,
    number,
    plural,
    seconds_of,
    share_of,
    structs,
    texts,
)

WIDTH = 80
_BAR = 30
_ORDERS_SHOWN = 8
_FAULTS_SHOWN = 5
_DEBT_SHOWN = 4
_UNPRINTABLE = dict.fromkeys((*range(32), 127, *range(128, 160)), "?")


def report_text(report: Mapping[str, object]) -> str:
    """Return the report; what people wrote is stripped of control characters."""
    lines = [
        line
        for part in (_head, _attention, _ledger, _orders, _frames, _faults, _debt)
        for line in part(report)
    ]
    return "\n".join(line.translate(_UNPRINTABLE).rstrip()[:WIDTH] for line in lines) + "\n"


def _head(report: Mapping[str, object]) -> Iterator[str]:
    site = f", {report['Site']}" if report.get("Site") else ""
    yield f"NIGHT {report.get('Night', '')}{site}"
    if not report.get("Begin"):
        yield "It did not get dark enough for frames of the sky."
        return
    ended = "" if report.get("Whole") else ", so far"
    begin, end = str(report["Begin"]), str(report.get("End", ""))
    length = duration(number(report, "Length"))
    yield f"Dark {begin[:10]} {begin[11:16]} to {end[11:16]} UTC ({length}{ended})"
    sky = duration(seconds_of(report, LossClass.EXPOSING))
    share = 100.0 * share_of(report, LossClass.EXPOSING)
    lights = frames_count(report, "Light")
    yield f"Shutter open on the sky: {share:.1f} %, {sky}; {plural(lights, 'light frame')}"


def _attention(report: Mapping[str, object]) -> Iterator[str]:
    found = texts(report, "Attention")
    yield ""
    if not found:
        yield "Nothing needs attention."
        return
    yield "ATTENTION"
    for one in found:
        yield from textwrap.wrap(one, WIDTH, initial_indent="  ! ", subsequent_indent="    ")[:3]


def _ledger(report: Mapping[str, object]) -> Iterator[str]:
    rows = [row for row in structs(report, "Ledger") if number(row, "Seconds") > 0.0]
    if not rows:
        return
    yield ""
    yield "WHERE THE TIME WENT"
    for row in sorted(rows, key=lambda one: -number(one, "Seconds")):
        share = number(row, "Share")
        bar = "#" * round(_BAR * share)
        words = str(row.get("Words", row.get("Class", "")))
        yield f"  {words:28.28} {_clock(number(row, 'Seconds')):>9} {100 * share:5.1f} %  {bar}"


def _orders(report: Mapping[str, object]) -> Iterator[str]:
    counts = report.get("Order Counts")
    told = counts if isinstance(counts, Mapping) else {}
    yield ""
    yield "ORDERS  " + (", ".join(f"{count} {what}" for what, count in told.items()) or "none")
    rows = sorted(structs(report, "Orders"), key=lambda one: one.get("Outcome") == "done")
    for row in rows[:_ORDERS_SHOWN]:  # those that are done are no news
        name = str(row.get("Object") or row.get("ID", ""))
        frames = f"{number(row, 'Good Exposures'):.0f}/{number(row, 'Number of Exposures'):.0f}"
        outcome, band, why = (str(row.get(key, "")) for key in ("Outcome", "Filter", "Why"))
        yield f"  {outcome:8} {name:20.20} {band:6.6} {frames:>8}  {why}"
    more = sum(int(str(count)) for count in told.values()) - _ORDERS_SHOWN
    if more > 0:
        yield f"  and {more} more: ctmo-indi report --json"


def _frames(report: Mapping[str, object]) -> Iterator[str]:
    rows = structs(report, "Frames")
    yield ""
    yield "FRAMES" if rows else "FRAMES  none"
    for row in rows:
        sharp = (
            f"FWHM {number(row, 'FWHM'):.2f} {row.get('FWHM Unit', '')} "
            f"(median of {number(row, 'Measured'):.0f})"
            if "FWHM" in row
            else ""
        )
        yield (
            f"  {row.get('Frame Type', '')!s:6} {row.get('Filter', '')!s:8.8} "
            f"{number(row, 'Frames'):5.0f}  {duration(number(row, 'Exposing')):>11}  {sharp}"
        )
    quality = report.get("Quality")
    if rows and isinstance(quality, Mapping) and quality.get("Note"):
        yield f"  Quality: {quality['Note']}"


def _faults(report: Mapping[str, object]) -> Iterator[str]:
    rows = structs(report, "Faults")
    yield ""
    yield "FAULTS" if rows else "FAULTS  none"
    for row in rows[:_FAULTS_SHOWN]:
        kind, first, what = (str(row.get(key, "")) for key in ("Kind", "First", "What"))
        head = f"  {number(row, 'Times'):3.0f} x {kind:10.10} {first[11:16]}  "
        yield from textwrap.wrap(
            head + what, WIDTH, subsequent_indent=" " * len(head), drop_whitespace=False
        )[:2]


def _debt(report: Mapping[str, object]) -> Iterator[str]:
    rows = structs(report, "Debt")
    note = str(report.get("Debt Note", ""))
    yield ""
    yield "CALIBRATION DEBT" + ("" if rows else f"  {note or 'none'}")
    for row in rows[:_DEBT_SHOWN]:
        yield (
            f"  {number(row, 'Number of Exposures'):.0f} {row.get('Frame Type', '')!s:5} "
            f"{row.get('Filter', '')!s:6.6} {number(row, 'Exposure Time'):g} s: "
            f"{row.get('Obstacle') or row.get('Because', '')}"
        )


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"

"""A report as HTML: an article to put into a page, and a page of its own for a file. Pure.

No script, no outside request; in the article no style either, so that a strict page takes it. All
texts are escaped: names and reasons are people's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape

from ctmo_indi.scheduler.report.loss_classes import CLASSES, LossClass
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

ORDERS_SHOWN = 60
_HEIGHT, _AXIS = 46, 18
_COLOURS = {row.loss.value: row.colour for row in CLASSES}
_STYLE = """
:root { color-scheme: light dark; --dim: #5b6470; --line: #cfd6de; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --dim: #a9b4c0; --line: #3a444f; --bad: #ff8a80; } }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 1.5rem auto;
  padding: 0 1rem; }
h2 { margin: 0 0 .2rem; font-size: 1.5rem; }
h3 { margin: 1.6rem 0 .4rem; font-size: 1.1rem; }
p { margin: .2rem 0; } svg { shape-rendering: crispEdges; display: block; margin: 1rem 0 .6rem; }
.report-table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .28rem .6rem .28rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { color: var(--dim); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td svg { margin: 0 .5rem 0 0; display: inline-block; }
.report-attention { border-left: 4px solid var(--bad); padding: .2rem .8rem; margin: .8rem 0; }
.report-attention ul { margin: .2rem 0; padding-left: 1.1rem; } .report-dim { color: var(--dim); }
"""


def page(report: Mapping[str, object]) -> str:
    """Return a whole page for a file."""
    title = escape(f"Night {report.get('Night', '')}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body>\n{article(report)}\n</body></html>\n"
    )


def article(report: Mapping[str, object]) -> str:
    """Return the report as one article without style; classes begin with ``report-``."""
    parts = (_head, _attention, _bar, _ledger, _faults, _frames, _debt, _orders)
    inside = "\n".join(line for part in parts for line in part(report))
    return f'<article class="report">\n{inside}\n</article>'


def _head(report: Mapping[str, object]) -> Iterator[str]:
    site = f", {report['Site']}" if report.get("Site") else ""
    title = f"Night {report.get('Night', '')}{site}"
    yield f"<h2>{escape(title)}</h2>"
    if not report.get("Begin"):
        yield "<p>It did not get dark enough for frames of the sky.</p>"
        return
    begin, end = str(report["Begin"]), str(report.get("End", ""))
    ended = "" if report.get("Whole") else ", so far"
    dark = f"Dark {begin[:10]} {begin[11:16]} to {end[11:16]} UTC"
    yield f'<p class="report-dim">{escape(dark)} ({duration(number(report, "Length"))}{ended})</p>'
    share = 100.0 * share_of(report, LossClass.EXPOSING)
    sky = duration(seconds_of(report, LossClass.EXPOSING))
    lights = plural(frames_count(report, "Light"), "light frame")
    yield f"<p><strong>{share:.1f} %</strong> of it exposing on the sky ({sky}), {lights}</p>"


def _attention(report: Mapping[str, object]) -> Iterator[str]:
    found = texts(report, "Attention")
    if not found:
        yield "<p>Nothing needs attention.</p>"
        return
    items = "".join(f"<li>{escape(one)}</li>" for one in found)
    yield f'<div class="report-attention"><strong>Attention</strong><ul>{items}</ul></div>'


def _bar(report: Mapping[str, object]) -> Iterator[str]:
    """Give the night as one bar: presentation attributes only, no style."""
    spans = [
        (begin_s, end_s, span)
        for span in structs(report, "Spans")
        if (begin_s := _unix_s(span.get("From"))) is not None
        and (end_s := _unix_s(span.get("To"))) is not None
    ]
    if not spans:
        return
    first_s, last_s = spans[0][0], spans[-1][1]
    scale = 100.0 / max(1e-3, last_s - first_s)  # percent: it is as wide as its page, not distorted
    words = f"The night as a bar: {len(spans)} spans; the table below has the sums"
    size = f'width="100%" height="{_HEIGHT + _AXIS}"'
    yield f'<svg {size} role="img" aria-label="{escape(words)}">'
    for begin_s, end_s, span in spans:
        loss, why = str(span.get("Class", "")), str(span.get("Why", ""))
        told = f"{str(span.get('From', ''))[11:19]}, {duration(end_s - begin_s)}: {loss}"
        title = escape(f"{told}: {why}" if why else told)
        yield (
            f'<rect x="{(begin_s - first_s) * scale:.3f}%" y="0" '
            f'width="{max(0.02, (end_s - begin_s) * scale):.3f}%" height="{_HEIGHT}" '
            f'fill="{_COLOURS.get(loss, "#888888")}"><title>{title}</title></rect>'
        )
    yield from _hours(first_s, last_s, scale)
    yield "</svg>"


def _hours(first_s: float, last_s: float, scale: float) -> Iterator[str]:
    step_s = 3600.0 if last_s - first_s <= 15.0 * 3600.0 else 10_800.0
    hour_s = -(-first_s // step_s) * step_s
    while hour_s < last_s:
        x = (hour_s - first_s) * scale
        anchor = "start" if x < 3.0 else "end" if x > 99.0 else "middle"
        hour = int(hour_s // 3600.0) % 24
        yield (
            f'<text x="{x:.2f}%" y="{_HEIGHT + 14}" font-size="12" fill="currentColor" '
            f'text-anchor="{anchor}">'
            f"{hour:02d}h</text>"
        )
        hour_s += step_s


def _ledger(report: Mapping[str, object]) -> Iterator[str]:
    rows = [row for row in structs(report, "Ledger") if number(row, "Seconds") > 0.0]
    if rows:
        yield "<h3>Where the time went</h3>"
        rows.sort(key=lambda one: -number(one, "Seconds"))
        yield _table(
            ("Class", "#Time", "#Share"),
            (
                (
                    _swatch(str(row.get("Class", ""))) + escape(str(row.get("Words", ""))),
                    duration(number(row, "Seconds")),
                    f"{100.0 * number(row, 'Share'):.1f} %",
                )
                for row in rows
            ),
            is_markup=(0,),
        )


def _swatch(loss: str) -> str:
    colour = _COLOURS.get(loss, "#888888")
    return (
        '<svg viewBox="0 0 10 10" width="12" height="12" aria-hidden="true">'
        f'<rect width="10" height="10" fill="{colour}"/></svg> '
    )


def _orders(report: Mapping[str, object]) -> Iterator[str]:
    counts = report.get("Order Counts")
    told = counts if isinstance(counts, Mapping) else {}
    yield "<h3>Orders</h3>"
    yield f"<p>{escape(', '.join(f'{count} {what}' for what, count in told.items()) or 'none')}</p>"
    rows = structs(report, "Orders")[:ORDERS_SHOWN]
    if rows:
        yield _table(
            ("Outcome", "Object", "Filter", "#Frames", "Why", "Receipt"),
            (
                (
                    row.get("Outcome", ""),
                    row.get("Object") or row.get("ID", ""),
                    row.get("Filter", ""),
                    f"{number(row, 'Good Exposures'):.0f} of "
                    f"{number(row, 'Number of Exposures'):.0f}",
                    row.get("Why", ""),
                    row.get("Receipt", ""),
                )
                for row in rows
            ),
        )


def _frames(report: Mapping[str, object]) -> Iterator[str]:
    rows = structs(report, "Frames")
    yield "<h3>Frames</h3>"
    if not rows:
        yield "<p>none</p>"
        return
    yield _table(
        ("Kind", "Filter", "#Frames", "#Exposing", "#FWHM"),
        (
            (
                row.get("Frame Type", ""),
                row.get("Filter", ""),
                f"{number(row, 'Frames'):.0f}",
                duration(number(row, "Exposing")),
                f"{number(row, 'FWHM'):.2f} {row.get('FWHM Unit', '')}" if "FWHM" in row else "",
            )
            for row in rows
        ),
    )
    quality = report.get("Quality")
    if isinstance(quality, Mapping):
        if quality.get("Note"):
            yield f'<p class="report-dim">{escape(str(quality["Note"]))}</p>'
        for one in structs(quality, "Problems"):
            problem = f"{one.get('File', '')}: {one.get('Problem', '')}"
            yield f"<p>{escape(problem)}</p>"


def _faults(report: Mapping[str, object]) -> Iterator[str]:
    rows = structs(report, "Faults")
    yield "<h3>Faults</h3>"
    if not rows:
        yield "<p>none</p>"
        return
    yield _table(
        ("#Times", "Where", "First", "What"),
        (
            (
                f"{number(row, 'Times'):.0f}",
                row.get("Kind", ""),
                str(row.get("First", ""))[11:16],
                row.get("What", ""),
            )
            for row in rows
        ),
    )


def _debt(report: Mapping[str, object]) -> Iterator[str]:
    rows = structs(report, "Debt")
    yield "<h3>Calibration debt</h3>"
    if not rows:
        yield f"<p>{escape(str(report.get('Debt Note') or 'none'))}</p>"
        return
    yield _table(
        ("Frames", "Filter", "#Exposure", "Why"),
        (
            (
                f"{number(row, 'Number of Exposures'):.0f} {row.get('Frame Type', '')}",
                row.get("Filter", ""),
                f"{number(row, 'Exposure Time'):g} s",
                row.get("Obstacle") or row.get("Because", ""),
            )
            for row in rows
        ),
    )


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], is_markup: Sequence[int] = ()
) -> str:
    """Return a table; a column whose name begins with # is of numbers."""
    kinds = [' class="number"' if name.startswith("#") else "" for name in columns]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name.removeprefix("#"))}</th>'
        for name, kind in zip(columns, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kinds[place]}>{cell if place in is_markup else escape(str(cell))}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="report-table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _unix_s(instant: object) -> float | None:
    try:
        return datetime.fromisoformat(str(instant)).timestamp()
    except ValueError:
        return None

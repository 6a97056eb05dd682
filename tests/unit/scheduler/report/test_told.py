"""What people read: text of one screen, HTML without script or style; people's texts are texts."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.scheduler.report.as_html import article, page
from ctmo_indi.scheduler.report.making import Report
from ctmo_indi.testing.desks import reply_faults

from .night_rig import NightRig

EVIL = '<script>alert("x")</script>\x1b[31m&'
SVG_AND_TEXT = frozenset(
    "article h2 h3 p strong div ul li table thead tbody tr th td svg rect title text".split()
)


class Tags(HTMLParser):
    """Collects elements and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("rect", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def report(night: NightRig) -> Report:
    """A night with something of everything."""
    night.running()
    done = night.order("m31")
    night.attempt(done, 100.0, 400.0, [(150.0, 60.0), (215.0, 60.0), (280.0, 60.0)])
    night.settle(done, OrderState.COMPLETED, 400.0)
    bad = night.order(EVIL, Filter="R")
    for number in range(3):
        begin_s = 1000.0 + 700.0 * number
        reason = f"mount: {EVIL} after {number} s"
        night.attempt(bad, begin_s, begin_s + 600.0, [], state=AttemptState.FAILED, reason=reason)
    night.settle(bad, OrderState.FAILURE_LIMIT_REACHED, 4000.0, "failed 3 times")
    night.order("waits")
    night.verdict(5000.0, "weather_alert", f"wind {EVIL}")
    night.verdict(9000.0)
    night.preprocessor.frames = [
        {"File": "a.fits", "Frame Type": "Light", "Filter": "V", "FWHM": width,
         "FWHM Unit": "arcsec", "Ellipticity": 0.1, "Problem": ""}
        for width in (2.0, 2.4, 9.0)
    ]  # fmt: skip
    night.preprocessor.frames.append(
        {"File": EVIL, "Frame Type": "Light", "Filter": "V", "Problem": EVIL}
    )
    night.preprocessor.debt = [
        {"Frame Type": "Dark", "Number of Exposures": 10, "Exposure Time": 60.0, "Filter": "",
         "Lights": 3, "Because": EVIL}
    ]  # fmt: skip
    return night.report()


def test_the_text_is_one_screen(report: Report) -> None:
    lines = str(report["Text"]).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in str(report["Text"])
    text = str(report["Text"])
    assert "Shutter open on the sky: 0.4 %, 3 min; 3 light frames" in text
    assert "1 failed, 1 done, 1 waiting" in text
    assert "FWHM 2.40 arcsec (median of 3)" in text
    assert re.search(r"weather +1:06:40 +9\.7 %", text)
    assert "3 x attempt" in text
    assert text.index("ATTENTION") < text.index("WHERE THE TIME WENT")
    assert "10 Dark" in text


def test_the_article_has_neither_script_nor_style_nor_anything_from_outside(
    report: Report,
) -> None:
    told = Tags(str(report["HTML"]))
    assert told.names <= SVG_AND_TEXT
    assert told.open == []
    assert not {one for one in told.attributes if one.startswith("on")} | (
        told.attributes & {"style", "src", "href", "srcset", "xlink:href"}
    )
    assert '<script>alert("x")</script>' in "".join(told.texts)  # shown as text


def test_the_page_asks_nobody_for_anything(report: Report) -> None:
    told = Tags(page(report))
    assert told.names <= SVG_AND_TEXT | {"html", "head", "meta", "style", "body"}
    assert "url(" not in page(report)
    assert "http" not in page(report).replace("http-equiv", "")


def test_every_class_of_the_bar_is_in_the_legend(report: Report) -> None:
    html = str(report["HTML"])
    in_bar = set(re.findall(r'height="46" fill="(#\w+)"', html))
    in_legend = set(re.findall(r'height="10" fill="(#\w+)"', html))
    assert in_bar == in_legend
    assert len(in_bar) >= 4


def test_a_reply_is_as_the_contract_says(report: Report) -> None:
    head = {"ID": "", "Receipt": "", "Kind": "Report", "Status": "OK", "Revision": 0,
            "Message": "", "Reasons": []}  # fmt: skip
    assert reply_faults("Report", {**head, **report}) == []


def test_spans_follow_each_other_and_sum_to_the_length(report: Report) -> None:
    spans, rows = report["Spans"], report["Ledger"]
    assert isinstance(spans, list)
    assert isinstance(rows, list)
    assert [one["To"] for one in spans[:-1]] == [one["From"] for one in spans[1:]]
    assert sum(row["Seconds"] for row in rows) == pytest.approx(report["Length"], abs=0.001)
    assert sum(row["Share"] for row in rows) == pytest.approx(1.0)


def test_a_night_without_dark_and_one_without_preprocessor(night: NightRig) -> None:
    night.preprocessor.is_down = True
    told = night.report()
    assert "connection refused" in str(told["Debt Note"])
    assert "connection refused" in str(told["Quality"])
    empty = {**told, "Begin": "", "End": "", "Ledger": [], "Spans": []}
    assert "did not get dark" in article(empty)


def test_a_polar_night_is_from_noon_to_noon_and_midsummer_has_none(night: NightRig) -> None:
    from dataclasses import replace

    from ctmo_indi.scheduler.report.night_sky import NightSky

    from .night_rig import PROFILE

    north = replace(PROFILE, site=replace(PROFILE.site, latitude_deg=85.0))
    sky = NightSky(north, night.clock, night._read)
    polar, summer = sky.of_label("20261221"), sky.of_label("20260621")
    assert polar.dark == (polar.noon, polar.next_noon)
    assert summer.dark is None
    made = night.maker.make(summer)
    assert (made["Length"], made["Spans"], made["Alarm"]) == (0.0, [], "")
    assert "did not get dark" in str(made["Text"])

"""Tonight, Sky, Frames and Report in a browser; what they show is what the desks said."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from ctmo_indi.models.coordinates import altaz
from ctmo_indi.testing.desks import small_profile

from .conftest import OpenPage
from .night_desks import DOME, FRAMES, M_31, NASTY, NOW, VISITS, NightSite, a_night, iso

TABS = ("tonight", "sky", "frames", "report")
PHONE = 360


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NightSite]:
    with a_night(tmp_path_factory.mktemp("night")) as served:
        yield served


def rows(page: Page, table: str) -> list[list[str]]:
    """Texts of a table's body."""
    page.locator(f"{table} tbody tr").first.wait_for()
    return page.locator(f"{table} tbody tr").evaluate_all(
        "all => all.map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"
    )


def is_drawn(page: Page, canvas: str) -> bool:
    """Whether a canvas has more than one colour."""
    page.locator(canvas).first.wait_for(state="attached")
    return page.locator(canvas).first.evaluate(
        """(one) => new Set(new Uint32Array(one.getContext('2d')
            .getImageData(0, 0, one.width, one.height).data.buffer)).size > 3"""
    )


def clock(text: object) -> str:
    return str(text)[11:16]


def altitude(place: dict[str, object], minutes: float) -> str:
    at_s = NOW.timestamp() + 60.0 * minutes
    found, _ = altaz(float(str(place["RA"])), float(str(place["Dec"])), small_profile().site, at_s)
    return f"{found:.0f}°"


def test_the_table_of_tonight_is_the_plan_and_what_was_done(
    site: NightSite, open_page: OpenPage
) -> None:
    page = open_page(site.url).show("tonight")
    done, lost, running, hostile, planned = rows(page, "table.visits")
    assert done[0].startswith(f"{clock(iso(-120.0))} – {clock(iso(-100.0))}")
    assert done[1:4] == [f"M 31\nwhy {NASTY}", "V", "4 × 290\u202fs"]
    assert done[4] == f"{altitude(M_31, -120.0)} – {altitude(M_31, -100.0)}"
    assert [row[6] for row in (done, lost, running, hostile, planned)] == [
        "completed",
        "interrupted",
        "in progress",
        "next",
        "planned",
    ]
    assert running[0].startswith(f"{clock(iso(-5.0))} – {clock(iso(15.0))}")
    assert hostile[1] == NASTY
    assert planned[0].startswith(f"{clock(VISITS[2]['Start'])} – {clock(VISITS[2]['End'])}")
    links = page.locator("table.visits a")
    assert (
        links.evaluate_all("all => all.map((one) => one.hash.slice(0, 10))") == ["#orders/O-"] * 5
    )
    assert page.locator("#shown img").count() == 0


def test_tonight_says_twilight_plan_and_holds_in_words(
    site: NightSite, open_page: OpenPage
) -> None:
    page = open_page(site.url).show("tonight")
    shown = page.locator("#shown")
    expect(shown).to_contain_text("3 visits to come")
    expect(shown).to_contain_text("within 1.3 % of the best possible")
    # Sunset at 25.996 N 97.569 W on 22 November: 23:39 UTC, as an almanac has it
    expect(page.locator("dl.sky-times")).to_contain_text("23:38 – 12:54")
    holds = page.locator("section", has=page.locator("#holds-head"))
    expect(holds.locator("tbody tr")).to_have_text(
        f"{clock(iso(-80.0))}{clock(iso(-30.0))}UNSAFErain {NASTY}"
    )


def test_the_chart_is_drawn_and_read_by_pointer_and_by_keyboard(
    site: NightSite, open_page: OpenPage
) -> None:
    page = open_page(site.url).show("tonight")
    page.locator(".u-over").wait_for()
    assert is_drawn(page, ".chart canvas")
    chart = page.get_by_role("slider")
    chart.focus()
    page.keyboard.press("Home")
    readout = page.locator("p.readout")
    expect(readout).to_contain_text(f"M 31, V: {clock(iso(-120.0))} – {clock(iso(-100.0))}")
    expect(readout).to_contain_text(f"air mass {1.0:.0f}")
    page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text(f"{NASTY}, V: {clock(iso(-90.0))}")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("interrupted"))
    expect(page.locator("tr.chosen")).to_contain_text(NASTY)
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.2 * box["height"])
    expect(readout).to_contain_text("UTC: Sun at")


def test_another_night_says_what_is_not_kept(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url).show("tonight")
    page.get_by_role("button", name="the night before").click()
    expect(page.locator("#night-head")).to_have_text("Night of 2026-11-21")
    expect(page.locator("#shown")).to_contain_text("the plan of a past night is not kept")
    expect(page.locator("#shown")).to_contain_text("Nothing was done and nothing is planned")


def test_a_night_without_a_plan_says_why(site: NightSite, open_page: OpenPage) -> None:
    watched = open_page(site.url)

    def without(route: Route) -> None:
        view = route.fetch().json()
        route.fulfill(json={**view, "plan": None, "no_plan": f"it plans nothing {NASTY}"})

    watched.page.route("**/api/night", without)
    page = watched.show("tonight")
    expect(page.locator("#shown")).to_contain_text(f"No plan: it plans nothing {NASTY}.")
    expect(page.locator("table.visits tbody tr")).to_have_count(3)


def test_the_sky_shows_telescope_targets_and_bodies(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url).show("sky")
    table = page.locator("section", has=page.locator("#where-head")).locator("table")
    expect(table.locator("tbody tr").first).to_have_text(
        re.compile(r"Telescope\s*tracks61°242° WSW")
    )
    expect(table.locator("tr", has_text="runs since")).to_contain_text("M 31")
    expect(table.locator("tr", has_text="next, ")).to_contain_text(NASTY)
    expect(table.locator("tr", has_text="Moon")).to_contain_text("97 % lit")
    expect(page.locator("#shown")).to_contain_text(
        f"Dome slit at azimuth {DOME['Azimuth']:.0f}° WSW"
    )
    assert is_drawn(page, ".sky-place canvas")
    canvas = page.get_by_role("slider")
    canvas.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("p.readout")).to_contain_text("Telescope (tracks): altitude 61°")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.locator("p.readout")).not_to_be_empty()


def test_frames_are_listed_with_what_was_measured_and_shown(
    site: NightSite, open_page: OpenPage
) -> None:
    page = open_page(site.url).show("frames")
    listed = rows(page, "table.frames")
    assert [row[0] for row in listed] == [clock(one["Start"]) for one in FRAMES]
    assert listed[0][2:] == ["V", "290\u202fs", "3.25", "0.10", "41", "812.5"]
    assert listed[1][1] == f"{NASTY}\nclipped {NASTY}"
    expect(page.get_by_role("status").filter(has_text="frames")).to_have_text(
        "4 frames were looked at, 1 waits."
    )
    picture = page.locator(".frame-place img")
    expect(picture).to_have_js_property("naturalWidth", 64)
    expect(picture).to_have_attribute("alt", re.compile("M 31, filter V, 290"))
    first = picture.get_attribute("src")
    page.get_by_role("button", name=f"show {NASTY}").click()
    expect(picture).not_to_have_attribute("src", str(first))
    expect(page.locator("#picture-head")).to_contain_text(NASTY)
    expect(page.locator("figcaption").first).to_have_text(
        "FWHM: from 3.3 to 4.0\u202farcsec, median 3.8\u202farcsec of 4 frames"
    )
    assert is_drawn(page, ".quantity canvas")
    assert page.locator("#shown img").count() == 1


def test_a_night_without_frames_says_so(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url).show("frames")
    page.get_by_role("button", name="the night before").click()
    expect(page.locator("#shown")).to_contain_text("There are no frames.")
    expect(page.locator("#frames-head")).to_contain_text("2026-11-21")


def test_the_report_is_the_ledger_and_every_text_of_it_is_text(
    site: NightSite, open_page: OpenPage
) -> None:
    page = open_page(site.url).show("report")
    ledger = page.locator("section", has=page.locator("#ledger-head"))
    ledger.wait_for()
    found = rows(page, "section:has(#ledger-head) > .scroll > table")
    assert found == [
        ["exposing on the sky", "on the sky", "6:00:00", "60.0\u202f%"],
        [f"weather {NASTY}", "lost", "3:00:00", "30.0\u202f%"],
        ["slewing and settling", "at work", "1:00:00", "10.0\u202f%"],
        ["the whole night", "", "10:00:00", "100.0\u202f%"],
    ]
    expect(ledger).to_contain_text("Nothing of: focusing.")
    expect(page.get_by_role("alert")).to_contain_text(f"Dead night: nothing was taken {NASTY}")
    widths = page.locator(".ledger-bar").first.evaluate(
        """(bar) => [...bar.querySelectorAll('rect:first-of-type')]
            .map((one) => one.width.baseVal.value)"""
    )
    assert widths == [600.0, 100.0, 300.0]
    expect(page.locator("#shown")).to_contain_text(f"look at {NASTY}")
    assert page.locator("#shown script, #shown img").count() == 0


def test_a_report_that_is_refused_says_why(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url).show("report")
    page.locator("#ledger-head").wait_for()
    page.get_by_role("button", name="the night before").click()
    expect(page.locator("#shown")).to_contain_text("nothing is known of that night")
    expect(page.locator("#ledger-head")).to_have_count(0)


@pytest.mark.parametrize("tab", TABS)
def test_a_phone_never_scrolls_sideways(site: NightSite, open_page: OpenPage, tab: str) -> None:
    page = open_page(site.url, width=PHONE, height=740, theme="night").show(tab)
    page.locator("#shown table").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    buttons = page.locator("#shown button").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((box) => box.height)"
    )
    assert all(height >= 44 for height in buttons)


@pytest.mark.parametrize("width", [PHONE, 1366])
def test_the_reports_tables_fit_the_page(site: NightSite, open_page: OpenPage, width: int) -> None:
    page = open_page(site.url, width=width, height=740).show("report")
    page.locator("table.cards").first.wait_for()
    hidden_px = page.locator(".scroll:has(table.cards)").evaluate_all(
        "all => all.map((one) => one.scrollWidth - one.clientWidth)"
    )
    assert set(hidden_px) == {0}


def test_a_picture_that_was_refused_is_asked_for_again(
    site: NightSite, open_page: OpenPage
) -> None:
    watched = open_page(site.url)
    watched.expected.append("503")
    watched.page.route(
        "**/api/picture?**", lambda route: route.fulfill(status=503, body="busy"), times=1
    )
    page = watched.show("frames")
    expect(page.locator(".frame-place")).to_contain_text("No picture: busy")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".frame-place img")).to_have_js_property("naturalWidth", 64)


@pytest.mark.parametrize("theme", ["light", "dark", "night"])
def test_axe_finds_nothing_serious(site: NightSite, open_page: OpenPage, theme: str) -> None:
    watched = open_page(site.url, theme=theme, width=700)
    for tab in TABS:
        page = watched.show(tab)
        page.locator("#shown table").first.wait_for()
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        grave = [
            (one["id"], [node["html"][:160] for node in one["nodes"]][:3])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert grave == [], tab


def test_names_in_the_chart_cover_nothing(site: NightSite, open_page: OpenPage) -> None:
    """Twelve crowded visits: names touch neither each other nor a bar, or are left out."""
    page = open_page(site.url).show("now")
    drawn, bars = page.evaluate("""async () => {
        const { drawNames } = await import("/static/tonight_names.js");
        const drawn = [], height = 200;
        const ctx = { measureText: (text) => ({ width: 6 * text.length }), strokeText() {},
            fillText(text, x, y) {
                drawn.push([x - 3 * text.length, y - 9, x + 3 * text.length, y]); } };
        const valToPos = (value, axis) => (axis === "x" ? value : height - (value * height) / 90);
        const rows = Array.from({ length: 12 }, (_, i) => ({ label: `NGC 73${i} of a long name`,
            start_ms: 4e4 + 25e3 * i, end_ms: 6e4 + 25e3 * i, until_ms: NaN, planned_deg: [],
            altitude_deg: [70 - 3 * i, 75 - 3 * i] }));
        drawNames({ ctx, valToPos, bbox: { left: 0, top: 0, width: 400, height } }, rows, 0);
        const bars = rows.map((row) => [(row.start_ms + row.end_ms) / 2e3,
            valToPos(row.altitude_deg[0] + 2.5, "y")]);
        return [drawn, bars];
    }""")
    assert 0 < len(drawn)
    for index, (left, top, right, bottom) in enumerate(drawn):
        assert not [(x, y) for x, y in bars if left < x < right and top < y < bottom]
        for other in drawn[:index]:
            assert not (
                left < other[2] and right > other[0] and top < other[3] and bottom > other[1]
            )

"""The page over a running observatory: what it shows, what it sends, and what it lives through."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from ...running_fleet import RunningFleet, until
from .conftest import OpenPage

pytestmark = pytest.mark.indi

TABS = ("now", "tonight", "sky", "orders", "frames", "devices", "log", "report")
THEMES = ("light", "dark", "night")
PHONE = 360
NASTY = "<img src=x onerror=alert(1)> & 'M 31'"
NO_ANSWER = "net::ERR"  # Chromium's own words for a connection that is gone


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """Observing since dusk, at 60 sky seconds a second."""
    made = RunningFleet(tmp_path_factory.mktemp("page"), speed=60.0)
    with made.running() as running:
        yield running


@pytest.fixture
def url(fleet: RunningFleet) -> str:
    return fleet.desk("scheduler").url.rstrip("/")


def far_order(fleet: RunningFleet, **keys: object) -> str:
    """An order that waits: its window is hours away."""
    begin = fleet.clock.utc() + timedelta(hours=5)
    window = {"Start": begin.isoformat(), "End": (begin + timedelta(hours=2)).isoformat()}
    place = fleet.target(hour_angle_h=-6.0)
    return fleet.observe(Windows=[window], **{**place, **keys})


def field(page: Page, key: str) -> Locator:
    """The form's field for a key of the order."""
    return page.locator(f"form [name='{key}']")


def verdict_of(fleet: RunningFleet) -> dict[str, object]:
    verdict = fleet.ask({"WOType": "Status"}, "safety")["Verdict"]
    assert isinstance(verdict, dict)
    return verdict


def test_now_shows_verdict_state_and_devices(
    fleet: RunningFleet, url: str, open_page: OpenPage
) -> None:
    page = open_page(url).show("now")
    banner = page.locator("header.top")
    expect(banner).to_contain_text(fleet.profile.site.name)
    expect(banner).to_contain_text("SAFE")
    expect(banner).to_contain_text("ENABLED")
    expect(page.get_by_role("img", name=re.compile("Dome slit at azimuth"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("wind speed"))).to_contain_text(
        "20"
    )  # INDI's limit


def test_pointing_of_the_mount_arrives_without_reloading(
    fleet: RunningFleet, url: str, open_page: OpenPage
) -> None:
    page = open_page(url).show("devices")
    altitude = (
        page.locator("section.panel", has_text="Mount").locator("dt:text-is('RA') + dd").first
    )
    before = altitude.inner_text()
    fleet.ask({"WOType": "Control", "Command": "unpark"})
    expect(altitude).not_to_have_text(before)  # it stands still, so its right ascension goes on


def test_an_order_is_sent_and_found_again(
    fleet: RunningFleet, url: str, open_page: OpenPage
) -> None:
    page = open_page(url).show("orders/new")
    place = fleet.target()
    page.get_by_role("button", name="RA and Dec").click()
    field(page, "Object").fill(NASTY)
    field(page, "RA").fill(str(place["RA"]))
    field(page, "Dec").fill(str(place["Dec"]))
    field(page, "Filter").select_option("V")
    field(page, "Exposure Time").fill("30")
    field(page, "Number of Exposures").fill("2")
    field(page, "User").fill("Ada <b>L.</b>")
    page.get_by_role("button", name="Send the order").click()
    expect(page.locator("p.message.good")).to_contain_text("Work order received.")
    page.get_by_role("link", name="See the order").click()
    expect(page.locator("#order-head")).to_have_text(NASTY)
    page.locator("nav.parts a", has_text="List").click()
    page.get_by_role("searchbox", name="search orders").fill("onerror")
    row = page.locator("table.orders tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(NASTY)
    expect(row).to_contain_text("Ada <b>L.</b>")
    assert page.locator("#app img, #app b:text-is('L.')").count() == 0


def test_every_wrong_field_is_marked_before_it_is_sent(url: str, open_page: OpenPage) -> None:
    page = open_page(url).show("orders/new")
    page.locator("details.fold").evaluate_all("all => all.forEach(one => (one.open = true))")
    texts = page.locator("form input[inputmode=decimal]")
    for index in range(texts.count()):
        texts.nth(index).fill("x")
    instants = page.locator("form input[placeholder^='2026']")
    assert texts.count() > 0
    assert instants.count() > 0
    for index in range(instants.count()):
        instants.nth(index).fill("tomorrow")
    page.get_by_role("button", name="Send the order").click()
    needed = 2  # object and filter
    count = texts.count() + instants.count() + needed
    expect(page.locator("form .wrong")).to_have_count(count)
    expect(page.locator("form [aria-invalid=true]")).to_have_count(count)
    expect(field(page, "Object")).to_be_focused()


def test_the_desks_refusal_stands_at_its_fields(url: str, open_page: OpenPage) -> None:
    page = open_page(url).show("orders/new")
    page.get_by_role("button", name="RA and Dec").click()
    field(page, "RA").fill("400")
    field(page, "Dec").fill("north")
    field(page, "Filter").select_option("V")
    field(page, "Exposure Time").fill("30")
    page.get_by_role("button", name="Send the order").click()
    expect(page.locator("#f-RA-wrong")).to_contain_text("came '400'")
    expect(page.locator("#f-Dec-wrong")).to_contain_text("came 'north'")
    expect(field(page, "Filter")).not_to_have_attribute("aria-invalid", "true")


def test_an_order_is_explained_and_canceled(
    fleet: RunningFleet, url: str, open_page: OpenPage
) -> None:
    receipt = far_order(fleet, Object="Far Field")
    page = open_page(url).show(f"orders/{receipt}")
    page.get_by_role("button", name="Explain").click()
    panel = page.locator("section", has=page.locator("#explain-head"))
    expect(panel).to_contain_text("cannot begin")
    expect(panel.get_by_role("row", name=re.compile("window"))).to_contain_text("not met")
    page.get_by_role("button", name="Cancel this order").click()
    page.get_by_role("button", name="Leave it").click()
    assert fleet.ask({"WOType": "Status", "Receipt": receipt})["Status"] == "PENDING"
    page.get_by_role("button", name="Cancel this order").click()
    page.get_by_role("button", name="Cancel the order").click()
    expect(page.locator("header", has=page.locator("#order-head"))).to_contain_text("CANCELED")
    assert fleet.ask({"WOType": "Status", "Receipt": receipt})["Status"] == "CANCELED"


def test_stop_is_one_press_and_release_asks(
    fleet: RunningFleet, url: str, open_page: OpenPage
) -> None:
    page = open_page(url).show("log")
    page.locator("button.stop").click()
    release = page.locator("button.release")
    expect(release).to_be_visible()
    assert verdict_of(fleet)["Latch"]
    release.click()
    page.get_by_role("button", name="Leave it").click()
    assert verdict_of(fleet)["Latch"]
    release.click()
    page.get_by_role("dialog").get_by_role("button", name="Release").click()
    expect(release).not_to_be_visible()
    until(lambda: not verdict_of(fleet)["Latch"], "the latch is gone")


def test_stop_goes_past_a_scheduler_that_does_not_answer(
    fleet: RunningFleet, url: str, open_page: OpenPage
) -> None:
    watched = open_page(url)
    watched.expected.append(NO_ANSWER)
    page = watched.show("now")

    def lose_the_schedulers(route: Route) -> None:
        if json.loads(route.request.post_data or "{}").get("service") == "scheduler":
            route.abort()
        else:
            route.continue_()

    page.route("**/api/order", lose_the_schedulers)
    page.keyboard.press("Control+.")
    expect(page.locator("button.release")).to_be_visible()
    assert verdict_of(fleet)["Latch"]
    page.unroute("**/api/order")
    fleet.ask({"WOType": "Control", "Command": "release"})


def test_stop_is_there_in_a_dialogue_too(
    fleet: RunningFleet, url: str, open_page: OpenPage
) -> None:
    page = open_page(url).show("now")
    page.get_by_role("button", name="help and shortcuts").click()
    page.get_by_role("dialog").get_by_role("button", name="STOP").click()
    page.get_by_role("dialog").get_by_role("button", name="close").click()
    expect(page.locator("button.release")).to_be_visible()
    expect(page.locator(".slim")).to_contain_text("latch")  # the answer in its own words
    assert verdict_of(fleet)["Latch"]
    fleet.ask({"WOType": "Control", "Command": "release"})


def test_stop_does_not_wait_for_slow_questions(
    fleet: RunningFleet, url: str, open_page: OpenPage
) -> None:
    """A browser opens six connections to one server; slow answers hold all of them."""
    page = open_page(url).show("log")
    page.evaluate("""async () => {
        const { order } = await import("/static/api.js");
        const slow = { WOType: "Status", Since: 999999999, Wait: 20 };
        for (let i = 0; i < 8; i++) order("scheduler", slow);
    }""")
    page.locator("button.stop").click()
    expect(page.locator("button.release")).to_be_visible(timeout=3_500)  # before it asks others
    assert verdict_of(fleet)["Latch"]
    fleet.ask({"WOType": "Control", "Command": "release"})


def test_a_page_in_the_background_rests(url: str, open_page: OpenPage) -> None:
    watched = open_page(url)
    watched.page.clock.install()
    page = watched.show("now")
    hide = """is_hidden => {
        Object.defineProperty(document, "hidden", { value: is_hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    opened: list[str] = []
    page.on("request", lambda request: opened.append(request.url))
    page.evaluate(hide, arg=True)
    with page.expect_event("requestfailed", lambda request: "/api/stream" in request.url):
        page.clock.fast_forward(61_000)
    page.clock.fast_forward(61_000)  # a page that thinks itself lost would try again
    expect(page.locator("header.top")).to_contain_text("UNKNOWN")
    assert [url for url in opened if "/api/stream" in url] == []
    page.evaluate(hide, arg=False)
    page.clock.resume()
    expect(page.locator("header.top")).to_contain_text("SAFE")


def test_tabs_and_help_by_keyboard(url: str, open_page: OpenPage) -> None:
    page = open_page(url).show("now")
    page.locator("#tab-now").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#tab-report")).to_be_focused()
    expect(page.locator("#tab-report")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Home")
    expect(page.locator("#tab-now")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keys")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#tab-now")).to_be_focused()
    page.keyboard.press("n")
    expect(page.locator("#form-head")).to_be_visible()


def test_no_tab_scrolls_sideways_on_a_phone(
    fleet: RunningFleet, url: str, open_page: OpenPage
) -> None:
    receipt = far_order(fleet, Object=NASTY)
    watched = open_page(url, width=PHONE, height=740)
    for tab in (*TABS, "orders/new", "orders/commands", f"orders/{receipt}"):
        page = watched.show(tab)
        wide, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= shown, tab
        assert small_targets(page) == [], tab


def small_targets(page: Page) -> list[str]:
    """Return buttons and fields that a thumb would miss: under 44 px."""
    found: list[str] = page.evaluate("""
        [...document.querySelectorAll('button, input, select, textarea, a.button')]
          .filter((one) => one.type !== 'checkbox')  // its label is what is pressed
          .filter((one) => one.offsetParent && (one.offsetHeight < 44 || one.offsetWidth < 44))
          .map((one) => `${one.outerHTML.slice(0, 80)} ${one.offsetWidth}x${one.offsetHeight}`)
    """)
    return found


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious(url: str, open_page: OpenPage, theme: str) -> None:
    watched = open_page(url, theme=theme)
    axe = Axe()

    def grave_faults(page: Page, context: str | None, rules: dict[str, list[str]]) -> list[object]:
        options = {"resultTypes": ["violations"], **rules}
        return [
            (one["id"], [node["html"][:120] for node in one["nodes"]][:3])
            for one in axe.run(page, context, options).response["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    for tab in (*TABS, "orders/new", "orders/commands"):
        page = watched.show(tab)
        # Head and tab bar are looked at once, with the first tab; of further themes the colours.
        context = None if tab == TABS[0] else "#shown"
        rules = {} if theme == THEMES[0] else {"runOnly": ["color-contrast"]}
        assert grave_faults(page, context, rules) == [], tab
    page.get_by_role("button", name="help and shortcuts").click()
    assert grave_faults(page, "dialog", {}) == []
    page.keyboard.press("Escape")
    page.locator("button.who").click()
    assert grave_faults(page, "dialog", {}) == []


def test_what_the_page_weighs(url: str, open_page: OpenPage) -> None:
    """Printed, and the size held; the time of the first paint is the machine's of the moment."""
    watched = open_page(url)
    page = watched.show("now")
    paint_ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    for tab in TABS:
        watched.page.locator(f"#tab-{tab}").click()
        page.locator("#shown > *").first.wait_for()
    sizes = page.evaluate("""performance.getEntries()
        .filter((one) => one.decodedBodySize && !one.name.includes('/api/'))
        .map((one) => [one.transferSize, one.decodedBodySize])""")
    sent, held = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    print(f"first paint {paint_ms:.0f} ms, all tabs {sent / 1e3:.0f} kB sent, {held / 1e3:.0f} kB")
    assert held <= 500_000


def test_page_outlives_the_scheduler(fleet: RunningFleet, url: str, open_page: OpenPage) -> None:
    watched = open_page(url)
    watched.expected.append(NO_ANSWER)
    page = watched.show("now")
    expect(page.locator("header.top")).to_contain_text("ENABLED")
    pid = fleet.kill("scheduler")
    expect(page.get_by_text("Connection lost")).to_be_visible()
    fleet.wait_for_restart("scheduler", pid)
    expect(page.get_by_text("The scheduler was restarted")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Connection lost")).to_have_count(0)
    expect(page.locator("header.top")).to_contain_text("SAFE")

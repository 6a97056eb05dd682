"""The page among people who mean it ill, type it wrong, or open it twenty times."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder, OrderKind

from .conftest import OpenPage
from .night_desks import DOME, MOUNT, NOW, NightDesk, NightSite, TelescopeDesk, a_night, receipt

REVERSED = "\u202egnilaets \u2067is he"
HEBREW = "\u05d0\u05d1"
ALARM = "the shutter did not close within 90 s"
HIDE = """is_hidden => {
    Object.defineProperty(document, "hidden", { value: is_hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


class WordyDesk(NightDesk):
    """A scheduler in FAULT whose texts reorder the words around them."""

    def _status(self, checked: CheckedOrder) -> Reply:
        told: Reply = super()._status(checked)
        if checked.wire.get("Receipt"):
            return told | {"Object": "M 31", "Status": "PENDING", "User": "ada"}
        verdict = {
            "Level": "UNSAFE",
            "Reasons": ["rain"],
            "Rules": [{"Rule": "weather", "Level": "UNSAFE", "Text": "rain", "Age": 1.0}],
        }
        return told | {
            "Summary State": "FAULT",
            "Running": False,
            "Reasons": [REVERSED, HEBREW],
            "Verdict": verdict,
        }


@pytest.fixture(scope="module")
def desk() -> WordyDesk:
    return WordyDesk()


@pytest.fixture(scope="module")
def telescope() -> TelescopeDesk:
    unknown = {"Mount": MOUNT, "Dome": DOME | {"Shutter": "UNKNOWN"}, "UTC": NOW.isoformat()}
    return TelescopeDesk(Devices=unknown, Observatory="ALARM", Alarm=ALARM)


@pytest.fixture(scope="module")
def site(
    desk: WordyDesk, telescope: TelescopeDesk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NightSite]:
    with a_night(tmp_path_factory.mktemp("hostile"), desk, telescope) as served:
        yield served


def panel(page: Page, head: str) -> Locator:
    return page.locator("section", has=page.locator(f"#{head}"))


def test_text_reorders_no_words_but_its_own(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url).show("now")
    shown = panel(page, "run-head")
    expect(shown).to_contain_text("\ufffdgnilaets \ufffdis he")
    expect(shown).to_contain_text(f"\u2068{HEBREW}\u2069")  # in its own direction, alone
    text = page.locator("#app").inner_text()
    assert not set(text) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u200f")


def test_what_was_made_harmless_is_sent_back_as_it_came(
    site: NightSite, desk: WordyDesk, open_page: OpenPage
) -> None:
    page = open_page(site.url).show("now")
    page.evaluate(
        """async (name) => {
            const { order } = await import("/static/api.js");
            await order("scheduler", { WOType: "Control", Command: "abort", User: name });
        }""",
        f"\u2068{HEBREW}\u2069",
    )
    assert desk.orders[-1].user == HEBREW


def test_an_unknown_shutter_is_not_drawn_closed(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url).show("now")
    expect(panel(page, "dome-head")).to_contain_text("UNKNOWN")
    expect(page.locator(".drawing .shutter.unknown")).to_have_count(2)
    expect(page.locator(".drawing .shutter")).to_have_count(2)


def test_an_alarm_is_told_before_the_rules(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url, width=390, height=844).show("now")
    alarm = panel(page, "verdict-head").get_by_role("alert")
    expect(alarm).to_contain_text(ALARM)
    expect(alarm).to_be_in_viewport()
    rule = page.get_by_role("cell", name="weather").first
    alarm_box, rule_box = alarm.bounding_box(), rule.bounding_box()
    assert alarm_box is not None
    assert rule_box is not None
    assert alarm_box["y"] < rule_box["y"]


def test_the_way_out_of_a_fault_is_told(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url).show("now")
    expect(panel(page, "run-head")).to_contain_text("FAULT: under Orders, Commands: standby, start")


@pytest.mark.parametrize("address", ["orders/%E0%A4%A", "orders/%", "orders/<img src=x>"])
def test_a_broken_address_is_an_order_that_is_not_known(
    site: NightSite, open_page: OpenPage, address: str
) -> None:
    watched = open_page(site.url)
    page = watched.show("orders")
    page.evaluate("address => { location.hash = address; }", address)
    expect(page.get_by_role("link", name="All orders")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="All orders")).to_be_visible()
    assert page.locator("#app img").count() == 0


def test_a_second_press_of_yes_sends_nothing(
    site: NightSite, desk: WordyDesk, open_page: OpenPage
) -> None:
    page = open_page(site.url).show(f"orders/{receipt(1)}")
    page.get_by_role("button", name="Cancel this order").click()
    before = sum(one.kind is OrderKind.CANCEL for one in desk.orders)
    yes = page.get_by_role("dialog").get_by_role("button", name="Cancel the order")
    yes.evaluate("button => { button.click(); button.click(); button.click(); }")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert sum(one.kind is OrderKind.CANCEL for one in desk.orders) - before == 1


def test_a_press_on_a_dialogues_scroll_bar_does_not_close_it(
    site: NightSite, open_page: OpenPage
) -> None:
    page = open_page(site.url).show("now")
    page.get_by_role("button", name="help and shortcuts").click()
    press = """([dialog, away]) => {
        const box = dialog.getBoundingClientRect();
        const at = { clientX: box.right - 3 + away, clientY: box.top + 80, bubbles: true };
        dialog.dispatchEvent(new MouseEvent("mousedown", at));
    }"""
    dialogue = page.get_by_role("dialog")
    page.evaluate(press, [dialogue.element_handle(), 0])
    expect(dialogue).to_have_count(1)
    page.evaluate(press, [dialogue.element_handle(), 40])
    expect(dialogue).to_have_count(0)


def test_a_comma_between_thousands_is_asked_about(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url).show("orders/new")
    for key, text in (("Exposure Time", "1,200"), ("Number of Exposures", "1,000")):
        page.locator(f"form [name='{key}']").fill(text)
    page.locator("form [name='Constraints.Max Airmass']").evaluate("it => (it.value = '')")
    page.get_by_role("button", name="Send the order").click()
    expect(page.locator("#f-Exposure-Time-wrong")).to_contain_text("a comma may mean two things")
    expect(page.locator("#f-Number-of-Exposures-wrong")).to_contain_text("a comma may mean")
    page.locator("form [name='Exposure Time']").fill("0,125")
    page.get_by_role("button", name="Send the order").click()
    expect(page.locator("#f-Exposure-Time-wrong")).to_have_count(0)


def test_what_a_silent_telescope_said_is_no_state_of_now(
    site: NightSite, telescope: TelescopeDesk, open_page: OpenPage
) -> None:
    page = open_page(site.url).show("now")
    top = page.locator("header.top")
    expect(top).to_contain_text("ALARM")
    telescope.is_silent = True
    try:
        expect(top).to_contain_text("observatory ?")
        expect(panel(page, "dome-head")).to_contain_text("what is shown is that old")
        expect(panel(page, "dome-head")).to_contain_text("not heard")
    finally:
        telescope.is_silent = False
    expect(top).to_contain_text("ALARM")


def streams(page: Page) -> list[str]:
    """Addresses of the streams that this page asks for from now on."""
    asked: list[str] = []
    page.on(
        "request", lambda one: asked.append(one.url) if one.url.endswith("/api/stream") else None
    )
    return asked


def test_a_tab_that_nobody_has_looked_at_holds_no_connection(
    site: NightSite, open_page: OpenPage
) -> None:
    page = open_page(site.url).page
    page.add_init_script("Object.defineProperty(document, 'hidden', {value: true, writable: true})")
    asked = streams(page)
    page.goto(f"{site.url}/#now")
    expect(page.locator("header.top")).to_contain_text("UNKNOWN")
    assert asked == []
    page.evaluate("document.hidden = false, document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("header.top")).to_contain_text("FAULT")
    assert len(asked) == 1


def test_a_hidden_tab_makes_room_for_the_one_that_is_looked_at(
    site: NightSite, open_page: OpenPage
) -> None:
    """A browser has six connections to one server; hidden tabs must not keep a stop waiting."""
    first = open_page(site.url)
    first.show("now")
    hidden = [first.page]
    for _ in range(4):
        hidden.append(first.page.context.new_page())
        hidden[-1].goto(f"{site.url}/#log")
        expect(hidden[-1].locator("header.top")).to_contain_text("FAULT")
    for page in hidden:
        page.evaluate(HIDE, arg=True)
    shown = first.page.context.new_page()
    shown.goto(f"{site.url}/#now")
    expect(shown.locator("header.top")).to_contain_text("FAULT")
    shown.evaluate("import('/static/api.js').then((api) => api.makeRoom())")  # as STOP does
    for page in hidden:
        expect(page.locator("header.top")).to_contain_text("UNKNOWN")
    hidden[0].evaluate(HIDE, arg=False)
    expect(hidden[0].locator("header.top")).to_contain_text("FAULT")

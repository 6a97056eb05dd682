"""The page where tokens are asked for, and where a service behind it is silent; no fleet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ctmo_indi import tokens
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import AccessSettings, Address, Config
from ctmo_indi.fleet_ports import on_free_ports
from ctmo_indi.front_desk.identity import TokenAccess, TokenFile
from ctmo_indi.front_desk.opening import open_front_desk
from ctmo_indi.front_desk.pages import RouteTable
from ctmo_indi.testing.desks import FakeDesk, accept, serving, small_profile
from ctmo_indi.tokens import Token
from ctmo_indi.web.routes import routes_for
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder, OrderKind
from ctmo_indi.work_orders.revisions import RevisionBoard

from ...certificates import make_certificate
from ...unit.front_desk.test_unauthorised import LOOPBACK, NETWORK
from .conftest import OpenPage

NASTY = "<script>alert(1)</script>"
PEOPLE = {"ada": "operate", "bob": "read", "portal": "submit"}
UNIDENTIFIED = "401"  # in what Chromium writes on the console when a token is refused


@dataclass
class Site:
    """A scheduler's desk that stands alone; the other services are silent."""

    url: str
    desk: PatientDesk
    file: Path
    secrets: dict[str, str]

    def forget(self, name: str) -> None:
        """Take somebody's token back."""
        left = [one for one in tokens.read_tokens(self.file) if one.name != name]
        tokens.write_tokens(self.file, left)


def answer(checked: CheckedOrder) -> Reply:
    """Answer as a scheduler whose verdict bears people's own words."""
    reply = accept(checked)
    if checked.kind is OrderKind.STATUS and not checked.wire.get("All"):
        reply |= {
            "Summary State": "ENABLED",
            "Running": True,
            "Reasons": [NASTY],
            "Verdict": {
                "Level": "UNSAFE",
                "Reasons": [NASTY],
                "Rules": [{"Rule": "weather", "Level": "UNSAFE", "Text": NASTY, "Age": 3.0}],
                "Lock": {"Kind": "observer", "Owner": NASTY, "Reason": NASTY},
                "Latch": {},
                "Cycle": 1,
            },
        }
    return reply


class PatientDesk(FakeDesk):
    """A fake that waits for events as services do, not saying at once that there are none."""

    def __init__(self) -> None:
        super().__init__("scheduler", answer=answer)
        self._board = RevisionBoard(SystemClock())

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        if order["WOType"] == "Events":
            wait_s = float(str(order.get("Wait", 0.0)))
            page = await self._board.next_events(None, wait_s, (), 1)
            return page.to_wire()
        return await super().handle(order, caller)


@contextmanager
def a_site(folder: Path, *, is_guarded: bool) -> Iterator[Site]:
    clock = SystemClock()
    secrets = {name: tokens.new_secret() for name in (*PEOPLE, "late")}
    now, file = clock.utc(), folder / "tokens.json"
    known = [Token(name, role, tokens.digest(secrets[name]), now) for name, role in PEOPLE.items()]
    gone = now - timedelta(days=1)
    late = Token("late", "operate", tokens.digest(secrets["late"]), gone, gone)
    tokens.write_tokens(file, [*known, late])
    told = TokenAccess(TokenFile(file).tokens, is_local=lambda _address: False)
    access = told if is_guarded else None
    desk = PatientDesk()
    config = on_free_ports(replace(Config(), data_dir=folder))
    with ExitStack() as opened:
        pages = RouteTable(routes_for(config, small_profile(), clock, opened))
        with serving(desk, access=access, pages={"scheduler": pages}) as (url,):
            yield Site(url, desk, file, secrets)


@contextmanager
def a_network_site(folder: Path) -> Iterator[Site]:
    """The same on an address that other machines reach: TLS, and tokens from everywhere."""
    clock, pair = SystemClock(), make_certificate(folder)
    secret, file = tokens.new_secret(), folder / "tokens.json"
    tokens.write_tokens(file, [Token("ada", "operate", tokens.digest(secret), clock.utc())])
    access = AccessSettings(tokens=file, certificate=pair.certificate, key=pair.key)
    config = on_free_ports(replace(Config(), data_dir=folder, access=access))
    desk = PatientDesk()
    with ExitStack() as opened:
        server = open_front_desk(
            [(desk, Address(f"https://{NETWORK}:0", NETWORK, 0))],
            config,
            is_local=lambda ip: ip == LOOPBACK,
            pages={"scheduler": RouteTable(routes_for(config, small_profile(), clock, opened))},
        )
        (port,) = server.start()
        opened.callback(server.stop)
        yield Site(f"https://{NETWORK}:{port}", desk, file, {"ada": secret})


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path, is_guarded=True) as site:
        yield site


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path, is_guarded=False) as site:
        yield site


def test_a_token_is_asked_for_refused_and_taken(guarded: Site, open_page: OpenPage) -> None:
    watched = open_page(guarded.url)
    watched.expected.append(UNIDENTIFIED)
    page = watched.page
    page.goto(guarded.url)
    dialogue = page.get_by_role("dialog")
    for secret in (guarded.secrets["late"], "nonsense"):
        expect(dialogue).to_contain_text("A token is needed")
        page.locator("#token").fill(secret)
        page.get_by_role("button", name="Use", exact=True).click()
        expect(dialogue.get_by_role("alert")).to_be_visible()
        expect(page.locator("#token")).to_have_value("")
    page.locator("#token").fill(guarded.secrets["ada"])
    page.get_by_role("button", name="Use", exact=True).click()
    expect(dialogue).to_have_count(0)
    expect(page.locator(".who-text")).to_have_text("ada, operator")
    page.reload()
    expect(page.locator(".who-text")).to_have_text("ada, operator")
    assert page.evaluate("document.cookie") == ""


def test_a_token_taken_back_ends_the_page(guarded: Site, open_page: OpenPage) -> None:
    watched = open_page(guarded.url)
    watched.expected.append(UNIDENTIFIED)
    page = watched.page
    page.add_init_script(f"sessionStorage.setItem('ctmo-indi token', '{guarded.secrets['ada']}')")
    watched.show("now")
    guarded.forget("ada")
    expect(page.get_by_role("dialog")).to_contain_text("A token is needed", timeout=15_000)
    expect(page.locator("header.top")).to_contain_text("UNKNOWN")
    expect(page.get_by_role("dialog")).to_contain_text("has expired, or was taken back")
    page.keyboard.press("Escape")
    expect(page.locator(".who-text")).to_have_text("not known")
    expect(page.get_by_text("Not connected: a token is needed.")).to_be_visible()
    expect(page.get_by_role("list", name="services")).to_contain_text("not heard")


def test_a_token_that_no_header_can_carry_is_refused_at_once(
    guarded: Site, open_page: OpenPage
) -> None:
    watched = open_page(guarded.url)
    watched.expected.append(UNIDENTIFIED)
    page = watched.page
    page.goto(guarded.url)
    for text in ("\U0001f52d", "two words", "t\u00f6ken"):
        page.locator("#token").fill(text)
        page.get_by_role("button", name="Use", exact=True).click()
        expect(page.get_by_role("dialog")).to_contain_text("This is no token")
        assert page.evaluate("sessionStorage.getItem('ctmo-indi token')") is None
    page.locator("#token").fill(guarded.secrets["ada"])
    page.get_by_role("button", name="Use", exact=True).click()
    expect(page.locator(".who-text")).to_have_text("ada, operator")


def test_the_page_over_tls_lives_and_ends_with_its_token(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with a_network_site(tmp_path) as site:
        watched = open_page(site.url)
        watched.expected += [UNIDENTIFIED, "ERR_"]
        page = watched.page
        secret = site.secrets["ada"]
        page.add_init_script(f"sessionStorage.setItem('ctmo-indi token', '{secret}')")
        watched.show("now")
        expect(page.locator(".who-text")).to_have_text("ada, operator")
        expect(page.locator("section", has=page.locator("#verdict-head"))).to_contain_text(NASTY)
        page.get_by_role("tab", name="Orders").click()
        site.forget("ada")
        expect(page.get_by_role("dialog")).to_contain_text("A token is needed", timeout=15_000)


@pytest.mark.parametrize(
    ("name", "has_stop", "may_send"),
    [("bob", False, False), ("portal", False, True), ("ada", True, True)],
)
def test_nobody_sees_what_he_may_not_press(
    guarded: Site, open_page: OpenPage, name: str, has_stop: bool, may_send: bool
) -> None:
    watched = open_page(guarded.url)
    secret = guarded.secrets[name]
    watched.page.add_init_script(f"sessionStorage.setItem('ctmo-indi token', '{secret}')")
    page = watched.show("orders/new")
    expect(page.locator("button.stop")).to_have_count(1 if has_stop else 0)
    expect(page.get_by_role("button", name="Send the order")).to_have_count(1 if may_send else 0)
    page.goto(f"{guarded.url}/#orders/commands")
    expect(page.get_by_role("button", name="open shutter")).to_have_count(1 if has_stop else 0)
    if not has_stop:
        expect(page.locator("#shown")).to_contain_text("the role operate is needed")
        page.keyboard.press("Control+.")
        page.get_by_role("button", name="help and shortcuts").click()
        expect(page.get_by_role("dialog").get_by_role("button", name="STOP")).to_have_count(0)
    sent = {checked.kind for checked in guarded.desk.orders}
    assert OrderKind.CONTROL not in sent


def test_a_silent_safety_is_unknown_and_words_are_text(lone: Site, open_page: OpenPage) -> None:
    page = open_page(lone.url).show("now")
    panel = page.locator("section", has=page.locator("#verdict-head"))
    expect(panel).to_contain_text(NASTY)
    expect(panel).to_contain_text("UNKNOWN")  # whatever the scheduler last heard
    expect(panel).not_to_contain_text("must be closed")
    expect(panel).to_contain_text("Locked (observer)")
    expect(panel.get_by_role("list", name="services")).to_contain_text("silent")
    expect(page.locator("section", has=page.locator("#run-head"))).to_contain_text(NASTY)
    assert page.locator("#app script").count() == 0


def test_a_stop_that_nobody_answers_says_so(lone: Site, open_page: OpenPage) -> None:
    watched = open_page(lone.url)
    watched.expected.append("net::ERR")
    page = watched.show("now")
    page.route("**/api/order", lambda route: route.abort())
    page.locator("button.stop").click()
    dialogue = page.get_by_role("dialog")
    expect(dialogue).to_contain_text("ctmo-indi stop")
    expect(dialogue.get_by_role("listitem")).to_have_count(3)


def loaded(page: Page, file: str) -> None:
    """Wait until the browser has that file."""
    page.wait_for_function(
        "file => performance.getEntriesByName(new URL(file, location).href).length > 0", arg=file
    )


def test_every_tab_can_be_looked_at_when_the_connection_is_lost(
    lone: Site, open_page: OpenPage
) -> None:
    watched = open_page(lone.url)
    watched.expected.append("net::ERR")
    page = watched.show("now")
    loaded(page, "/static/report_tables.js")
    page.route("**/*", lambda route: route.abort())
    page.get_by_role("tab", name="Devices").click()
    expect(page.locator("#shown")).to_contain_text("Link to the INDI server")
    page.get_by_role("tab", name="Report").click()
    expect(page.locator("#report-head")).to_be_visible()


def test_a_tab_that_could_not_be_loaded_says_so_and_is_loaded_again(
    lone: Site, open_page: OpenPage
) -> None:
    watched = open_page(lone.url)
    watched.expected.append("net::ERR")
    watched.page.route("**/static/devices.js", lambda route: route.abort())
    page = watched.show("now")
    page.get_by_role("tab", name="Devices").click()
    expect(page.locator("#shown")).to_contain_text("could not be loaded")
    page.unroute("**/static/devices.js")
    page.get_by_role("button", name="Load the page anew").click()
    expect(page.locator("#shown")).to_contain_text("Link to the INDI server")

"""The tab Now tells few lines with names, however many orders wait; and each target once."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from ctmo_indi.testing.desks import accept
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder

from .conftest import OpenPage
from .night_desks import M_31, NASTY, NightDesk, NightSite, a_night, iso, receipt

NUMBER = 18
UNSAFE = "unsafe: the Sun is at 7.4 deg, limit -6 deg"
SUN = "Sun altitude 7.3 deg, expected at most -12.0 deg"
ATTEMPT = receipt(77, "A")
NAMES = {receipt(n): NASTY if n == 10 else f"M {n}" for n in range(1, NUMBER + 1)}


def lines() -> list[str]:
    """What a scheduler with pending orders said by day: 48 lines of 18 orders."""
    told = ["unsafe: the Sun is at 7.0 deg, limit -6 deg"]
    for number, name in enumerate(NAMES):
        told += [f"{name}: {UNSAFE}", f"{name}: {SUN}"]
        if number >= 6:
            told.append(f"{name}: altitude {number - 20.5:.1f} deg, expected at least 15.0 deg")
    return told


class BusyDesk(NightDesk):
    """A scheduler by day; `runs` makes it observe the first order, told by its attempt only."""

    runs = False

    def _status(self, checked: CheckedOrder) -> Reply:
        wire, reply = checked.wire, accept(checked)
        if wire.get("All"):
            orders = [{"Receipt": key, "Object": name} for key, name in NAMES.items()]
            return reply | {"Orders": orders}
        name = str(wire.get("Receipt", ""))
        if name == ATTEMPT:
            return reply | {"Parent": receipt(1), "Receipt": ATTEMPT}
        if name:
            return reply | {"Object": NAMES[name], "Filter": "V", "Receipt": name}
        told: Reply = super()._status(checked) | {"Order Counts": {"PENDING": NUMBER}}
        if not self.runs:
            coming = {"UTC": iso(120.0), "Parent": receipt(1)}
            return told | {"Reasons": lines(), "Next Target": coming}
        # A target that was chosen has no UTC, but the instant it was asked for.
        chosen = {"Parent": receipt(1), "Object": "M 1", "Requested": iso(-2.0), **M_31}
        run = {"Script": "observe", "Subject": ATTEMPT, "Started": iso(-1.0), "Duration": 600.0}
        return told | {"Current": run, "Next Target": chosen}


@pytest.fixture(scope="module")
def desk() -> BusyDesk:
    return BusyDesk()


@pytest.fixture(scope="module")
def site(desk: BusyDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NightSite]:
    with a_night(tmp_path_factory.mktemp("reasons"), desk) as served:
        yield served


def test_many_orders_are_few_lines_with_names(site: NightSite, open_page: OpenPage) -> None:
    page = open_page(site.url).show("now")
    panel = page.locator("section", has=page.locator("#run-head"))
    expect(panel.locator(".why > p").first).to_contain_text("The Sun is up")
    rows = panel.locator(".why li")
    expect(rows).to_have_count(1)  # the Sun's own reasons are said once, above
    expect(rows).to_contain_text("altitude below 15.0 deg: M 7, M 8, M 9, <img")
    rows.locator("summary").click()
    expect(rows).to_contain_text("M 11, M 12, M 13, M 14, M 15, M 16, M 17, M 18")
    expect(panel.locator(".next")).to_contain_text("M 1 V at 06:00")
    expect(panel).not_to_contain_text(re.compile("O-01M8"))
    assert page.locator("#app img").count() == 0


def test_what_runs_is_not_told_as_next(
    site: NightSite, desk: BusyDesk, open_page: OpenPage
) -> None:
    desk.runs = True
    try:
        page = open_page(site.url).show("now")
        expect(page.locator(".running .target")).to_contain_text("M 1")
        expect(page.locator(".next")).to_contain_text("No other target is known")
        expect(page.locator(".next")).not_to_contain_text("M 1")
    finally:
        desk.runs = False

"""Desks that tell of one night at 04:00 UTC: each number on the page has its source here."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.config import Config
from ctmo_indi.errors import ServiceUnreachable, WrongState
from ctmo_indi.fleet_ports import on_free_ports
from ctmo_indi.front_desk.pages import RouteTable
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import FakeDesk, accept, serving, small_profile
from ctmo_indi.web.routes import routes_for
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder, OrderKind
from ctmo_indi.work_orders.revisions import RevisionBoard

from ...running_fleet import until

NIGHT = "20261122"
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
NASTY = "<img src=x onerror=alert(1)>"
MOUNT = {"Connected": True, "Altitude": 61.4, "Azimuth": 242.0, "Tracking": True, "Parked": False}
DOME = {"Connected": True, "Azimuth": 246.0, "Shutter": "OPEN", "Parked": False}
M_31 = {"RA": 10.68, "Dec": 41.27, "Object": "M 31"}
M_45 = {"RA": 56.87, "Dec": 24.11, "Object": NASTY}


def receipt(number: int, kind: str = "O") -> str:
    return f"{kind}-01M82WQV3K2R46V0SHGBW1X{number:03d}"


def iso(minutes: float) -> str:
    """An instant, minutes from now."""
    return (NOW + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


def visit(number: int, begin_min: float, **keys: object) -> dict[str, object]:
    return {
        "Receipt": receipt(number),
        "Start": iso(begin_min),
        "End": iso(begin_min + 20.0),
        "Filter": "V",
        "Count": 4,
        "Exposure Time": 290.0,
        "Priority": 5.0,
        **keys,
    }


VISITS = [visit(3, -5.0, Waits=False, **M_31), visit(4, 30.0, **M_45), visit(5, 60.0, **M_31)]
PLAN = {
    "Night": NIGHT,
    "Made": iso(-200.0),
    "Gap": 0.0125,
    "Filled": 0.84,
    "Number of Visits": 3,
    "Visits": VISITS,
}
FRAMES = [
    {
        "File": f"light_V_{number:03d}.fits",
        "Night": NIGHT,
        "Frame Type": "Light",
        "Object": NASTY if number == 2 else "M 31",
        "Filter": "V",
        "Exposure Time": 290.0,
        "Start": iso(-5.0 * number),
        "FWHM": 3.0 + 0.25 * number,
        "FWHM Unit": "arcsec",
        "Ellipticity": 0.1,
        "Stars": 40 + number,
        "Background": 812.5,
        "Median": 810.0,
        "Saturated": 0.0,
        "Problem": f"clipped {NASTY}" if number == 2 else "",
    }
    for number in range(1, 5)
]
LEDGER = [
    ("exposing", "exposing on the sky", "sky", 21600.0),
    ("slewing", "slewing and settling", "work", 3600.0),
    ("weather", f"weather {NASTY}", "lost", 10800.0),
    ("focus", "focusing", "work", 0.0),
]
REPORT = {
    "Night": "20261121",
    "Text": f"NIGHT 20261121 {NASTY}",
    "Begin": "2026-11-22T01:00:00Z",
    "End": "2026-11-22T11:00:00Z",
    "Length": 36000.0,
    "Whole": True,
    "Made": iso(0.0),
    "Ledger": [
        {"Class": name, "Words": words, "Group": group, "Seconds": seconds, "Share": seconds / 36e3}
        for name, words, group, seconds in LEDGER
    ],
    "Spans": [
        {"Class": "exposing", "From": "2026-11-22T01:00:00Z", "To": "2026-11-22T07:00:00Z"},
        {"Class": "slewing", "From": "2026-11-22T07:00:00Z", "To": "2026-11-22T08:00:00Z"},
        {
            "Class": "weather",
            "From": "2026-11-22T08:00:00Z",
            "To": "2026-11-22T11:00:00Z",
            "Why": f"rain {NASTY}",
        },
    ],
    "Orders": [
        {
            "Receipt": receipt(9),
            "User": "ada",
            "Outcome": "done",
            "Good Exposures": 4,
            "Number of Exposures": 4,
            "Attempts": 1,
            **M_45,
        },
        {
            "Receipt": receipt(8),
            "User": "W" * 64,
            "Object": "A" * 64,
            "Outcome": "failed",
            "Filter": "V",
            "Why": "x" * 200,
        },
    ],
    "Order Counts": {"done": 1, "failed": 1},
    "Attention": [f"look at {NASTY}"],
    "Alarm": f"nothing was taken {NASTY}",
    "HTML": "<script>alert(1)</script>",
}


def picture(number: int) -> str:
    """A frame as a PNG in base64."""
    pixels = np.full((48, 64), 30 * number, dtype=np.uint8)
    with io.BytesIO() as body:
        Image.fromarray(pixels).save(body, "PNG")
        return base64.b64encode(body.getvalue()).decode()


def past() -> list[dict[str, object]]:
    """What the scheduler published: an attempt done, one cut short by rain, one under way."""
    found: list[dict[str, object]] = []

    def publish(kind: str, subject: str, minutes: float, **data: object) -> None:
        found.append(
            {"Revision": len(found) + 1, "Kind": kind, "Subject": subject, "UTC": iso(minutes)}
            | {"Data": data}
        )

    def attempt(number: int, begin: float, end: float | None, status: str, **place: object) -> None:
        name, parent = receipt(number, "A"), receipt(number)
        publish("attempt", name, begin - 0.5, Parent=parent, Status="PENDING")
        taken = {"Filter": "V", "Exposure Time": 290.0, "Number of Exposures": 4}
        publish("target", name, begin - 0.5, Parent=parent, **taken, **place)
        publish("attempt", name, begin, Parent=parent, Status="IN_PROGRESS")
        if end is not None:
            publish("attempt", name, end, Parent=parent, Status=status, Reason=f"why {NASTY}")

    publish("verdict", "safety", -600.0, Level="SAFE")
    attempt(1, -120.0, -100.0, "COMPLETED", **M_31)
    attempt(2, -90.0, -80.0, "INTERRUPTED", **M_45)
    rule = {"Rule": "weather_alert", "Level": "UNSAFE", "Text": f"rain {NASTY}"}
    publish("verdict", "safety", -80.0, Level="UNSAFE", Reasons=[f"rain {NASTY}"], Rules=[rule])
    publish("verdict", "safety", -30.0, Level="SAFE")
    attempt(3, -5.0, None, "", **M_31)
    return found


@dataclass(frozen=True)
class NightSite:
    """Where the page is."""

    url: str


class NightDesk(FakeDesk):
    """The scheduler's: Plan, Events, Frames and Report of above."""

    def __init__(self) -> None:
        super().__init__("scheduler", answer=self._told)
        self._board = RevisionBoard(SystemClock())
        self._past = past()

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        if order["WOType"] != "Events":
            return await super().handle(order, caller)
        if "Wait" in order:  # news: none comes
            page = await self._board.next_events(None, float(str(order["Wait"])), (), 1)
            return page.to_wire() | {"Cursor": len(self._past)}
        cursor, kinds = int(str(order.get("Cursor", len(self._past)))), order.get("Kinds") or ()
        found = [
            one
            for one in self._past
            if int(str(one["Revision"])) > cursor and (not kinds or one["Kind"] in kinds)
        ]
        listed = found[: int(str(order.get("Limit", 100)))]
        end = listed[-1]["Revision"] if len(listed) < len(found) else len(self._past)
        return {"Events": listed, "Cursor": end, "Lost": False}

    def _status(self, checked: CheckedOrder) -> Reply:
        """Answer a Status; what is asked about by receipt or list is another desk's part."""
        return accept(checked) | {"Summary State": "ENABLED", "Running": True, "Verdict": {}}

    def _told(self, checked: CheckedOrder) -> Reply:
        wire, reply = checked.wire, accept(checked)
        if checked.kind is OrderKind.PLAN:
            return reply | PLAN
        if checked.kind is OrderKind.FRAMES:
            if "Picture" in wire:
                return reply | {"Picture": picture(int(str(wire["Picture"])[-8:-5]))}
            is_mine = wire.get("Night", NIGHT) == NIGHT
            listed = FRAMES if is_mine else []
            return reply | {
                "Frames": listed,
                "Night": wire.get("Night", NIGHT),
                "Number of Frames": len(listed),
                "Waiting": 1 if is_mine else 0,
            }
        if checked.kind is OrderKind.REPORT:
            if wire.get("Night", "20261121") != "20261121":
                raise WrongState("Night: nothing is known of that night")
            return reply | REPORT
        if checked.kind is OrderKind.STATUS:
            return self._status(checked)
        return reply


def _of_telescope(checked: CheckedOrder) -> Reply:
    devices = {"UTC": NOW.isoformat(), "Mount": MOUNT, "Dome": DOME}
    return accept(checked) | {"Devices": devices, "Observatory": "OPEN"}


class TelescopeDesk(FakeDesk):
    """The telescope's: one Status, and no news; ``keys`` replace those of its Status."""

    def __init__(self, **keys: object) -> None:
        super().__init__("telescope", answer=lambda checked: _of_telescope(checked) | keys)
        self._board = RevisionBoard(SystemClock())
        self.is_silent = False

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        if self.is_silent:
            raise ServiceUnreachable("nobody at that desk")
        if "Wait" in order and ("Since" in order or order["WOType"] == "Events"):
            page = await self._board.next_events(None, float(str(order["Wait"])), (), 1)
            if order["WOType"] == "Events":
                return page.to_wire()
        return await super().handle(order, caller)


@contextmanager
def a_night(
    folder: Path, desk: NightDesk | None = None, telescope: FakeDesk | None = None
) -> Iterator[NightSite]:
    """Serve the page over these desks; the sky clock stands near 04:00 UTC."""
    clock = SystemClock(ClockAnchor(time.monotonic(), NOW.timestamp(), 1.0))
    desk = desk or NightDesk()
    with serving(telescope or TelescopeDesk()) as (telescope_url,):
        port = int(telescope_url.rpartition(":")[2])
        config = replace(
            on_free_ports(replace(Config(), data_dir=folder)),
            telescope=Address(telescope_url, "127.0.0.1", port),
        )
        with ExitStack() as opened:
            pages = RouteTable(routes_for(config, small_profile(), clock, opened))
            with serving(desk, pages={"scheduler": pages}) as (url,):
                yield NightSite(url)
    until(lambda: not any(one.name.startswith("page-") for one in threading.enumerate()), "quiet")

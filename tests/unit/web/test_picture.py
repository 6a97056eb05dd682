"""``/api/picture``: the order Frames in the caller's name, and bytes that are a picture."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import ServiceUnreachable, UnknownOrder
from ctmo_indi.front_desk.pages import Route, RouteTable
from ctmo_indi.testing.desks import FakeDesk, accept, serving
from ctmo_indi.web.picture import picture_answer
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
JPEG = b"\xff\xd8\xff\xe0" + bytes(100)
NAME = "light_<b>1.fits"


def answer(checked: CheckedOrder) -> Reply:
    name = checked.wire["Picture"]
    if name == "gone.fits":
        raise UnknownOrder("no such frame")
    if name == "far.fits":
        raise DeskFault(404, "no such frame there")
    if name == "late.fits":
        raise ServiceUnreachable("not drawn in time")
    pictures: dict[object, object] = {
        NAME: base64.b64encode(PNG).decode(),
        "photo.fits": base64.b64encode(JPEG).decode(),
        "page.fits": base64.b64encode(b"<html><script>").decode(),
        "broken.fits": "***",
        "number.fits": 5,
    }
    return accept(checked) | ({"Picture": pictures[name]} if name in pictures else {})


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[FakeDesk, str]]:
    desk = FakeDesk("scheduler", answer=answer)
    table = RouteTable((Route("/api/picture", picture_answer),))
    with serving(desk, pages={"scheduler": table}) as (url,):
        yield desk, url.removeprefix("http://")


def get(host: str, query: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(host, timeout=10.0)
    connection.request("GET", f"/api/picture{query}", headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_a_frame_is_shown(site: tuple[FakeDesk, str]) -> None:
    desk, host = site
    response, body = get(host, f"?file={quote(NAME)}&night=20261122")
    assert (response.status, body) == (200, PNG)
    assert response.headers["Content-Type"] == "image/png"
    assert desk.orders[-1].wire["Night"] == "20261122"
    again, body = get(
        host, f"?file={quote(NAME)}", **{"If-None-Match": str(response.headers["ETag"])}
    )
    assert (again.status, body) == (304, b"")


def test_a_picture_may_be_a_jpeg(site: tuple[FakeDesk, str]) -> None:
    response, body = get(site[1], "?file=photo.fits")
    assert (response.headers["Content-Type"], body) == ("image/jpeg", JPEG)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?file=", 400),
        ("?file=a.fits&file=b.fits", 400),
        ("?file=../a.fits", 400),
        ("?file=a/b.fits", 400),
        ("?file=a.fits&night=yesterday", 400),
        ("?file=gone.fits", 404),
        ("?file=far.fits", 404),
        ("?file=nothing.fits", 404),
        ("?file=page.fits", 404),
        ("?file=broken.fits", 404),
        ("?file=number.fits", 404),
        ("?file=late.fits", 503),
    ],
)
def test_what_is_no_picture_is_not_handed_on(
    site: tuple[FakeDesk, str], query: str, status: int
) -> None:
    response, body = get(site[1], query)
    assert response.status == status, body
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.headers["X-Content-Type-Options"] == "nosniff"

"""Frames orders go through the scheduler's desk to the preprocessor's, over real sockets."""

from __future__ import annotations

import base64
import xmlrpc.client
from collections.abc import Iterator

import pytest

from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.errors import UnknownOrder
from ctmo_indi.testing.desks import FakeDesk, reply_faults, serving
from ctmo_indi.work_orders.access import PassedOn
from ctmo_indi.work_orders.desk import Reply, order_reply
from ctmo_indi.work_orders.model import CheckedOrder, FramesRequest

from .test_desk_handlers import Engine, engine  # noqa: F401 - a fixture

PICTURE = base64.b64encode(bytes(range(256)) * 2343).decode()  # 600 kB
FRAME = {
    "File": "M_45_V_001_20261122T031415.fits", "Night": "20261121", "Frame Type": "Light",
    "Object": "<script>alert('M 45')</script> & co", "Filter": "V", "Exposure Time": 60.0,
    "Start": "2026-11-22T03:14:15.000+00:00", "Parent": "O-00000000000000000000000001",
    "Receipt": "A-00000000000000000000000001", "FWHM": 2.345, "FWHM Unit": "arcsec",
    "Ellipticity": 0.07, "Stars": 120, "Background": 400.4, "Median": 401.0, "Mean": 402.0,
    "Saturated": 0.001, "Problem": "",
}  # fmt: skip


def answer(checked: CheckedOrder) -> Reply:
    request = checked.request
    assert isinstance(request, FramesRequest)
    if request.picture == "missing.fits":
        raise UnknownOrder("Picture: no frame 'missing.fits' in the night 20261121")
    extra: Reply = {"Night": "20261121", "Number of Frames": 600, "Waiting": 0}
    if request.picture:
        extra |= {"Frames": [FRAME], "Picture": PICTURE, "Picture Type": "image/png"}
    else:
        extra |= {"Frames": [FRAME] * request.limit}
    return order_reply(checked, status="OK", message="", extra=extra)


@pytest.fixture
def scheduler(engine: Engine) -> Iterator[str]:  # noqa: F811 - the fixture
    """Address of a scheduler's desk in front of a preprocessor's."""
    with (
        serving(FakeDesk("preprocessor", answer=answer)) as (behind,),
        DeskClient(behind) as peer,
        serving(engine.desk(preprocessor=peer)) as (url,),
    ):
        yield url


@pytest.mark.parametrize("limit", [None, 500])
def test_frames_by_the_hundred_pass_both_desks(scheduler: str, limit: int | None) -> None:
    order = {"WOType": "Frames"} | ({} if limit is None else {"Limit": limit})
    with DeskClient(scheduler) as desk:
        reply = desk.front_desk(order)
    assert reply["Frames"] == [FRAME] * (limit or 200)
    assert reply_faults("Frames", reply) == []


def test_a_large_picture_passes_both_desks_and_a_plain_client(scheduler: str) -> None:
    with xmlrpc.client.ServerProxy(scheduler) as desk:
        reply = desk.front_desk({"WOType": "Frames", "Picture": "a.fits"})
    assert reply["Picture"] == PICTURE  # type: ignore[index,call-overload] # a struct


def test_a_refusal_of_the_preprocessor_is_the_schedulers(scheduler: str) -> None:
    with xmlrpc.client.ServerProxy(scheduler) as desk, pytest.raises(xmlrpc.client.Fault) as told:
        desk.front_desk({"WOType": "Frames", "Picture": "missing.fits"})
    assert told.value.faultCode == 404
    assert "missing.fits" in told.value.faultString


def test_a_preprocessor_that_is_down_is_said(engine: Engine) -> None:  # noqa: F811 - the fixture
    with (
        DeskClient("http://127.0.0.1:9", timeout_s=5.0) as nobody,
        serving(engine.desk(preprocessor=nobody)) as (url,),
        xmlrpc.client.ServerProxy(url) as desk,
        pytest.raises(xmlrpc.client.Fault) as told,
    ):
        desk.front_desk({"WOType": "Frames"})
    assert told.value.faultCode == 503


def test_the_preprocessor_is_told_for_whom_it_is(engine: Engine) -> None:  # noqa: F811 - the fixture
    class Peer:
        asked: object = None

        def front_desk(self, order: object) -> Reply:
            self.asked = order
            return {"Frames": []}

    peer = Peer()
    with serving(engine.desk(preprocessor=peer)) as (url,), DeskClient(url, user="ada") as desk:
        desk.front_desk({"WOType": "Frames", "Night": "20261121"})
    assert isinstance(peer.asked, PassedOn)
    assert peer.asked["User"] == "ada"

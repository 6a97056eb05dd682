"""The preprocessor's answer to Frames orders: from its database, and a picture from its worker.

On the front desk's loop; what blocks goes to a thread or to the quick look's own.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from ctmo_indi.errors import InternalError, ServiceUnreachable
from ctmo_indi.preprocessor.quick_book import QuickBook, QuickPage, to_wire
from ctmo_indi.preprocessor.quick_looker import QuickLooker
from ctmo_indi.preprocessor.quick_pictures import Picture
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Reply, order_reply
from ctmo_indi.work_orders.model import CheckedOrder, FramesRequest
from ctmo_indi.work_orders.revisions import RevisionBoard

LISTED_WAIT_S = 2.0
"""Machine seconds for the folder of a night that was not read before."""
PICTURE_WAIT_S = 8.0
"""Machine seconds for a picture: below the time-out of a call that is passed on."""


@dataclass(frozen=True, slots=True)
class QuickDesk:
    """Answers Frames orders."""

    looker: QuickLooker
    book: QuickBook
    board: RevisionBoard

    async def frames(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        """Tell the frames of a night, or one of them with its picture.

        Raises
        ------
        UnknownOrder
            No such frame in that night.
        BadFrame
            That file holds no frame.
        ServiceUnreachable
            The picture is not there in time.
        """
        request = checked.request
        if not isinstance(request, FramesRequest):
            raise InternalError(f"{checked.kind}: {type(request).__name__}")
        night = await self._night(request.night)
        extra: dict[str, object] = {}
        if request.picture:
            extra = await self._picture(night, request.picture)
        page, told = await asyncio.to_thread(self._read, night, request)
        trouble = self.looker.trouble
        return order_reply(
            checked,
            status="OK",
            message=_message(page),
            revision=self.board.revision,
            reasons=[f"frames are not looked at now: {trouble}"] if trouble else [],
            extra={
                "Night": page.night,
                "Frames": told,
                "Number of Frames": page.count,
                "Waiting": self.looker.waiting.get(page.night, 0),
                **extra,
            },
        )

    def _read(self, night: str, request: FramesRequest) -> tuple[QuickPage, list[object]]:
        """Read the database, and make the structs: milliseconds of CPU for hundreds of frames."""
        if request.picture:
            page = self.book.one(night, request.picture)
        else:
            page = self.book.page(night, request.limit)
        return page, [to_wire(look) for look in page.looks]

    async def _night(self, asked: str) -> str:
        """Return the night that is meant, once its folder was read, or as it is known."""
        if (asked or self.looker.last_night) not in self.looker.waiting:
            listed = asyncio.wrap_future(self.looker.want(asked))
            await asyncio.wait([listed], timeout=LISTED_WAIT_S)
        return asked or self.looker.last_night

    async def _picture(self, night: str, name: str) -> dict[str, Any]:  # Any: texts
        if not night:  # the folder cannot be read now: the last one that was looked at
            night = (await asyncio.to_thread(self.book.page, "", 1)).night
        drawn = asyncio.wrap_future(self.looker.picture(night, name))
        drawn.add_done_callback(_retrieve)
        done, _ = await asyncio.wait([drawn], timeout=PICTURE_WAIT_S)
        if not done:
            raise ServiceUnreachable(
                f"Picture: {name!r:.80} was not drawn within {PICTURE_WAIT_S:g} s; try again"
            )
        picture = drawn.result()
        return {"Picture": picture["picture"], "Picture Type": picture["picture_type"]}


def _retrieve(drawn: asyncio.Future[Picture]) -> None:
    """Look at the error of a picture that nobody waits for any more: asyncio would log it."""
    if not drawn.cancelled():
        drawn.exception()


def _message(page: QuickPage) -> str:
    if not page.night:
        return "no frames yet"
    return f"night {page.night}: {page.count} frames looked at"

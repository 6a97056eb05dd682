"""Pictures of frames that somebody waits for, in order, and the last ones that were drawn."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from ctmo_indi.errors import ServiceUnreachable

MOST_WAITING = 16
MOST_KEPT = 8

Picture = Mapping[str, Any]  # Any: "picture" and "picture_type", texts
Key = tuple[str, str]
"""Night, and name of a file in it."""
Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture that is waited for."""

    key: Key
    future: Future[Picture]


class PictureLine:
    """Who waits for which picture; any thread, never blocks. Those who want the same share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Key, Future[Picture]] = OrderedDict()
        self._kept: OrderedDict[tuple[Key, Stamp], Picture] = OrderedDict()
        self._closed = ""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def want(self, key: Key) -> Future[Picture]:
        """Put a picture into the line; ServiceUnreachable in the future when it is too long."""
        with self._lock:
            future = self._waiting.get(key)
            if future is not None:
                return future
            future = uncancelable()
            if self._closed:
                future.set_exception(not_now(self._closed))
            elif len(self._waiting) >= MOST_WAITING:
                future.set_exception(not_now(f"{MOST_WAITING} others are waited for"))
            else:
                self._waiting[key] = future
            return future

    def first(self) -> Key | None:
        """Return which picture is to be drawn next; it stays in the line until it is answered."""
        with self._lock:
            return next(iter(self._waiting), None)

    def answer(self, key: Key, answer: Picture | Exception) -> None:
        """Tell those who wait for a picture."""
        with self._lock:
            future = self._waiting.pop(key, None)
        if future is not None:
            _tell(future, answer)

    def close(self, reason: str) -> None:
        """Refuse all that wait, and whoever comes later."""
        with self._lock:
            self._closed = reason
            waiting, self._waiting = list(self._waiting.values()), OrderedDict()
        for future in waiting:
            future.set_exception(not_now(reason))

    def kept(self, key: Key, stamp: Stamp) -> Picture | None:
        """Return a picture that was drawn before, of the same bytes."""
        picture = self._kept.get((key, stamp))
        if picture is not None:
            self._kept.move_to_end((key, stamp))
        return picture

    def keep(self, key: Key, stamp: Stamp, picture: Picture) -> None:
        """Keep a picture for the next who wants it; by the thread that draws."""
        self._kept[key, stamp] = picture
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def uncancelable() -> Future[Any]:
    """Return a future that nobody can cancel: a caller who goes away must not take it from others.

    ``asyncio.wrap_future`` cancels what it wraps.
    """
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def not_now(reason: str) -> ServiceUnreachable:
    """Return the refusal of a picture that can be had later."""
    return ServiceUnreachable(f"no picture can be drawn now: {reason}; try again")


def _tell(future: Future[Picture], answer: Picture | Exception) -> None:
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)

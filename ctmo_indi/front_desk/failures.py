"""Count wrong tokens by address, so that they fill neither the log nor the processor's time.

Nobody guesses a token; what is limited is noise. A count never stands against a right token, so an
attacker on the same machine, or behind the same address, cannot lock anybody out.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

from ctmo_indi.clock import Clock

_ADDRESSES = 1024  # the least recent one is forgotten for a new one


@dataclass(frozen=True, slots=True)
class Count:
    """Where an address stands.

    Parameters
    ----------
    number
        Failures in this window.
    is_news
        Whether to say so: the first few, then each time the number has doubled.
    is_too_many
        Whether to answer 429.
    """

    number: int
    is_news: bool
    is_too_many: bool


class Failures:
    """Counts in windows of a minute; one thread at a time.

    Parameters
    ----------
    told
        How many of a window are news one by one.

    Attributes
    ----------
    WINDOW_S
        Machine seconds after the first failure of a window in which they are counted together.
    """

    WINDOW_S = 60
    TOO_MANY = 20

    def __init__(self, clock: Clock, *, told: int = 4) -> None:
        self._clock = clock
        self._told = told
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, address: str) -> Count:
        """Count one more failure of ``address``."""
        now_s = self._clock.machine_s()
        since_s, number = self._windows.pop(address, (now_s, 0))
        if now_s - since_s > self.WINDOW_S:
            since_s, number = now_s, 0
        number += 1
        self._windows[address] = (since_s, number)
        if len(self._windows) > _ADDRESSES:
            self._windows.popitem(last=False)
        is_news = number <= self._told or number & (number - 1) == 0
        return Count(number, is_news, number > self.TOO_MANY)


@lru_cache(maxsize=_ADDRESSES)  # asked about each connection
def neighbourhood(address: str) -> str:
    """Return what addresses of one caller have in common: 127.0.0.0/8, an IPv6 network of 64."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.is_loopback:
        return "loopback"
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address

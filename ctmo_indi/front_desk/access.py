"""Who may call at all: addresses, Host and Origin, and the role of a caller.

A front desk listens on loopback only. Every local process and every web page open in a local
browser reaches loopback too, hence the checks of Host (against DNS rebinding) and Origin (against
forms of foreign pages).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from ctmo_indi.errors import ConfigError
from ctmo_indi.work_orders.access import Caller, Role

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Access(Protocol):
    """Tells who is calling."""

    def identify(self, headers: Mapping[str, str], address: str) -> Caller:
        """Return the caller; NotPermitted when there is none to be trusted. Must not block."""
        ...


class LoopbackAccess:
    """Everybody on this machine is one anonymous caller.

    Parameters
    ----------
    anonymous_may_operate
        As with the original; when False such a caller may only read.
    """

    def __init__(self, *, anonymous_may_operate: bool = True) -> None:
        self._role = Role.OPERATE if anonymous_may_operate else Role.READ

    def identify(self, headers: Mapping[str, str], address: str) -> Caller:
        """Return the anonymous caller."""
        return Caller("anonymous", self._role, address)


def listening_address(service: str, ip: str) -> str:
    """Return the loopback address to bind for ``ip``.

    Raises
    ------
    ConfigError
        It is no loopback address: orders would come in unencrypted and unnamed.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if ip == "localhost" else ip)
    except ValueError as error:
        raise ConfigError(
            f"{service} Address: IP is {ip!r}, expected an IP address such as 127.0.0.1"
        ) from error
    if not address.is_loopback:
        raise ConfigError(
            f"{service} Address: IP is {ip}, which other machines can reach; expected a loopback"
            " address (127.0.0.1, ::1), since orders are neither encrypted nor signed"
        )
    return str(address)


class HostNames:
    """The names under which a front desk may be called.

    Parameters
    ----------
    more
        Beside those of loopback.
    """

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._names = LOOPBACK_NAMES | {name.lower() for name in more}

    def allows_host(self, host: str) -> bool:
        """Whether the Host header names this machine; its port does not matter (tunnels)."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        return name is not None and name.removesuffix(".") in self._names

    def allows_origin(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` may call: only one that came from this very front desk."""
        return origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")

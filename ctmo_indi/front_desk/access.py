"""Who may call at all: addresses, Host and Origin. Who is calling: ``identity.py``.

Every local process and every web page open in a local browser reaches loopback, hence the checks of
Host (against DNS rebinding) and Origin (against forms of foreign pages).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

from ctmo_indi.errors import ConfigError, NotPermitted
from ctmo_indi.work_orders.access import Caller, Role

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Access(Protocol):
    """Tells who is calling."""

    def identify(self, headers: Mapping[str, str], address: str) -> Caller:
        """Return the caller; NotPermitted when there is none to be trusted. Must not block."""
        ...


class NotIdentified(NotPermitted):
    """The request proves nobody; answered before its body is read.

    Parameters
    ----------
    status
        Of the HTTP answer.
    headers
        That go with it.
    """

    def __init__(self, status: HTTPStatus, text: str, **headers: str) -> None:
        self.status = status
        self.headers = headers
        super().__init__(text)


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


def listening_address(service: str, ip: str, *, is_network_allowed: bool = False) -> str:
    """Return the address to bind for ``ip``.

    Parameters
    ----------
    is_network_allowed
        Whether other machines may reach it: see :mod:`ctmo_indi.front_desk.opening`.

    Raises
    ------
    ConfigError
        It is no address, or other machines could reach it and may not.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if ip == "localhost" else ip)
    except ValueError as error:
        raise ConfigError(
            f"{service} Address: IP is {ip!r}, expected an IP address such as 127.0.0.1"
        ) from error
    if not address.is_loopback and not is_network_allowed:
        raise ConfigError(
            f"{service} Address: IP is {ip}, which other machines can reach; expected a loopback"
            " address (127.0.0.1, ::1), or tokens and TLS (keys Tokens and TLS of Access)"
        )
    return str(address)


class HostNames:
    """The names under which a front desk may be called.

    Parameters
    ----------
    more
        Beside those of loopback.
    any_ip
        Take every IP address: one cannot be rebound as a name can.
    """

    def __init__(self, more: Iterable[str] = (), *, any_ip: bool = False) -> None:
        self._names = LOOPBACK_NAMES | {name.lower() for name in more}
        self._any_ip = any_ip

    def allows_host(self, host: str) -> bool:
        """Whether the Host header names this machine; its port does not matter (tunnels)."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if name is None:
            return False
        return name.removesuffix(".") in self._names or (self._any_ip and _is_ip(name))

    def allows_origin(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` may call: only one that came from this very front desk."""
        return origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

"""The keys ``... Address`` and ``INDI Server``: where services and indiserver are, and listen."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

_PORT = {"type": "integer", "minimum": 1, "maximum": 65535, "description": "a TCP port"}
SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "HTTP": {
            "type": "string",
            "format": "http-url",
            "description": "a URL such as http://localhost:8000/, without name and token",
        },
        "IP": {
            "type": ["string", "null"],
            "format": "listening-ip",
            "description": "the IP address to listen on, or localhost",
        },
        "Port": _PORT,
    },
}
INDI_SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "Host": {"type": "string", "minLength": 1},
        "Port": _PORT,
        "Socket": {"type": ["string", "null"], "description": "path of the -u socket"},
    },
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service is found (``http``), and where it listens (``ip``, ``port``)."""

    http: str
    ip: str
    port: int

    def as_file(self) -> dict[str, object]:
        """Return the key as :func:`read` reads it."""
        return {"HTTP": self.http, "IP": self.ip, "Port": self.port}


@dataclass(frozen=True, slots=True)
class IndiAddress:
    """Where indiserver listens; ``socket`` (its ``-u`` path) is used instead of TCP when set."""

    host: str = "localhost"
    port: int = 7624
    socket: str | None = None

    def as_file(self) -> dict[str, object]:
        """Return the key as :func:`read_indi` reads it."""
        entry: dict[str, object] = {"Host": self.host, "Port": self.port}
        if self.socket:
            entry["Socket"] = self.socket
        return entry


def read(entry: Mapping[str, Any], *, default: Address, has_tls: bool) -> Address:
    """Make the address of the key, checked by the schema.

    Parameters
    ----------
    default
        Has the port of an entry that names none.
    has_tls
        Whether desks that other machines reach speak https.
    """
    ip = listening_ip(entry.get("IP"))
    url = entry.get("HTTP")
    port = entry.get("Port") or (urlsplit(url).port if url else None) or default.port
    if url is None:
        host = "localhost" if ip in ("127.0.0.1", "0.0.0.0", "::1", "::") else ip  # noqa: S104
        scheme = "https" if has_tls and not is_loopback(ip) else "http"
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    return Address(http=url.rstrip("/"), ip=ip, port=port)


def read_indi(entry: Mapping[str, Any]) -> IndiAddress:  # Any: checked by the schema
    """Make the address of the key; what is left out has its default."""
    default = IndiAddress()
    return IndiAddress(
        entry.get("Host", default.host), entry.get("Port", default.port), entry.get("Socket")
    )


def listening_ip(text: str | None) -> str:
    """Return the address to listen on; nothing and "localhost" are loopback, never all of them."""
    stripped = (text or "").strip()
    return "127.0.0.1" if stripped.lower() in ("", "localhost") else stripped


@lru_cache(maxsize=1024)  # asked about each request
def is_loopback(ip: str) -> bool:
    """Whether an IP address, or "localhost", can be reached from this machine only."""
    try:
        return ipaddress.ip_address("127.0.0.1" if ip == "localhost" else ip).is_loopback
    except ValueError:
        return False


def _is_listening_ip(text: str) -> bool:
    """Tell whether this is an IP address or a host's name; "300.1.1.1" is neither."""
    host = listening_ip(text)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        looks_numeric = all(part.isdigit() for part in host.split("."))
        return not looks_numeric and _HOST_NAME.fullmatch(host) is not None
    return True


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # ValueError when it is none
    except ValueError:
        return False
    has_secret = "@" in parts.netloc  # it would show in logs and messages
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_secret


FORMATS = {"http-url": _is_http_url, "listening-ip": _is_listening_ip}
"""Of the schema, by name: whether a text has it."""

"""The key ``Access`` of the configuration: tokens, TLS, and how services call each other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PATH = {"type": "string", "minLength": 1, "description": "a path"}
SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "Tokens": _PATH,
        "TLS": {
            "type": "object",
            "additionalProperties": False,
            "required": ["Certificate", "Key"],
            "properties": {"Certificate": _PATH, "Key": _PATH},
        },
        "Host Names": {"type": "array", "items": {"type": "string", "minLength": 1}},
        "Insecure Network": {"type": "boolean"},
        "Client Token File": _PATH,
        "CA File": _PATH,
    },
}


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may call the front desks, and how services call each other. Key ``Access``.

    Parameters
    ----------
    tokens
        File of ``ctmo-indi token``; it may be missing: then there are no tokens.
    certificate, key
        PEM files of TLS, on addresses that other machines reach; both or none.
    host_names
        Under which callers may address the desks, beside those of the ``... Address`` keys.
    is_network_insecure
        The network is trusted as this machine is: no TLS, and no token either.
    client_token_file
        Token with which services, and the command line where it may read it, call others.
    ca_file
        Certificates by which others are known; those of the system when None.
    """

    tokens: Path = Path("/etc/ctmo/tokens.json")
    certificate: Path | None = None
    key: Path | None = None
    host_names: tuple[str, ...] = ()
    is_network_insecure: bool = False
    client_token_file: Path | None = None
    ca_file: Path | None = None

    @property
    def has_tls(self) -> bool:
        """Whether there is a certificate to show."""
        return self.certificate is not None

    def as_file(self) -> dict[str, object]:
        """Return the key as :func:`read` reads it."""
        entry: dict[str, object] = {
            "Tokens": str(self.tokens.absolute()),
            "Insecure Network": self.is_network_insecure,
        }
        if self.certificate is not None and self.key is not None:
            entry["TLS"] = {
                "Certificate": str(self.certificate.absolute()),
                "Key": str(self.key.absolute()),
            }
        if self.host_names:
            entry["Host Names"] = list(self.host_names)
        if self.client_token_file is not None:
            entry["Client Token File"] = str(self.client_token_file.absolute())
        if self.ca_file is not None:
            entry["CA File"] = str(self.ca_file.absolute())
        return entry


def read(entry: Mapping[str, Any], config_file: Path) -> AccessSettings:  # Any: as the schema says
    """Make the settings of the key; where it names no tokens, they lie beside ``config_file``."""
    tls = entry.get("TLS", {})
    return AccessSettings(
        tokens=_file(entry.get("Tokens")) or config_file.resolve().with_name("tokens.json"),
        certificate=_file(tls.get("Certificate")),
        key=_file(tls.get("Key")),
        host_names=tuple(entry.get("Host Names", ())),
        is_network_insecure=entry.get("Insecure Network", False),
        client_token_file=_file(entry.get("Client Token File")),
        ca_file=_file(entry.get("CA File")),
    )


def _file(value: str | None) -> Path | None:
    return None if value is None else Path(os.path.expandvars(value)).expanduser()

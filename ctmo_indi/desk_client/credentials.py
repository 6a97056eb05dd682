"""What a client shows to a front desk: its token, and whom it believes.

A token is read from a file or the environment and sent in a header; it is never part of an address,
an argument of a program, a log line or an error.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.local_peer import believed_uids
from ctmo_indi.errors import ConfigError
from ctmo_indi.service_addresses import is_loopback
from ctmo_indi.tokens import read_secret

_log = logging.getLogger(__name__)

TOKEN_VARIABLE = "CTMO_TOKEN"  # noqa: S105 - the variable's name
FILE_VARIABLE = "CTMO_TOKEN_FILE"


class TokenFileReader:
    """The token in a file, read again when the file has changed. Thread-safe.

    Raises
    ------
    ConfigError
        At construction and when called: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, ...], str] = (self._stamp(), read_secret(path))

    def __call__(self) -> str:
        """Return the token as it stands in the file now."""
        stamp, secret = self._read
        now = self._stamp()
        if now != stamp:
            secret = read_secret(self._path)
            self._read = now, secret
        return secret

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = os.stat(self._path)
        except OSError as error:
            raise ConfigError(
                f"{self._path}: the token cannot be read: {error.strerror}"
            ) from error
        return found.st_mtime_ns, found.st_ino


class TrustFile:
    """Whom a client believes, see :func:`trusted`; read again when the file has changed.

    Thread-safe. A server takes a renewed certificate while it runs, and where that is its own
    authority, as in the guide, its clients must, too.

    Raises
    ------
    ConfigError
        At construction: the file holds no certificate. Later that is told in the log, and what was
        believed before goes on.
    """

    def __init__(self, ca_file: Path | None) -> None:
        self._file = ca_file
        self._read = (self._stamp(), trusted(ca_file))

    def __call__(self) -> ssl.SSLContext:
        """Return what the next handshake uses."""
        stamp, context = self._read
        now = self._stamp()
        if now != stamp:
            try:
                context = trusted(self._file)
            except ConfigError as error:
                _log.error("authority_not_taken error=%s; the old one goes on", error)
            else:
                _log.info("authority_read file=%s", self._file)
            self._read = now, context
        return context

    def _stamp(self) -> tuple[int, ...] | None:
        if self._file is None:
            return None
        try:
            found = os.stat(self._file)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def open_desk(
    config: Config,
    service: str,
    *,
    timeout_s: float = 10.0,
    user: str | None = None,
    clock: Clock | None = None,
) -> DeskClient:
    """Return a service's client of another: with the site's ``Client Token File`` and trust.

    On this machine only a process of root, of our own user or of the owner of the data is believed.

    Parameters
    ----------
    service
        "scheduler", "telescope", "dome", "preprocessor" or "safety".

    Raises
    ------
    ConfigError
        The token or the certificates to be trusted cannot be read, or the token would cross the
        network unencrypted.
    """
    file = config.access.client_token_file
    token = None if file is None else TokenFileReader(file)
    return _open(
        config, service, token, timeout_s=timeout_s, user=user, clock=clock, asks_who_answers=True
    )


def open_own_desk(
    config: Config, service: str, *, timeout_s: float = 10.0, user: str | None = None
) -> DeskClient:
    """Return a person's client of a service: with :func:`own_token`; errors of both."""
    token = own_token(config)
    return _open(
        config, service, token, timeout_s=timeout_s, user=user, asks_who_answers=token is not None
    )


def _open(
    config: Config,
    service: str,
    token: Callable[[], str] | None,
    *,
    timeout_s: float,
    user: str | None = None,
    clock: Clock | None = None,
    asks_who_answers: bool,
) -> DeskClient:
    address: str = getattr(config, service).http
    is_secure = address.startswith("https:")
    if token is not None and (problem := bare_token(config, service)):
        if not config.access.is_network_insecure:
            raise ConfigError(problem)
        token = None
    return DeskClient(
        address,
        timeout_s=timeout_s,
        user=user,
        clock=clock,
        token=token,
        trust=TrustFile(config.access.ca_file) if is_secure else None,
        believed_uids=believed_uids(config.data_dir) if asks_who_answers else None,
    )


def bare_token(config: Config, service: str) -> str:
    """Say which key would let a token cross the network unencrypted to a service; else empty."""
    address: str = getattr(config, service).http
    if address.startswith("https:") or is_loopback(urlsplit(address).hostname or ""):
        return ""
    return (
        f"{service.capitalize()} Address: HTTP is {address}, where a token would go unencrypted;"
        " expected https://"
    )


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Return what a client believes: certificates of this file alone, else the system's.

    Raises
    ------
    ConfigError
        The file holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl's errors are
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        raise ConfigError(f"CA File: {ca_file}: {reason}; expected certificates, PEM") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def own_token(
    config: Config, environment: Mapping[str, str] | None = None
) -> Callable[[], str] | None:
    """Return the token of the person at the command line: environment, file, configuration.

    The services' own file counts where that person may read it.

    Raises
    ------
    ConfigError
        A file that was named on purpose cannot be used.
    """
    found = os.environ if environment is None else environment
    if found.get(TOKEN_VARIABLE):
        secret = found[TOKEN_VARIABLE].strip()
        return lambda: secret
    if found.get(FILE_VARIABLE):
        return TokenFileReader(Path(found[FILE_VARIABLE]).expanduser())
    file = config.access.client_token_file
    if file is None or not os.access(file, os.R_OK):
        return None
    return TokenFileReader(file)

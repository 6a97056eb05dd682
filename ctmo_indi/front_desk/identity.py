"""Who is calling: by the token that comes with each request, else by being on this machine.

A token comes as HTTP Basic, so that ``xmlrpc.client.ServerProxy("https://name:token@host/")`` works
as it is, or as Bearer. Each request is looked at by itself, also on a kept connection, so a token
that was revoked ends with the next request. A wrong token is refused wherever it comes from. All
tokens are compared, each in constant time; the compared thing is a SHA-256, which nobody can steer.

A service that hands an order on says for whom in the header ``Ctmo-On-Behalf: NAME ROLE [known]``.
Anybody may send it, since it can only take away: the lesser of both roles counts, and the name
counts as proved only from an admin's token, as the services have it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.errors import ConfigError
from ctmo_indi.front_desk.access import NotIdentified
from ctmo_indi.front_desk.failures import Failures, neighbourhood
from ctmo_indi.service_addresses import is_loopback
from ctmo_indi.tokens import NAME, Token, digest, read_tokens
from ctmo_indi.work_orders.access import ON_BEHALF, Caller, Role

_log = logging.getLogger(__name__)

ANONYMOUS = "anonymous"
_CHALLENGE = 'Basic realm="ctmo-indi", charset="UTF-8"'
_LONGEST_SECRET = 512


class TokenFile:
    """The tokens of a file, read again whenever it changes; one thread at a time.

    A file that is wrong makes every token invalid until it is right again: it may be that one of
    them was revoked in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, ...] | None = ()  # none that a file can have: read at first
        self._tokens: tuple[Token, ...] = ()

    def tokens(self) -> tuple[Token, ...]:
        """Return the tokens as they are now; costs one look at the file's date. Never raises."""
        try:
            found = os.stat(self._path)
        except OSError:
            stamp = None
        else:
            stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode)
        if stamp != self._stamp:
            self._stamp = stamp
            self._read()
        return self._tokens

    def _read(self) -> None:
        try:
            self._tokens = read_tokens(self._path)
        except ConfigError as error:
            self._tokens = ()
            _log.error("tokens_unusable file=%s error=%s; none is valid", self._path, error)
        else:
            _log.info("tokens_read file=%s count=%d", self._path, len(self._tokens))


class TokenAccess:
    """Tells callers by their tokens. Runs on the front desk's loop.

    Parameters
    ----------
    tokens
        Read at every request.
    anonymous_role
        Of a caller on this machine without a token.
    is_local
        Whether an address is this machine's; by default the loopback ones.
    clock
        Real time: a token expires in the world's days, not in those of a fast clock.
    on_failure
        Told of an attempt that failed (address, reason), not more often than is good for a log.
    """

    def __init__(
        self,
        tokens: Callable[[], tuple[Token, ...]],
        *,
        anonymous_role: Role = Role.OPERATE,
        is_local: Callable[[str], bool] = is_loopback,
        clock: Clock | None = None,
        on_failure: Callable[[str, str], object] = lambda _address, _reason: None,
    ) -> None:
        self._tokens = tokens
        self._anonymous_role = anonymous_role
        self._is_local = is_local
        self._clock = clock or SystemClock()
        self._failures = Failures(self._clock)
        self._on_failure = on_failure

    def identify(self, headers: Mapping[str, str], address: str) -> Caller:
        """Return the caller; NotIdentified when nothing proves who it is.

        A right token is right however many wrong ones came from the same address before.
        """
        credentials = headers.get("Authorization")
        if credentials is None:
            if not self._is_local(address):
                raise self._refusal(address, "expected a token, as HTTP Basic or Bearer")
            caller = Caller(ANONYMOUS, self._anonymous_role, address)
        else:
            caller = self._of_token(credentials, address)
        behalf = headers.get(ON_BEHALF)
        return caller if behalf is None else self._behalf(caller, behalf)

    def still_knows(self, caller: Caller) -> bool:
        """Whether the token that told this caller is as it was; True where there was none."""
        if not caller.is_known or caller.via:
            return True
        now = self._clock.utc()
        return any(
            token.name == caller.name
            and token.role == caller.role.name.lower()
            and (token.expires_utc is None or now < token.expires_utc)
            for token in self._tokens()
        )

    def _of_token(self, credentials: str, address: str) -> Caller:
        name, secret = _parted(credentials)
        came = digest(secret)
        found: Token | None = None
        for token in self._tokens():  # all of them, whichever it is
            if hmac.compare_digest(token.sha256, came):
                found = token
        if found is None or (name is not None and name != found.name):
            raise self._refusal(address, "wrong name or token")
        if found.expires_utc is not None and self._clock.utc() >= found.expires_utc:
            raise self._refusal(
                address, f"the token {found.name} expired {_day(found.expires_utc)}"
            )
        return Caller(
            found.name,
            Role[found.role.upper()],
            address,
            is_known=True,
            users=frozenset(found.users),
        )

    def _behalf(self, sender: Caller, behalf: str) -> Caller:
        name, _, rest = behalf.partition(" ")
        word, _, known = rest.partition(" ")
        if not NAME.fullmatch(name) or word.upper() not in Role.__members__:
            raise NotIdentified(HTTPStatus.BAD_REQUEST, f"{ON_BEHALF}: expected NAME ROLE [known]")
        role = min(sender.role, Role[word.upper()])
        if sender.is_known and sender.role < Role.ADMIN:  # for himself, but with less
            return Caller(sender.name, role, sender.address, is_known=True, users=sender.users)
        is_known = sender.is_known and known == "known"
        return Caller(name, role, sender.address, is_known=is_known, via=sender.name)

    def _refusal(self, address: str, reason: str) -> NotIdentified:
        count = self._failures.note(neighbourhood(address))
        if count.is_news:
            self._on_failure(address, reason + (f" ({count.number} times)" * (count.number > 1)))
        if count.is_too_many:
            return NotIdentified(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too many wrong tokens from this address",
                **{"Retry-After": str(Failures.WINDOW_S)},
            )
        return NotIdentified(HTTPStatus.UNAUTHORIZED, reason, **{"WWW-Authenticate": _CHALLENGE})


def _parted(credentials: str) -> tuple[str | None, str]:
    """Return name (None with Bearer) and token; an empty token, which is nobody's, for nonsense."""
    scheme, _, rest = credentials.partition(" ")
    rest = rest.strip()
    if len(rest) > _LONGEST_SECRET:
        return None, ""
    if scheme.lower() == "bearer":
        return None, rest
    if scheme.lower() == "basic":
        try:
            name, colon, secret = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None, ""
        return name, secret if colon else ""
    return None, ""


def _day(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC")

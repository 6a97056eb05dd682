"""Tokens: who may call a front desk from where a name must be proved.

A token is 256 random bits. The file keeps its SHA-256 and never the token itself. A slow hash such
as scrypt protects what people think up and others can guess; nobody guesses 256 bits, and it would
cost milliseconds for every order. The file is written whole and renamed into place, so a service
that reads it at any moment sees the old tokens or the new ones.

::

    {"tokens": [{"name": "ada", "role": "operate", "sha256": "...", "created": "2026-...",
                 "expires": "2027-..." or null, "users": []}]}
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ctmo_indi.errors import ConfigError

PREFIX = "ctmo_"  # by which scanners of repositories find a token that was published
ROLES = ("read", "submit", "operate", "admin")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LARGEST_BYTES = 1_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_USERS = 1000


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token.

    Parameters
    ----------
    role
        One of :data:`ROLES`.
    sha256
        Of the token's text, hexadecimal.
    expires_utc
        None for never.
    users
        Names beside ``name`` that its owner may put into the ``User`` of an order; ``*`` for any.
    """

    name: str
    role: str
    sha256: str
    created_utc: datetime
    expires_utc: datetime | None = None
    users: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the entry of the file."""
        return {
            "name": self.name,
            "role": self.role,
            "sha256": self.sha256,
            "created": self.created_utc.isoformat(timespec="seconds"),
            "expires": self.expires_utc and self.expires_utc.isoformat(timespec="seconds"),
            "users": list(self.users),
        }


def new_secret() -> str:
    """Return the text of a new token: 256 bits, good in URLs and headers as it is."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what the file keeps of a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Return the tokens in a file; none when there is no file.

    Raises
    ------
    ConfigError
        Others than its owner may read or write it, or its content is wrong: all that is.
    """
    try:
        text = read_secret_file(path)
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {_reason(error)}") from error
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path}: no JSON: {error}") from error
    entries = data.get("tokens") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise ConfigError(f"{path}: expected an object with an array 'tokens'")
    tokens: list[Token] = []
    problems: list[str] = []
    for number, entry in enumerate(entries):
        try:
            tokens.append(_token(entry))
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{path}: tokens[{number}]: {_reason(error)}")
    names = [token.name for token in tokens]
    problems += [f"{path}: {name}: twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    if problems:
        raise ConfigError(problems)
    return tuple(tokens)


def _token(entry: object) -> Token:
    if not isinstance(entry, dict):
        raise TypeError("expected an object")
    name, role, sha256 = entry["name"], entry["role"], entry["sha256"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"name: came {name!r:.80}, expected letters, digits, '.', '_' and '-'")
    if role not in ROLES:
        raise ValueError(f"role of {name}: came {role!r:.80}, expected {', '.join(ROLES)}")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"sha256 of {name}: expected 64 hexadecimal digits")
    users = entry.get("users", [])
    if not isinstance(users, list) or len(users) > _MOST_USERS:
        raise ValueError(f"users of {name}: expected an array of at most {_MOST_USERS} names")
    expires = entry.get("expires")
    return Token(
        name,
        role,
        sha256,
        _instant(entry["created"]),
        None if expires is None else _instant(expires),
        tuple(map(str, users)),
    )


def _instant(text: object) -> datetime:
    instant = datetime.fromisoformat(str(text))
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


def write_tokens(path: Path, tokens: Sequence[Token]) -> None:
    """Replace the file, readable by its owner alone; blocks for a disk sync.

    Root gives a new file to the owner of the old one, else to the user the services run as, when
    there is one.

    Raises
    ------
    ConfigError
        It could not be written; the old file stands.
    """
    text = json.dumps({"tokens": [token.to_json() for token in tokens]}, indent=2) + "\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if os.geteuid() == 0:
                os.fchown(file, *_owner(path))
            data = text.encode()
            written = os.write(file, data)
            if written < len(data):  # a disk that fills up takes a part
                raise OSError(f"took {written} of {len(data)} bytes")
            os.fsync(file)
        finally:
            os.close(file)
        temporary.replace(path)
        _sync_folder(path.parent)  # a power cut must not bring a revoked token back
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written: {_reason(error)}") from error


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _owner(path: Path) -> tuple[int, int]:
    with contextlib.suppress(FileNotFoundError):
        status = path.stat()
        return status.st_uid, status.st_gid
    from ctmo_indi.units import DEFAULT_CONFIG, USER

    if path.parent == DEFAULT_CONFIG.parent:
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(USER)
            return user.pw_uid, user.pw_gid
    return os.geteuid(), os.getegid()


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Keep a second command from changing the file meanwhile.

    What is locked is a file of its own that nobody else may open: a lock on the folder, or on any
    file that others may read, could be held by anybody, and no token be revoked.

    Raises
    ------
    ConfigError
        Another command is at it, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(path.with_name(f".{path.name}.lock"), flags, 0o600)
        if os.geteuid() == 0:
            os.fchown(lock, *_owner(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be changed: {_reason(error)}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{path}: another command changes it now, try again") from error
        yield
    finally:
        os.close(lock)


def read_secret_file(path: Path) -> str:
    """Return the text of a file that only its owner may read.

    Raises
    ------
    ConfigError
        Its group or others may read or write it, or it is too large.
    OSError, UnicodeDecodeError
        It cannot be read.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not hold us
    with os.fdopen(file, "rb") as opened:
        status = os.fstat(file)
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path}: expected a file")
        if mode & 0o077 and not is_credential(path):
            raise ConfigError(
                f"{path}: its mode is {mode:04o}, which lets others than its owner at it; expected"
                f" 0600 (chmod 600 {path})"
            )
        data = opened.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise ConfigError(f"{path}: expected at most {LARGEST_BYTES} bytes")
    return data.decode("utf-8")


def is_credential(path: Path) -> bool:
    """Whether systemd handed this file to the service alone (LoadCredential=, systemd.exec(5)).

    It gives access by a list that shows in the mode as the group's.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.parent == Path(str(folder))


def read_secret(path: Path) -> str:
    """Return the token in a file: its first line, without blanks.

    Raises
    ------
    ConfigError
        There is none, it cannot be read, or others may read it; the text never holds the token.
    """
    try:
        text = read_secret_file(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the token cannot be read: {_reason(error)}") from None
    secret = text.strip()
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigError(f"{path}: expected one token, as 'ctmo-indi token add' printed it")
    return secret

"""Open the front desk of a service as the site's configuration says, or say why not.

On loopback a desk speaks plain HTTP and takes callers without a token, as the original did. On an
address that other machines reach it needs tokens and TLS; ``Insecure Network: true`` takes both
away and says so at each start and in every Status.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from ctmo_indi.audit_log import AuditEntry, AuditLog, path_for
from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.config import Config
from ctmo_indi.errors import ConfigError
from ctmo_indi.front_desk.failures import Failures, neighbourhood
from ctmo_indi.front_desk.identity import TokenAccess, TokenFile
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.pages import Pages
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.front_desk.tls import TlsFiles
from ctmo_indi.service_addresses import Address, is_loopback
from ctmo_indi.tokens import Token, digest, read_secret, read_tokens
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.audited import AuditedDesk
from ctmo_indi.work_orders.desk import Desk

_log = logging.getLogger(__name__)

TOLD_A_MINUTE = 300
"""Lines of the audit log for one caller about orders that moved nothing; deeds are all told."""

INSECURE = "Insecure Network: whoever reaches this address may operate, unencrypted and unnamed"


def open_front_desk(
    desks: Sequence[tuple[Desk, Address]],
    config: Config,
    *,
    limits: Limits | None = None,
    is_local: Callable[[str], bool] = is_loopback,
    pages: Mapping[str, Pages] | None = None,
) -> FrontDeskServer:
    """Return the server of a service's desks, not started yet.

    Parameters
    ----------
    desks
        Each with where it listens; a port of 0 takes a free one.
    is_local
        Which addresses are this machine's alone; others than loopback in tests only.
    pages
        What the port of a service serves besides orders, by its name.

    Raises
    ------
    ConfigError
        The configuration does not allow to listen there: everything that is missing or wrong.
    """
    access = config.access
    addresses = {desk.service: address for desk, address in desks}
    network = [name for name, address in addresses.items() if not is_local(address.ip)]
    problems = access_problems(config, addresses, is_local=is_local)
    if problems and network:
        raise ConfigError(problems)
    for problem in problems:  # on loopback a wrong file takes away tokens, never the service
        _log.error("access_problem problem=%s", problem)
    insecure = bool(network) and access.is_network_insecure
    if insecure:
        _log.warning("insecure_network services=%s: %s", ",".join(network), INSECURE)
    audit = AuditLog(path_for(config.logging.file, config.data_dir))
    clock = SystemClock()
    known = TokenAccess(
        TokenFile(access.tokens).tokens,
        anonymous_role=Role.OPERATE if config.anonymous_may_operate else Role.READ,
        is_local=_everywhere if insecure else is_local,
        clock=clock,
        on_failure=_failure_writer(audit, "+".join(addresses), clock.utc),
    )
    warnings = (INSECURE,) if insecure else ()
    spared = sparing(clock)

    def audited(desk: Desk) -> AuditedDesk:
        return AuditedDesk(
            desk,
            audit.record,
            still_knows=known.still_knows,
            warnings=warnings,
            clock=clock,
            spared=spared,
        )

    return FrontDeskServer(
        [(audited(desk), address.ip, address.port) for desk, address in desks],
        limits,
        known,
        hosts=_host_names(config, addresses.values()),
        is_network_allowed=bool(network),
        tls=_tls(config) if network and not insecure else None,
        is_local=is_local,
        on_stopped=audit.close,
        pages=pages,
    )


def sparing(clock: Clock) -> Callable[[Caller], str | None]:
    """Return what tells an audited desk which orders that moved nothing are to be written."""
    harmless = Failures(clock, told=TOLD_A_MINUTE)

    def spared(caller: Caller) -> str | None:
        who = f"{caller.via or caller.name} {neighbourhood(caller.address)}"
        count = harmless.note(who)
        if not count.is_news:
            return None
        more = f" ({count.number} of this caller within a minute, not each is told)"
        return more if count.number > TOLD_A_MINUTE else ""

    return spared


def access_problems(
    config: Config,
    addresses: dict[str, Address],
    *,
    is_local: Callable[[str], bool] = is_loopback,
) -> list[str]:
    """Return what is wrong with the configuration of access, for desks at these addresses."""
    access = config.access
    problems = _token_problems(config)
    if access.ca_file is not None and not access.ca_file.is_file():
        problems.append(f"Access.CA File: {access.ca_file}: no such file")
    try:
        _tls(config)
    except ConfigError as error:
        problems += error.problems
    for service, address in addresses.items():
        if not is_local(address.ip):
            problems += _network_problems(service, address, config)
        elif _is_plain_desk_by_https(address):
            problems.append(
                f"{service} Address: HTTP is {address.http}, but a desk that only this machine can"
                " reach speaks plain http; expected http://, or an IP that others reach, with TLS"
            )
    return problems


def _is_plain_desk_by_https(address: Address) -> bool:
    """Whether https is asked of the desk itself; a proxy before it may speak it elsewhere."""
    url = urlsplit(address.http)
    is_the_desk = is_loopback(url.hostname or "") and (url.port or 443) == address.port
    return url.scheme == "https" and is_the_desk


def _token_problems(config: Config) -> list[str]:
    """Say what keeps people out, or would have the services refuse each other."""
    access = config.access
    problems: list[str] = []
    known: tuple[Token, ...] = ()
    try:
        known = read_tokens(access.tokens)
    except ConfigError as error:
        problems += error.problems
    if access.client_token_file is None:
        if not config.anonymous_may_operate:
            problems.append(
                "Anonymous May Operate is false and Access has no Client Token File: the services"
                " would refuse each other; expected a file with a token of the role admin"
            )
        return problems
    try:
        own = digest(read_secret(access.client_token_file))
    except ConfigError as error:
        return [*problems, *error.problems]
    problems.extend(
        f"{access.client_token_file}: the role of its token {token.name} is {token.role}, expected"
        " admin: services speak for everybody"
        for token in known
        if token.sha256 == own and token.role != "admin"
    )
    return problems


def _network_problems(service: str, address: Address, config: Config) -> list[str]:
    access = config.access
    if access.is_network_insecure:
        return []
    name = f"{service} Address: IP is {address.ip}, which other machines can reach"
    problems = []
    if not access.tokens.is_file():
        problems.append(
            f"{name}; expected tokens in {access.tokens} (ctmo-indi token add NAME --role ROLE)"
        )
    if not access.has_tls:
        problems.append(
            f"{name}; expected TLS: keys Certificate and Key in Access.TLS, or Access.Insecure"
            " Network: true where everybody on the network may operate"
        )
    elif urlsplit(address.http).scheme != "https":
        problems.append(f"{service} Address: HTTP is {address.http}, expected https:// with TLS")
    return problems


def _tls(config: Config) -> TlsFiles | None:
    access = config.access
    if access.certificate is None or access.key is None:
        return None
    return TlsFiles(access.certificate, access.key)


def _host_names(config: Config, addresses: Iterable[Address]) -> set[str]:
    names = set(config.access.host_names)
    for address in addresses:
        host = urlsplit(address.http).hostname
        names |= {host} if host else set()
    return names


def _everywhere(_address: str) -> bool:
    return True


def _failure_writer(
    audit: AuditLog, service: str, utc: Callable[[], datetime]
) -> Callable[[str, str], None]:
    def write(address: str, reason: str) -> None:
        _log.warning("unidentified service=%s address=%s reason=%s", service, address, reason)
        audit.record(
            AuditEntry(utc(), service, "unidentified", address=address, fault=401, text=reason)
        )

    return write

"""The ports of a fleet on this machine: free ones, and whether those of a site can be used."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import replace
from importlib.util import find_spec

from ctmo_indi.config import Config
from ctmo_indi.errors import ConfigError
from ctmo_indi.service_addresses import Address

_CANDIDATES = range(20_000, 32_768)


def free_ports(count: int) -> list[int]:
    """Return that many different TCP ports of the loopback address that are free now.

    At random, and below those that a system gives to outgoing connections (Linux: 32768 and up,
    ``net.ipv4.ip_local_port_range``): nobody's connection takes one before it is listened on.

    Raises
    ------
    OSError
        EADDRINUSE: there are not so many.
    """
    with ExitStack() as stack:  # all bound at once, so that they differ
        ports: list[int] = []
        for port in random.SystemRandom().sample(_CANDIDATES, len(_CANDIDATES)):
            probe = stack.enter_context(socket.socket())
            with suppress(OSError):  # somebody listens there
                probe.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise OSError(errno.EADDRINUSE, f"there are no {count} free ports in {_CANDIDATES}")


def on_free_ports(config: Config) -> Config:
    """Return ``config`` with every service on a free loopback port: for demos and tests."""
    scheduler, telescope, dome, preprocessor, safety = (
        Address(f"http://127.0.0.1:{port}", "127.0.0.1", port) for port in free_ports(5)
    )
    return replace(
        config,
        scheduler=scheduler,
        telescope=telescope,
        dome=dome,
        preprocessor=preprocessor,
        safety=safety,
    )


def check_ports(config: Config, services: Collection[str]) -> None:
    """Refuse addresses that cannot be listened on now, and a Tango server without its library.

    Parameters
    ----------
    services
        Names of those that will listen; the dome's desk is the telescope's.

    Raises
    ------
    ConfigError
        Everything that stands in the way.
    """
    problems = []
    names = [*services, *(["dome"] if "telescope" in services else [])]
    places: dict[str, Address] = {
        f"{name.title()} Address": getattr(config, name) for name in names
    }
    if config.tango.is_enabled:
        places["Tango"] = Address("", config.tango.host, config.tango.port)
        if find_spec("tango") is None:
            problems.append('Tango: pytango is not there: pip install "ctmo-indi[tango]"')
    for key, address in places.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address.ip or "127.0.0.1", address.port))
            except OSError as error:
                problems.append(
                    f"{key}: port {address.port} on {address.ip} cannot be used "
                    f"({error.strerror}); is the service running already?"
                )
    if problems:
        raise ConfigError(problems)

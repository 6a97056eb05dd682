"""The ports of a fleet on this machine: free ones, and whether those of a site can be used."""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec

from ctmo_indi.config import Config
from ctmo_indi.errors import ConfigError
from ctmo_indi.service_addresses import Address


def free_ports(count: int) -> list[int]:
    """Return that many different TCP ports of the loopback address that are free now."""
    with ExitStack() as stack:  # all bound at once, so that they differ
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


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

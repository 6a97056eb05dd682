"""The ports of a fleet on this machine: free ones, and whether those of a site can be used."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import replace

from ctmo_indi.config import Config
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

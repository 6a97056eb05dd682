"""Make a client for a server: which transport, and why."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from enum import StrEnum

from ctmo_indi.clock import Clock
from ctmo_indi.errors import ConfigError
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.pyindi_transport import PyIndiTransport
from ctmo_indi.indi.transport import Transport
from ctmo_indi.indi.wire_transport import IndipyTransport


class Backend(StrEnum):
    """Which library speaks INDI for us."""

    AUTO = "auto"
    PYINDI = "pyindi"
    INDIPYCLIENT = "indipyclient"


def pyindi_available() -> bool:
    """Whether PyIndi is installed; it is not imported, that is the child's business."""
    return importlib.util.find_spec("PyIndi") is not None


def transport_maker(
    endpoint: Endpoint, clock: Clock, backend: Backend = Backend.AUTO
) -> Callable[[], Transport]:
    """Return what makes the transports of a client.

    Raises
    ------
    ConfigError
        ``backend`` asks for PyIndi and it is not installed.
    """
    if backend is Backend.INDIPYCLIENT:
        return lambda: IndipyTransport(endpoint, clock)
    if pyindi_available():
        return lambda: PyIndiTransport(endpoint, clock)
    if backend is Backend.PYINDI:
        raise ConfigError("INDI backend pyindi: pyindi-client is not installed")
    return lambda: IndipyTransport(endpoint, clock)


def open_client(
    endpoint: Endpoint, clock: Clock, *, backend: Backend = Backend.AUTO, name: str = "indi"
) -> IndiClient:
    """Make and start a client; it connects in the background, see :meth:`IndiClient.wait_link`."""
    client = IndiClient(transport_maker(endpoint, clock, backend), clock, name=name)
    client.start()
    return client

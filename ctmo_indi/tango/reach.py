"""Whether the Tango device server answers, as any Tango client would find out."""

from __future__ import annotations

import tango

from ctmo_indi.tango_settings import TangoSettings

PINGED = "Scheduler"
"""Every observatory has it."""


def silence(settings: TangoSettings) -> str:
    """Say why a client finds no device, empty when it finds one; blocks for seconds at most."""
    try:
        tango.DeviceProxy(settings.url(PINGED)).ping()
    except tango.DevFailed as error:
        return f"is not running ({error.args[0].reason})"
    return ""

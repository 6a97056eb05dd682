"""What ``ctmo-indi check`` says of the Tango device server, where the site has one configured."""

from __future__ import annotations

import importlib.util

from ctmo_indi.tango_settings import TangoSettings

Row = tuple[str, bool, str]
WHAT = "Tango devices"


def look(settings: TangoSettings) -> list[Row]:
    """Ask the device server; no row without the key ``Tango``. Blocks for some seconds at most.

    That it does not run is no fault, as with the services; that it cannot run is.
    """
    if not settings.is_enabled:
        return []
    if importlib.util.find_spec("tango") is None:
        return [(WHAT, False, 'pytango is not installed: pip install "ctmo-indi[tango]"')]
    from ctmo_indi.tango.reach import silence

    token = settings.token_file
    if token is not None and not token.is_file():
        return [(WHAT, False, f"Tango: Client Token File: there is no {token}")]
    listens = f"{settings.host}:{settings.port}"
    place = f"database {settings.database}" if settings.database else listens
    trouble = silence(settings)
    return [(WHAT, True, f"{place} {trouble or 'answers'}")]

"""Write our devices into a Tango database, where they are not there yet."""

from __future__ import annotations

from collections.abc import Sequence

import tango

from ctmo_indi.errors import ConfigError
from ctmo_indi.tango_settings import SERVER, TangoSettings


def register(settings: TangoSettings, classes: Sequence[str]) -> None:
    """Add the device of each class, unless the database has one: its name is the site's choice.

    Blocks for a few round trips to the database.

    Raises
    ------
    ConfigError
        There is no database at ``Tango: Database``, or it refuses.
    """
    host, _, port = str(settings.database).rpartition(":")
    server = f"{SERVER}/{settings.instance}"
    try:
        there = tango.Database(host, port)
        found = list(there.get_device_class_list(server).value_string)
        known = set(found[1::2])  # name, class, name, class ...
        for name in classes:
            if name not in known:
                device = tango.DbDevInfo()
                device.name, device.server = settings.names[name], server
                device._class = name  # noqa: SLF001 - pytango's name of it
                there.add_device(device)
    except tango.DevFailed as error:
        raise ConfigError(
            f"Tango: Database: {settings.database}: {error.args[0].desc.strip()}"
        ) from error

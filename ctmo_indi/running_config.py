"""Which configuration a client reads: the one of the manager that runs here.

``ctmo-indi up`` and ``demo`` write the addresses they chose into the data folder.
"""

from __future__ import annotations

from pathlib import Path

DEFAULT_DATA = Path("ctmo-data")
RUNNING_CONFIG = Path("run") / "ctmo.conf.yaml"


def find_config(config: Path | None, data: Path | None) -> Path | None:
    """Return the configuration a client should read.

    A given file wins; then the one that ``up`` or ``demo`` wrote into the data directory; then,
    where no ``/etc/ctmo/ctmo.conf.yaml`` exists, the one in ``./ctmo-data``. None: the default.
    """
    from ctmo_indi.config import DEFAULT_FILE

    if config is not None:
        return config
    if data is not None:
        return data / RUNNING_CONFIG
    if not DEFAULT_FILE.is_file() and (DEFAULT_DATA / RUNNING_CONFIG).is_file():
        return DEFAULT_DATA / RUNNING_CONFIG
    return None

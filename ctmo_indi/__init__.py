"""Run a small observatory unattended, on INDI devices.

From Python: ``from ctmo_indi import FrontDesk, Observatory``. They are imported when they are asked
for: the command line and the services start without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctmo_indi.api import FrontDesk, Observatory

__version__ = "0.1.0.dev0"
__all__ = ["FrontDesk", "Observatory", "__version__"]


def __getattr__(name: str) -> object:
    if name not in {"FrontDesk", "Observatory"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ctmo_indi import api

    return getattr(api, name)

"""An order while it is being read: values of keys found right, a note of what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ctmo_indi.models.orders import Window
from ctmo_indi.profiles import Profile
from ctmo_indi.work_orders import model
from ctmo_indi.work_orders.angles import read_dec, read_ra
from ctmo_indi.work_orders.instants import read_instant
from ctmo_indi.work_orders.problems import Problems

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Draft:
    """An order being read.

    Parameters
    ----------
    wire
        The keys, to be normalised in place by the readers. ``Any``: any value XML-RPC can carry;
        the schema has checked the types of those not in ``problems``.
    """

    wire: dict[str, Any]
    order_id: str
    problems: Problems
    profile: Profile

    @property
    def user(self) -> str:
        """The order's User, "anonymous" where it may be left out."""
        return str(self.wire.get("User") or ANONYMOUS)

    def good(self, key: str) -> Any:  # Any: see wire
        """Value of ``key``; None when it is missing or already found wrong."""
        value = self.wire.get(key)
        return None if value is None or key in self.problems else value

    def finite(self, key: str) -> float | None:
        """Value of the number ``key``, refused when it is not finite."""
        value = self.good(key)
        if value is None:
            return None
        if not math.isfinite(value):
            self.problems.came(key, value, "expected a finite number")
            return None
        return float(value)

    def instant(self, key: str) -> float | None:
        """Unix seconds of the instant ``key``."""
        value = self.good(key)
        return None if value is None else self._instant(key, value)

    def _instant(self, label: str, value: Any) -> float | None:  # Any: see wire
        if label in self.problems:
            return None
        try:
            return read_instant(value)
        except ValueError as error:
            self.problems.came(label, value, str(error))
            return None

    def pointing(self) -> tuple[float | None, float | None]:
        """Return RA and Dec in ICRS degrees, and normalise them in the wire."""
        unit = self.good("RA Unit")
        ra_deg = dec_deg = None
        if (value := self.good("RA")) is not None and "RA Unit" not in self.problems:
            try:
                ra_deg = self.wire["RA"] = read_ra(value, unit, self.profile.ra_unit)
                self.wire["RA Unit"] = "deg"
            except ValueError as error:
                self.problems.came("RA", value, str(error))
        if (value := self.good("Dec")) is not None:
            try:
                dec_deg = self.wire["Dec"] = read_dec(value)
            except ValueError as error:
                self.problems.came("Dec", value, str(error))
        return ra_deg, dec_deg

    def windows(self) -> tuple[Window, ...]:
        """Return Windows as Unix seconds."""
        windows = []
        came = self.wire.get("Windows")
        for index, window in enumerate(came if isinstance(came, list | tuple) else ()):
            label = f"Windows[{index}]"
            if not isinstance(window, Mapping):
                continue  # the schema has said so
            start = self._instant(f"{label}.Start", window.get("Start"))
            end = self._instant(f"{label}.End", window.get("End"))
            if start is None or end is None:
                continue
            if not start < end:
                self.problems.came(f"{label}.End", window["End"], "expected after Start")
            windows.append(Window(start, end))
        return tuple(windows)

    def name(self) -> model.OrderName:
        """Return which order is meant."""
        return model.OrderName(
            receipt=str(self.good("Receipt") or ""),
            user=str(self.good("User") or ""),
            order_id=str(self.good("ID") or ""),
        )

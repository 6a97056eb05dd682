"""What a property of an INDI device was at one instant: plain, frozen values.

Nothing of PyIndi or indipyclient leaves the transports; everybody else sees these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from ctmo_indi.errors import UnknownProperty

Value = float | str | bool
"""A number, a text (of a light: its state word; of a BLOB: its last format) or a switch."""


class PropertyState(StrEnum):
    """State of a whole property vector, spelt as on the wire."""

    IDLE = "Idle"
    OK = "Ok"
    BUSY = "Busy"
    ALERT = "Alert"


_REPEATING = frozenset({PropertyState.BUSY, PropertyState.ALERT})


class PropertyType(StrEnum):
    """Kind of a property vector."""

    NUMBER = "Number"
    SWITCH = "Switch"
    TEXT = "Text"
    LIGHT = "Light"
    BLOB = "BLOB"


class Permission(StrEnum):
    """What a client may do with a property."""

    RO = "ro"
    WO = "wo"
    RW = "rw"


class SwitchRule(StrEnum):
    """How many switches of a vector may be on."""

    ONE_OF_MANY = "OneOfMany"
    AT_MOST_ONE = "AtMostOne"
    ANY_OF_MANY = "AnyOfMany"


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Limits of a number element in its own unit; ``minimum >= maximum`` means no limits."""

    minimum: float
    maximum: float
    step: float = 0.0

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies within the limits, with room for rounding on the wire."""
        if self.minimum >= self.maximum:
            return True
        room = 1e-9 * max(1.0, abs(self.minimum), abs(self.maximum))
        return self.minimum - room <= value <= self.maximum + room


_NO_VALUES: Mapping[str, Value] = MappingProxyType({})
_NO_RANGES: Mapping[str, NumberRange] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PropertySnapshot:
    """One property at one instant; safe in any thread.

    Parameters
    ----------
    values, ranges
        Read-only; by element name. ``ranges`` is filled for numbers only.
    elapsed_s
        :meth:`Clock.elapsed_s` when it was received: sky seconds, for ages.
    generation
        Number of the event it came with; grows by one with every event of the client.
    renewed_elapsed_s
        When the driver last sent values that it had just read: neither in Alert nor Busy, with
        which INDI's drivers repeat the old ones (``indiweatherinterface.cpp``), nor as a definition
        again, with which they answer whoever asks. None: it never did.
    """

    device: str
    name: str
    type: PropertyType
    state: PropertyState
    permission: Permission = Permission.RW
    rule: SwitchRule | None = None
    values: Mapping[str, Value] = field(default_factory=lambda: _NO_VALUES)
    ranges: Mapping[str, NumberRange] = field(default_factory=lambda: _NO_RANGES)
    elapsed_s: float = 0.0
    generation: int = 0
    renewed_elapsed_s: float | None = None

    def number(self, element: str) -> float:
        """Value of a number element; UnknownProperty when there is none of that name."""
        value = self._value(element)
        if isinstance(value, float) and not isinstance(value, bool):
            return value
        raise self._missing(element, "number")

    def switch(self, element: str) -> bool:
        """Whether a switch element is on; UnknownProperty when there is none of that name."""
        value = self._value(element)
        if isinstance(value, bool):
            return value
        raise self._missing(element, "switch")

    def text(self, element: str) -> str:
        """Text of a text or light element; UnknownProperty when there is none of that name."""
        value = self._value(element)
        if isinstance(value, str):
            return value
        raise self._missing(element, "text")

    def on(self) -> list[str]:
        """Names of the switches that are on, in the driver's order."""
        return [element for element, value in self.values.items() if value is True]

    def _value(self, element: str) -> Value:
        try:
            return self.values[element]
        except KeyError:
            raise self._missing(element, "element") from None

    def _missing(self, element: str, wanted: str) -> UnknownProperty:
        known = ", ".join(self.values) or "nothing"
        return UnknownProperty(
            f"{self.device}.{self.name} has no {wanted} {element}; its elements are {known}"
        )


def renewed_s(
    known: PropertySnapshot | None, state: PropertyState, now_s: float, *, is_definition: bool
) -> float | None:
    """Return ``renewed_elapsed_s`` of what has just come in ``state``, after ``known``."""
    if known is not None and (is_definition or state in _REPEATING):
        return known.renewed_elapsed_s
    return None if state in _REPEATING else now_s

"""The rows that the device server is written in: devices, their attributes, their commands.

A Tango class is made of one :class:`DeviceSpec`; nothing of it stands anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ctmo_indi.profiles import Profile, Role
from ctmo_indi.tango.picture import Seen
from ctmo_indi.tango.state_table import State

Order = Mapping[str, object]
Reply = Mapping[str, Any]  # Any: as on the wire


class Kind(Enum):
    """Of a value, with the name of its Tango type."""

    NUMBER = "DevDouble"
    WHOLE = "DevLong"
    CLAIM = "DevBoolean"
    TEXT = "DevString"
    CHOICE = "DevEnum"
    NUMBERS = "DevVarDoubleArray"
    TEXTS = "DevVarStringArray"


class Mood(Enum):
    """How an attribute's value is to be taken: Tango's quality, but for INVALID."""

    VALID = "ATTR_VALID"
    WARNING = "ATTR_WARNING"
    ALARM = "ATTR_ALARM"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers that a site's profile gives; None: no bound on that side."""

    low: float | None = None
    high: float | None = None

    def mood(self, value: object) -> Mood:
        """Return ALARM outside."""
        if not isinstance(value, int | float):
            return Mood.VALID
        is_low = self.low is not None and value < self.low
        is_high = self.high is not None and value > self.high
        return Mood.ALARM if is_low or is_high else Mood.VALID


@dataclass(frozen=True, slots=True)
class Asked:
    """What an order is made of.

    Parameters
    ----------
    value
        The command's argument, or what was written to the attribute.
    settings
        The device's written attributes that are kept here, by name.
    """

    value: Any  # Any: of the row's kind
    settings: Mapping[str, Any]
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSpec:
    """One attribute.

    Parameters
    ----------
    path
        Where its value stands in the Status reply of the device's service.
    read
        Where its value is made of more than that.
    labels
        Of a CHOICE, from the profile; the value on the wire is one of them.
    minimum, maximum
        Of what may be written; Tango refuses what is outside.
    alarm
        Bounds of the profile that Tango itself watches, and shows to its clients.
    mood
        What Tango cannot know: says from reply, profile and value how it is to be taken.
    order
        Makes the order that writing sends; with ``asks``, the service.
    setting
        First value of an attribute that is kept here and only used by commands.
    max_age_s
        From the profile: sky seconds, by "Age (s)" beside it, after which the value is INVALID.
    least_change
        No change event for less.
    has_events
        False for ages, which always change.
    of_state
        Its value is the device's own: since when its State holds.
    """

    name: str
    kind: Kind
    doc: str
    path: tuple[str, ...] = ()
    read: Callable[[Seen], object] | None = None
    label: str = ""
    unit: str = ""
    shown: str = ""
    labels: Callable[[Profile], tuple[str, ...]] | None = None
    minimum: float | None = None
    maximum: float | None = None
    alarm: Callable[[Profile], Bounds] | None = None
    mood: Callable[[Seen, Profile, object], Mood] | None = None
    order: Callable[[Asked], Order] | None = None
    asks: str = ""
    setting: object = None
    max_age_s: Callable[[Profile], float] | None = None
    least_change: float = 0.0
    has_events: bool = True
    of_state: bool = False
    never_in: frozenset[State] = frozenset()

    @property
    def is_written(self) -> bool:
        """Whether clients may write it."""
        return self.order is not None or self.setting is not None


STATE_SINCE = AttributeSpec(
    name="StateSince",
    kind=Kind.TEXT,
    label="State since",
    of_state=True,
    doc="Since when State holds: UTC of the sky, ISO 8601. Tango stamps State and Status with the"
    " machine's time by itself; this is told with every change of State.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """One command: an order to a front desk, and what of its reply is given back.

    Parameters
    ----------
    asks
        Services; of several all are asked at the same time, and one that takes it suffices.
    order
        Makes the order; BadOrder says what is wrong with the argument.
    gives
        Makes the answer of the reply.
    never_in
        States in which Tango refuses the command; none for what stops.
    """

    name: str
    doc: str
    asks: tuple[str, ...]
    order: Callable[[Asked], Order]
    takes: Kind | None = None
    argument: str = ""
    gives: Callable[[Reply], str] = field(default=lambda reply: str(reply.get("Receipt", "")))
    answer: str = "Receipt of the order; State tells the rest"
    never_in: frozenset[State] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """One class of devices.

    Parameters
    ----------
    role
        Of the profile's equipment; None for what every observatory has.
    service
        Whose Status its State and all its attributes are read from.
    part
        Its key in ``Devices`` there; empty for the service itself.
    more
        Attributes that depend on the site.
    """

    name: str
    doc: str
    service: str
    part: str = ""
    role: Role | None = None
    attributes: tuple[AttributeSpec, ...] = ()
    commands: tuple[CommandSpec, ...] = ()
    more: Callable[[Profile], tuple[AttributeSpec, ...]] | None = None

    def all_attributes(self, profile: Profile) -> tuple[AttributeSpec, ...]:
        """Return the attributes as they are at a site."""
        further = self.more(profile) if self.more else ()
        return (*self.attributes, *further, STATE_SINCE)

"""The table of :mod:`ctmo_indi.devices.foreign`: what shows that somebody else does something.

A driver answers a command by an update of the commanded property (measured on INDI 1.9.9). So a
stop, a park or a new target is told from ours by whether *we* commanded that property just now,
even in the middle of a motion of ours. What only follows from a command, such as a position that
changes, counts as foreign while no operation of ours is under way on that device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ctmo_indi.devices.device import Device
from ctmo_indi.devices.own_moves import OwnMoves, Sent
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState
from ctmo_indi.profiles import Role

_SIDEREAL_H_PER_S = 1.0027379 / 3600.0
# Of a position that nobody of us changed: guiding and refraction stay far below.
_JUMP_DEG = 0.5
# Of a target told by the driver from the one that we sent: rounding on the wire.
_TARGET_DEG = 0.05
# Of an exposure's remaining time, which only falls.
_RISE_S = 0.2


@dataclass(frozen=True, slots=True)
class Look:
    """One update of one property, and what was there before it.

    Parameters
    ----------
    known
        (device, property) -> what had been heard of it when the update came.
    is_at_rest
        Whether the device has not been seen moving for a moment, whoever moved it: what tracks, or
        does not, at the end of a slew belongs to that slew.
    """

    device: Device
    before: PropertySnapshot
    after: PropertySnapshot
    moves: OwnMoves
    known: Mapping[tuple[str, str], PropertySnapshot] = field(default_factory=dict)
    is_at_rest: bool = True

    def snapshot(self, reading: str) -> PropertySnapshot | None:
        """The property behind a reading as it was then; None when it is not known."""
        entry = self.device.description.readings.get(reading)
        return None if entry is None else self.known.get((self.device.name, entry.property))

    def is_on(self, reading: str, word: str) -> bool:
        """Whether a switch of a reading was on then."""
        snapshot = self.snapshot(reading)
        return snapshot is not None and (
            snapshot.values.get(self.device.element(reading, word)) is True
        )

    def turned_on(self, reading: str, word: str) -> bool:
        """Whether a switch of a reading went from off to on."""
        element = self.device.element(reading, word)
        return self.before.values.get(element) is False and self.after.values.get(element) is True


Begins = Callable[[Look], bool]


@dataclass(frozen=True, slots=True)
class Sign:
    """One row: a change that begins something.

    Parameters
    ----------
    source
        Reading or operation of the device file that names the property.
    begins
        Whether the update begins it.
    explained_by
        Operations whose command by us explains it; None: whatever we do with that device does.
    is_once
        One command of ours explains one beginning.
    may_be_closer
        Our own closers do it as well: stopping, parking, closing, and what follows from a stop.
    patience
        Updates in a row that must show it: a park shows the position Busy, too, and says only
        afterwards that it is a park.
    """

    role: Role
    source: str
    what: str
    begins: Begins
    explained_by: tuple[str, ...] | None = None
    is_once: bool = False
    may_be_closer: bool = False
    patience: int = 1

    def property_of(self, device: Device) -> str | None:
        """Return the property of that device that shows it."""
        reading = device.description.readings.get(self.source)
        if reading is not None:
            return reading.property
        operation = device.description.operations.get(self.source)
        return operation.property if operation is not None else None

    def command_before(self, look: Look) -> Sent | None:
        """Return our last command that explains it, if it was sent before the update came."""
        operations, name = look.device.description.operations, look.device.name
        found = []
        for operation in (operations[one] for one in self.explained_by or () if one in operations):
            switches = {key: on for key, on in operation.values.items() if on is True}
            at_s = look.after.elapsed_s
            found.append(look.moves.last_sent(name, operation.property, at_s, switches))
        return max((one for one in found if one), key=lambda one: one.elapsed_s, default=None)


def _turned_on(word: str, reading: str) -> Begins:
    return lambda look: look.turned_on(reading, word)


def _answers(look: Look) -> bool:
    """Whether the driver answers a command; Idle only tidies up after the last one."""
    return look.after.state is not PropertyState.IDLE


def _busy(look: Look) -> bool:
    return look.after.state is PropertyState.BUSY


def _became_busy(look: Look) -> bool:
    return look.before.state is not PropertyState.BUSY and _busy(look)


def _goes_elsewhere(look: Look) -> bool:
    """A driver may be there at once, without ever being Busy."""
    return _became_busy(look) or (
        look.before.state is not PropertyState.BUSY
        and dict(look.before.values) != dict(look.after.values)
    )


def _busy_but_not_parking(look: Look) -> bool:
    return _busy(look) and not look.is_on("parked", "yes")


def _turns_by_hand(look: Look) -> bool:
    if look.is_on("follows_itself", "on"):
        return False
    return _busy_but_not_parking(look)


def _begins_to_track(look: Look) -> bool:
    return look.is_at_rest and look.turned_on("tracking", "on")


def _stops_tracking(look: Look) -> bool:
    """A slew and a park stop it as well, and show so in other properties."""
    position = look.snapshot("position")
    is_moving = position is None or position.state is PropertyState.BUSY
    if is_moving or not look.is_at_rest or look.is_on("parked", "yes"):
        return False
    return look.turned_on("tracking", "off")


def _jumped(look: Look) -> bool:
    before, after = look.before, look.after
    if PropertyState.BUSY in (before.state, after.state):
        return False
    if look.is_on("parked", "yes"):
        return False  # parked by whomever: some drivers are at the park position at once
    elements = look.device.description.readings["position"].elements
    if "ra_hours" not in elements or "dec_deg" not in elements:
        return False
    turned_h = after.number(elements["ra_hours"]) - before.number(elements["ra_hours"])
    turned_h = (turned_h + 12.0) % 24.0 - 12.0
    # A mount that does not track drifts with the sky: half a degree of RA in two minutes.
    drift_h = (after.elapsed_s - before.elapsed_s) * _SIDEREAL_H_PER_S
    moved_deg = 15.0 * min(abs(turned_h), abs(turned_h - drift_h))
    dec_deg = abs(after.number(elements["dec_deg"]) - before.number(elements["dec_deg"]))
    # Near the pole RA runs away with no motion at all.
    near_pole = abs(after.number(elements["dec_deg"])) > 89.0
    return dec_deg > _JUMP_DEG or (moved_deg > _JUMP_DEG and not near_pole)


def _other_target(look: Look) -> bool:
    """The mount was told to go elsewhere than we told it."""
    slew = look.device.description.operation("slew")
    sent = look.moves.last_sent(look.device.name, slew.property, look.after.elapsed_s)
    elements = look.device.description.readings["target"].elements
    ra_hours, dec_deg = (
        look.after.number(elements["ra_hours"]),
        look.after.number(elements["dec_deg"]),
    )
    if sent is None:
        return True
    # Of our values by the names that the target has: the same frame, or it cannot be compared.
    ours = [sent.values.get(elements[word]) for word in ("ra_hours", "dec_deg")]
    if not all(isinstance(value, float) for value in ours):
        return False
    turned_h = (ra_hours - float(str(ours[0])) + 12.0) % 24.0 - 12.0
    off_deg = max(15.0 * abs(turned_h), abs(dec_deg - float(str(ours[1]))))
    return off_deg > _TARGET_DEG


def _exposes_anew(look: Look) -> bool:
    """The remaining time of an exposure rose: another one has silently replaced it."""
    if look.before.state is not PropertyState.BUSY or not _busy(look):
        return False
    element = look.device.element("exposure", "remaining_s")
    return look.after.number(element) > look.before.number(element) + _RISE_S


def _changed_while_exposing(look: Look) -> bool:
    exposure = look.snapshot("exposure")
    if exposure is None or exposure.state is not PropertyState.BUSY:
        return False
    return dict(look.before.values) != dict(look.after.values)


_ANY = None
_NEVER_OURS: tuple[str, ...] = ()
_MOUNT, _DOME, _CAMERA = Role.MOUNT, Role.DOME, Role.CAMERA

SIGNS: tuple[Sign, ...] = (
    Sign(_MOUNT, "position", "slews", _busy_but_not_parking, _ANY, patience=2),
    Sign(_MOUNT, "position", "points elsewhere at once", _jumped, _ANY),
    Sign(_MOUNT, "target", "is sent elsewhere", _other_target, _NEVER_OURS),
    Sign(_MOUNT, "goto_kind", "is synced", _turned_on("sync", "goto_kind"), _NEVER_OURS),
    Sign(_MOUNT, "by_hand_ns", "is moved by hand", _became_busy, _NEVER_OURS),
    Sign(_MOUNT, "by_hand_we", "is moved by hand", _became_busy, _NEVER_OURS),
    Sign(_MOUNT, "parked", "is unparked", _turned_on("no", "parked"), _ANY),
    Sign(
        _MOUNT,
        "parked",
        "parks",
        _turned_on("yes", "parked"),
        ("park",),
        may_be_closer=True,
    ),
    Sign(_MOUNT, "abort", "is stopped", _answers, ("abort",), is_once=True, may_be_closer=True),
    # After a stop a mount may track again by itself.
    Sign(
        _MOUNT,
        "tracking",
        "begins to track",
        _begins_to_track,
        _ANY,
        may_be_closer=True,
    ),
    Sign(_MOUNT, "tracking", "stops tracking", _stops_tracking, _ANY, may_be_closer=True),
    Sign(_DOME, "azimuth", "turns", _turns_by_hand, _ANY, patience=2),
    Sign(_DOME, "shutter", "opens its shutter", _turned_on("open", "shutter"), _ANY),
    Sign(
        _DOME,
        "shutter",
        "closes its shutter",
        _turned_on("closed", "shutter"),
        ("close_shutter", "park"),
        may_be_closer=True,
    ),
    Sign(_DOME, "parked", "is unparked", _turned_on("no", "parked"), _ANY),
    Sign(_DOME, "parked", "parks", _turned_on("yes", "parked"), ("park",), may_be_closer=True),
    Sign(_DOME, "abort", "is stopped", _answers, ("abort",), is_once=True, may_be_closer=True),
    Sign(_CAMERA, "exposure", "exposes", _became_busy, ("expose",), is_once=True),
    Sign(_CAMERA, "exposure", "exposes anew", _exposes_anew, _NEVER_OURS),
    Sign(_CAMERA, "abort", "is stopped", _answers, ("abort",), is_once=True, may_be_closer=True),
    Sign(_CAMERA, "binning", "changes its binning", _changed_while_exposing, ("set_binning",)),
    Sign(_CAMERA, "frame", "changes its frame", _changed_while_exposing, ("set_frame",)),
    Sign(_CAMERA, "upload", "sends its frames elsewhere", _changed_while_exposing, _NEVER_OURS),
    Sign(
        _CAMERA,
        "frame_light",
        "changes its frame type",
        _changed_while_exposing,
        ("frame_light", "frame_bias", "frame_dark", "frame_flat"),
    ),
    Sign(
        Role.FILTER_WHEEL, "slot", "changes the filter", _goes_elsewhere, ("select",), is_once=True
    ),
    Sign(Role.FOCUSER, "position", "moves", _goes_elsewhere, ("goto",), is_once=True),
)

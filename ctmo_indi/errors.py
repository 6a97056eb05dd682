"""Every error the manager raises on purpose, in one tree.

::

    CtmoError
    ├── ConfigError            a file of the site is wrong: name file, line, key; exit 2
    ├── OrderError             the sender's fault: refuse, say why, keep nothing half done
    │   ├── BadOrder           wrong, missing or unknown keys, all named at once
    │   ├── NotServedHere      a valid order at the wrong desk
    │   ├── NotPermitted       the caller's role does not allow it
    │   ├── ConflictingOrder   same User and ID, other content
    │   ├── UnknownOrder       no order with that receipt
    │   ├── NeverObservable    no instant at this site satisfies the order
    │   └── WrongState         the order or component is in a state that excludes the request
    ├── SafetyError            nothing moved; ask again when the reason is gone
    │   ├── Unsafe             the verdict is not SAFE, or too old
    │   ├── Interlocked        a limit or interlock forbids this motion now
    │   ├── Locked             a human holds the lock
    │   └── Stopped            the stop latch is set; release it first
    ├── DeviceError            an INDI command did not do what was asked
    │   ├── NotConnected       no link to the INDI server, or the device is not connected
    │   │   ├── ServerLost     the link went away while the command was under way
    │   │   └── DriverLost     the driver went away while the command was under way
    │   ├── UnknownDevice      the server has no such device
    │   ├── UnknownProperty    the device has no such property or element
    │   ├── InvalidCommand     refused before sending: range, permission, type, not finite
    │   ├── CommandRejected    the driver said Alert, or went Idle without doing it
    │   ├── CommandTimeout     no acknowledgement or no completion in time
    │   ├── CommandCanceled    canceled by us: stop, safety or a newer command
    │   ├── BadFrame           a BLOB that is not the frame that was asked for
    │   └── ForeignMotion      somebody else moved the device
    ├── ServiceUnreachable     another service does not answer; the order is kept and tried again
    ├── UnreadableFrame        a file that is no whole FITS image: leave it out, with the reason
    ├── StoreUnavailable       the database cannot take or give it now; nothing was changed
    └── InternalError          our own bug
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

__all__ = [
    "BadFrame",
    "BadOrder",
    "CommandCanceled",
    "CommandRejected",
    "CommandTimeout",
    "ConfigError",
    "ConflictingOrder",
    "CtmoError",
    "DeviceError",
    "DriverLost",
    "ForeignMotion",
    "Interlocked",
    "InternalError",
    "InvalidCommand",
    "Locked",
    "NeverObservable",
    "NotConnected",
    "NotPermitted",
    "NotServedHere",
    "OrderError",
    "SafetyError",
    "ServerLost",
    "ServiceUnreachable",
    "Stopped",
    "StoreUnavailable",
    "UnknownDevice",
    "UnknownOrder",
    "UnknownProperty",
    "UnreadableFrame",
    "Unsafe",
    "WrongState",
]


class CtmoError(Exception):
    """Base of all; ``fault_code`` is its code on the wire, ``exit_code`` the command line's."""

    fault_code: ClassVar[int] = 500
    exit_code: ClassVar[int] = 5


class ConfigError(CtmoError):
    """A configuration, profile or device file is wrong; nothing was started.

    Parameters
    ----------
    problems
        One line each, already naming file, line, key, what came and what was expected. The
        error's text has the first ones: it goes into replies, logs and stored events.
    """

    fault_code = 500
    exit_code = 2
    most_told = 30

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        told = list(self.problems[: self.most_told])
        if len(self.problems) > len(told):
            told.append(f"and {len(self.problems) - len(told)} more")
        super().__init__("\n".join(told))


class OrderError(CtmoError):
    """The sender's order cannot be taken."""

    fault_code = 400
    exit_code = 2


class BadOrder(OrderError):
    """Wrong keys; ``problems`` names every one of them, what came and what was expected."""

    fault_code = 400

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("; ".join(self.problems))


class NotPermitted(OrderError):
    """The caller's role does not allow this order."""

    fault_code = 403


class UnknownOrder(OrderError):
    """No order, attempt, ticket or frame with that name."""

    fault_code = 404


class NotServedHere(OrderError):
    """A valid order, but this service does not carry it out."""

    fault_code = 405


class ConflictingOrder(OrderError):
    """The same User and ID came before with other content."""

    fault_code = 409


class WrongState(OrderError):
    """The order or component is in a state that excludes the request."""

    fault_code = 412


class NeverObservable(OrderError):
    """No instant at this site satisfies the order's own limits and the site's."""

    fault_code = 422


class SafetyError(CtmoError):
    """Refused to keep people and equipment safe; nothing moved."""

    fault_code = 423
    exit_code = 4


class Unsafe(SafetyError):
    """The verdict is UNSAFE, unknown or too old."""


class Interlocked(SafetyError):
    """A limit or an interlock forbids this motion now."""

    fault_code = 424


class Locked(SafetyError):
    """A human holds the observatory."""

    fault_code = 425


class Stopped(SafetyError):
    """The stop latch is set; a human releases it."""

    fault_code = 426


class DeviceError(CtmoError):
    """An INDI device did not do what was asked."""

    fault_code = 520


class NotConnected(DeviceError):
    """No link to the INDI server, or the device is not connected."""

    fault_code = 521


class ServerLost(NotConnected):
    """The link to the INDI server broke while a command was under way."""


class DriverLost(NotConnected):
    """The INDI driver died while a command was under way."""


class UnknownDevice(DeviceError):
    """The INDI server has no device of that name."""

    fault_code = 522


class UnknownProperty(DeviceError):
    """The device has no such property or element."""

    fault_code = 522


class InvalidCommand(DeviceError):
    """Refused before anything was sent."""

    fault_code = 523


class CommandRejected(DeviceError):
    """The driver refused the command."""

    fault_code = 524


class CommandTimeout(DeviceError):
    """The driver did not acknowledge or finish in time."""

    fault_code = 525


class CommandCanceled(DeviceError):
    """We canceled the command."""

    fault_code = 526


class BadFrame(DeviceError):
    """The camera delivered something else than the frame asked for."""

    fault_code = 527


class ForeignMotion(DeviceError):
    """Somebody else moved a device while it was ours."""

    fault_code = 528


class ServiceUnreachable(CtmoError):
    """Another service of ours does not answer."""

    fault_code = 503
    exit_code = 3


class StoreUnavailable(CtmoError):
    """Our database is locked, full, overloaded or unreachable; nothing was changed, try again."""

    fault_code = 507


class UnreadableFrame(CtmoError):
    """A file is no whole FITS image of the expected shape; names the file and what came."""

    exit_code = 2


class InternalError(CtmoError):
    """A bug of ours; the log has the traceback."""

    fault_code = 500

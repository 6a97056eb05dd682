"""What a refusal is called in Tango: the ``reason`` of a DevFailed. Stable names.

One for each code of ``xmlrpc/front_desk.yaml``, after the first class of ``errors.py`` that has it;
where several share a code the text says which it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import CtmoError, ServiceUnreachable

REASONS: Mapping[int, str] = {
    400: "CTMO_BadOrder",
    403: "CTMO_NotPermitted",
    404: "CTMO_UnknownOrder",
    405: "CTMO_NotServedHere",
    409: "CTMO_ConflictingOrder",
    412: "CTMO_WrongState",
    422: "CTMO_NeverObservable",
    423: "CTMO_Unsafe",
    424: "CTMO_Interlocked",
    425: "CTMO_Locked",
    426: "CTMO_Stopped",
    500: "CTMO_InternalError",
    503: "CTMO_ServiceUnreachable",
    507: "CTMO_StoreUnavailable",
    520: "CTMO_DeviceError",
    521: "CTMO_NotConnected",
    522: "CTMO_UnknownDevice",
    523: "CTMO_InvalidCommand",
    524: "CTMO_CommandRejected",
    525: "CTMO_CommandTimeout",
    526: "CTMO_CommandCanceled",
    527: "CTMO_BadFrame",
    528: "CTMO_ForeignMotion",
}
# Of the call itself and of HTTP: the order never came to the desk.
_OF_THE_CALL: Mapping[int, str] = {
    401: "CTMO_NotPermitted",
    413: "CTMO_BadOrder",
    429: "CTMO_NotPermitted",
    -32602: "CTMO_BadOrder",
    -32700: "CTMO_BadOrder",
}
FAILED = "CTMO_CommandFailed"
"""It was taken and had failed before the answer, and the reply has no code that we know."""


def reason(error: CtmoError) -> str:
    """Return the name of a refusal."""
    if isinstance(error, DeskFault):
        return REASONS.get(error.code) or _OF_THE_CALL.get(error.code, "CTMO_Refused")
    if isinstance(error, ServiceUnreachable):
        return REASONS[503]
    return REASONS.get(error.fault_code, REASONS[500])


def reason_of_failure(reply: Mapping[str, Any]) -> str:  # Any: as on the wire
    """Return the name of a failure that a reply tells of; empty for a reply without one."""
    if not reply.get("Failure"):
        return ""
    code = reply.get("Failure Code")
    return REASONS.get(code, FAILED) if isinstance(code, int) else FAILED

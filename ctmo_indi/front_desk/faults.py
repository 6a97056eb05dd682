"""Faults below the level of Work Orders: the call itself is wrong.

The codes are those of the "Specification for Fault Code Interoperability" for XML-RPC; refusals of
orders have the codes of :mod:`ctmo_indi.errors`. Both are listed in ``xmlrpc/front_desk.yaml``.
"""

from __future__ import annotations

from enum import IntEnum


class CallFault(IntEnum):
    """Codes of a call that never became an order."""

    NOT_WELL_FORMED = -32700
    UNSUPPORTED_ENCODING = -32701
    INVALID_XML_RPC = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMETERS = -32602


class CallError(Exception):
    """The body is no call of ``front_desk``; answered as a Fault with ``code``."""

    def __init__(self, code: CallFault, text: str) -> None:
        self.code = code
        super().__init__(text)

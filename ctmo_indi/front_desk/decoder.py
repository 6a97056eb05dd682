"""Read an XML-RPC call, strictly.

expat does the XML; this module holds the grammar of XML-RPC as a table and refuses everything that
is not in it: DOCTYPE (so no entities), processing instructions, encodings other than UTF-8, deep
nesting, many members, stray text. A single value that cannot be read (NaN, ``1_0``, a number of
4,000 digits, a key that comes twice) does not end the reading: an
:class:`~ctmo_indi.work_orders.unreadable.Unreadable` takes its place, so that the contract can name
it together with all other wrong keys.

The usual order takes a short cut, ``plain_call.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from ctmo_indi.front_desk.faults import CallError, CallFault
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.plain_call import read_plain
from ctmo_indi.front_desk.scalars import SCALARS, shown
from ctmo_indi.work_orders.unreadable import Unreadable

_METHOD_NAME = re.compile(r"[A-Za-z0-9_.:/]{1,128}")
_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


@dataclass(frozen=True, slots=True)
class Call:
    """A decoded methodCall."""

    method: str
    parameters: tuple[object, ...]


def decode_call(body: bytes, limits: Limits) -> Call:
    """Return the call in ``body``; pure, never blocks, any thread.

    Raises
    ------
    CallError
        It is not a methodCall; the text says what is wrong.
    """
    plain = read_plain(body, limits.members)
    if plain is not None:
        method, struct = plain
        return Call(method, (struct,))
    return decode_any_call(body, limits)


def decode_any_call(body: bytes, limits: Limits) -> Call:
    """As :func:`decode_call`, without its short cut."""
    return _Reader(limits).read(body)


def _refuse(text: str, code: CallFault = CallFault.INVALID_XML_RPC) -> NoReturn:
    raise CallError(code, text)


_ALIASES: Mapping[str, str] = {"ex:nil": "nil", "ex:i8": "i8"}  # Apache's extensions
_ROOT = "the document"
_CHILDREN: Mapping[str, frozenset[str]] = {
    _ROOT: frozenset({"methodCall"}),
    "methodCall": frozenset({"methodName", "params"}),
    "params": frozenset({"param"}),
    "param": frozenset({"value"}),
    "value": frozenset({*SCALARS, "struct", "array"}),
    "struct": frozenset({"member"}),
    "member": frozenset({"name", "value"}),
    "array": frozenset({"data"}),
    "data": frozenset({"value"}),
    "methodName": frozenset(),
    "name": frozenset(),
    **dict.fromkeys(SCALARS, frozenset()),
}
_LEAVES = frozenset({*SCALARS, "methodName", "name"})
_NOTHING = object()


def _twice(first: object, second: object) -> Unreadable:
    """Stand for a key that came again; one that comes a thousand times does not grow."""
    if isinstance(first, Unreadable):
        return first
    return Unreadable(f"{shown(repr(first))} and {shown(repr(second))}", "each key once")


class _Reader:
    """State while one body is read; the handlers are called by expat."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._count = 0
        self._tags: list[str] = [_ROOT]
        self._text: list[str] = []
        self._method: str | None = None
        self._parameters: list[object] | None = None
        self._values: list[object] = []  # one for each open <value>
        self._containers: list[dict[str, object] | list[object] | None] = []  # None: no <data> yet
        self._members: list[list[object]] = []  # [name, value] for each open <member>

    def read(self, body: bytes) -> Call:
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CallError(CallFault.NOT_WELL_FORMED, f"not UTF-8: {error.reason}") from error
        if b"\x00" in body:  # expat would take it for UTF-16
            _refuse("not UTF-8: zero bytes", CallFault.NOT_WELL_FORMED)
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        try:
            parser.Parse(body, True)
        except expat.ExpatError as error:
            raise CallError(
                CallFault.NOT_WELL_FORMED, f"not well-formed XML in UTF-8: {error}"
            ) from error
        if self._method is None:
            _refuse("methodName is missing")
        return Call(self._method, tuple(self._parameters or ()))

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            _refuse(f"encoding {shown(encoding)!r}, expected utf-8", CallFault.UNSUPPORTED_ENCODING)

    def _doctype(self, *_: object) -> None:
        _refuse("DOCTYPE is not allowed")

    def _instruction(self, *_: object) -> None:
        _refuse("processing instructions are not allowed")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        tag = _ALIASES.get(tag, tag)
        parent = self._tags[-1]
        if tag not in _CHILDREN[parent]:
            _refuse(f"<{shown(tag)}> inside {parent} is not XML-RPC")
        if attributes and not all(name.startswith("xmlns") for name in attributes):
            _refuse(f"attributes of <{tag}> are not XML-RPC")
        self._check_blank(parent)
        self._tags.append(tag)
        if tag == "value":
            self._count += 1
            if self._count > self._limits.values:
                _refuse(f"more than {self._limits.values} values", CallFault.INVALID_PARAMETERS)
            self._values.append(_NOTHING)
        elif tag == "member":
            self._members.append([_NOTHING, _NOTHING])
        elif parent == "value":
            if self._values[-1] is not _NOTHING:
                _refuse("a value has two types")
            if tag == "struct":
                self._open({})
            elif tag == "array":
                self._open(None)
        elif tag == "data":
            if self._containers[-1] is not None:
                _refuse("an array has two data")
            self._containers[-1] = []
        elif tag == "params":
            if self._method is None or self._parameters is not None:
                _refuse("expected methodName, then params, once each")
            self._parameters = []
        elif tag == "param":
            self._parameter()

    def _parameter(self) -> None:
        assert self._parameters is not None  # by the grammar
        if len(self._parameters) >= self._limits.members:
            self._refuse_members("a list of params")
        self._parameters.append(_NOTHING)

    def _open(self, container: dict[str, object] | None) -> None:
        self._containers.append(container)
        if len(self._containers) > self._limits.depth:
            _refuse(
                f"structs and arrays nested deeper than {self._limits.depth}",
                CallFault.INVALID_PARAMETERS,
            )

    def _check_blank(self, tag: str) -> None:
        if self._text:
            if "".join(self._text).strip(" \t\r\n"):
                _refuse(f"text between the elements of {tag}")
            self._text.clear()

    def _end(self, tag: str) -> None:
        tags = self._tags
        tag = tags.pop()
        if tag in _LEAVES:
            text = "".join(self._text)
            self._text.clear()
            if tag == "name":
                self._name(text)
            elif tag == "methodName":
                self._method_name(text)
            else:
                self._values[-1] = SCALARS[tag](text)
        elif tag == "value":
            value = self._values.pop()
            if value is _NOTHING:
                value = "".join(self._text)  # a value without a type is a string
                self._text.clear()
            else:
                self._check_blank(tag)
            self._deliver(tags[-1], value)
        else:
            self._check_blank(tag)
            if tag == "member":
                self._member()
            elif tag in ("struct", "array"):
                container = self._containers.pop()
                if container is None:
                    _refuse("an array has no data")
                self._values[-1] = container
            elif tag == "param" and self._parameters and self._parameters[-1] is _NOTHING:
                _refuse("expected one value in a param")

    def _method_name(self, text: str) -> None:
        if self._method is not None or self._parameters is not None:
            _refuse("expected methodName, then params, once each")
        if not _METHOD_NAME.fullmatch(text):
            _refuse(f"methodName {shown(text)!r} is not a name")
        self._method = text

    def _name(self, text: str) -> None:
        member = self._members[-1]
        if member[0] is not _NOTHING or member[1] is not _NOTHING:
            _refuse("expected name, then value, once each in a member")
        member[0] = text

    def _deliver(self, parent: str, value: object) -> None:
        if parent == "member":
            member = self._members[-1]
            if member[0] is _NOTHING or member[1] is not _NOTHING:
                _refuse("expected name, then value, once each in a member")
            member[1] = value
        elif parent == "data":
            container = self._containers[-1]
            assert isinstance(container, list)  # by the grammar
            if len(container) >= self._limits.members:
                self._refuse_members("an array")
            container.append(value)
        else:
            assert self._parameters is not None  # by the grammar
            if self._parameters[-1] is not _NOTHING:
                _refuse("expected one value in a param")
            self._parameters[-1] = value

    def _member(self) -> None:
        name, value = self._members.pop()
        if value is _NOTHING or not isinstance(name, str):
            _refuse("expected name, then value, once each in a member")
        struct = self._containers[-1]
        assert isinstance(struct, dict)  # by the grammar
        if name in struct:
            value = _twice(struct[name], value)
        elif len(struct) >= self._limits.members:
            self._refuse_members("a struct")
        struct[name] = value

    def _refuse_members(self, what: str) -> NoReturn:
        _refuse(
            f"{what} with more than {self._limits.members} members",
            CallFault.INVALID_PARAMETERS,
        )

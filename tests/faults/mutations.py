"""Broken orders and broken requests, from a seed: the same seed gives the same bytes.

A mutation begins with something right (the examples of ``xmlrpc/``) or with a row of the attack
table, and spoils it once or a few times: bits, bytes, spans, pieces of other documents, and,
knowing what XML-RPC is, its tags, values, members and nesting. Requests get their heads spoilt.
"""

from __future__ import annotations

import json
import random
import re
import xmlrpc.client
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ctmo_indi import catalogue

from .attack_rows import ROWS

_TAG = re.compile(rb"<[^<>]{1,40}>")
_TEXT = re.compile(rb">[^<>]{1,80}<")
_MEMBER = re.compile(rb"<member>.*?</member>", re.DOTALL)
_HEADER = re.compile(rb"(?m)^[A-Za-z-]+:[^\r\n]*\r\n")

PIECES: Sequence[bytes] = (
    b"<", b">", b"&", b"&lt;", b"&#0;", b"&#65;", b"&#xD800;", b"&amp;amp;", b"]]>",
    b"<![CDATA[", b"<![CDATA[<]]>", b"<!--", b"<!-- c -->", b"-->", b"<?xml version='1.0'?>",
    b"<?p q?>", b"<!DOCTYPE a>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"\0", b"\r", b"\r\n", b"\n",
    b"\t", b" ", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xbc",
    b"\xf4\x90\x80\x80", b"<value>", b"</value>", b"<struct>", b"</struct>", b"<member>",
    b"</member>", b"<name>", b"</name>", b"<array><data>", b"</data></array>", b"<param>",
    b"</params>", b"</methodCall>", b"<nil/>", b"<ex:nil/>", b"<i8>1</i8>",
    b"<base64>AA==</base64>", b"xmlns='a'", b" a='b'",
)  # fmt: skip
VALUES: Sequence[bytes] = (
    b"NaN", b"-inf", b"1e999", b"-1e999", b"1e-999", b"0x10", b"1_0", b"+5", b"-0", b"", b" ",
    b"9" * 30, b"9" * 5000, b"2147483647", b"2147483648", b"-2147483649", b"1.", b".5", b"1e5",
    b"true", b"None", b"null", b"Observation", b"Dome", b"Control", b"Status", b"Cancel",
    b"Events", b"stop", b"-90.1", b"360", b"24:00:00", b"-00:00:00.5", b"2026-02-30T00:00:00",
    b"9999-12-31T23:59:59Z", b"2026-11-22T00:00:00+25:00", b"\xd9\xa1\xd9\xa2", b"{0.__class__}",
    b"%s%n", b"../../etc/passwd", b"'; DROP TABLE orders; --", b"\xe2\x80\xae",
    b"\xf0\x9f\x94\xad", b"A" * 3000,
)  # fmt: skip
TYPES: Sequence[bytes] = (
    b"string", b"int", b"i4", b"i8", b"double", b"boolean", b"dateTime.iso8601", b"base64", b"nil",
    b"struct", b"array", b"ex:nil", b"float", b"STRING",
)  # fmt: skip
LINES: Sequence[bytes] = (
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999\r\n", b"Content-Encoding: gzip\r\n",
    b"Expect: 100-continue\r\n", b"Connection: close\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Host: evil.example\r\n",
    b"Origin: http://evil.example\r\n", b"Authorization: Basic YTpi\r\n",
    b"Authorization: x\r\n", b" folded\r\n", b"X: \0\r\n", b"X" * 9000 + b": y\r\n",
    b"Content-Type: text/plain\r\n", b"\r\n", b": empty\r\n",
    b"Ctmo-On-Behalf: a admin known\r\n", b"Cookie: " + b"a" * 5000 + b"\r\n",
)  # fmt: skip

_LONGEST = 90_000

# What may change the state of a real scheduler is left to the tests in process.
_HARMLESS = frozenset({"Observation", "Status", "Cancel", "Events", "Explain", "Plan"})


@cache
def examples(*, harmless: bool) -> tuple[dict[str, Any], ...]:
    """Orders of ``xmlrpc/examples``; ``harmless``: those that move nothing and do not wait."""
    paths = sorted((catalogue.folder("xmlrpc") / "examples").glob("*.json"))
    orders = [json.loads(path.read_text(encoding="utf-8"))["order"] for path in paths]
    if not harmless:
        return tuple(orders)
    return tuple(
        {key: value for key, value in one.items() if key != "Wait"}  # no answer for a minute
        for one in orders
        if one.get("WOType") in _HARMLESS
    )


@cache
def _corpus(*, harmless: bool) -> tuple[bytes, ...]:
    right = [
        xmlrpc.client.dumps((order,), "front_desk", allow_none=True).encode()
        for order in examples(harmless=harmless)
    ]
    dense = [body.replace(b"\n", b"") for body in right]
    hostile = [row.sent.partition(b"\r\n\r\n")[2] for row in ROWS if row.status == 200]
    return (*right, *dense, *right, *dense, *(body for body in hostile if len(body) < 20_000))


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes for a connection.

    Parameters
    ----------
    is_framed
        The head is right and its Content-Length true: exactly one answer with status 200 is due.
    """

    sent: bytes
    body: bytes
    is_framed: bool


class Mutator:
    """Makes broken things from one seed.

    Parameters
    ----------
    harmless
        Begin only with orders that move or switch nothing.
    """

    def __init__(self, seed: int, *, harmless: bool = False) -> None:
        self._chance = random.Random(seed)
        self._corpus = _corpus(harmless=harmless)
        self._ways: Sequence[Callable[[bytearray], None]] = (
            self._flip, self._byte, self._cut, self._double, self._piece, self._splice, self._tag,
            self._swap_tags, self._nest, self._truncate, self._type, self._type, self._member,
            self._member, self._value, self._value, self._value, self._value,
        )  # fmt: skip

    def body(self) -> bytes:
        """Return the body of a call, spoilt."""
        body = bytearray(self._chance.choice(self._corpus))
        for _ in range(self._chance.choice((1, 1, 1, 1, 2, 3, 8))):
            self._chance.choice(self._ways)(body)
            del body[_LONGEST:]  # a doubling of doublings
        return bytes(body)

    def request(self, spoilt_heads: float = 0.2) -> Request:
        """Return a request; of a part of them the head, or the whole, is spoilt."""
        chance = self._chance
        body = self.body()
        whole = _framed(body)
        if chance.random() >= spoilt_heads or len(body) > 65_000:
            return Request(whole, body, is_framed=len(body) <= 65_536)
        if chance.random() < 0.5:
            body = chance.choice(self._corpus)  # a right body behind a wrong head
            whole = _framed(body)
        if chance.random() < 0.1:
            whole = _chunked(body)
        sent = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 3))):
            way = chance.randrange(6)
            head_end = sent.find(b"\r\n\r\n") + 2
            if way == 0 and head_end > 2:
                at = chance.randrange(head_end)
                sent[at] ^= 1 << chance.randrange(8)
            elif way == 1:
                lines = [found.span() for found in _HEADER.finditer(bytes(sent[:head_end]))]
                if lines:
                    begin, end = chance.choice(lines)
                    sent[begin:end] = chance.choice((b"", bytes(sent[begin:end]) * 2))
            elif way == 2:
                line_end = sent.find(b"\r\n") + 2
                sent[line_end:line_end] = chance.choice(LINES)
            elif way == 3:
                sent += _framed(chance.choice(self._corpus)) * chance.choice((1, 1, 2, 20))
            elif way == 4 and sent:
                del sent[chance.randrange(1, len(sent) + 1) :]
            else:
                self._cut(sent)
        return Request(bytes(sent), body, is_framed=False)

    # -- ways to spoil -----------------------------------------------------------------------------

    def _at(self, body: bytearray) -> int:
        return self._chance.randrange(len(body) + 1)

    def _flip(self, body: bytearray) -> None:
        if body:
            body[self._chance.randrange(len(body))] ^= 1 << self._chance.randrange(8)

    def _byte(self, body: bytearray) -> None:
        if body:
            body[self._chance.randrange(len(body))] = self._chance.randrange(256)

    def _cut(self, body: bytearray) -> None:
        at = self._at(body)
        del body[at : at + self._chance.choice((1, 2, 8, 40, 300))]

    def _double(self, body: bytearray) -> None:
        at = self._at(body)
        piece = bytes(body[at : at + self._chance.choice((1, 8, 40, 300))])
        body[at:at] = piece * self._chance.choice((1, 1, 2, 50))

    def _piece(self, body: bytearray) -> None:
        at = self._at(body)
        body[at:at] = self._chance.choice(PIECES)

    def _splice(self, body: bytearray) -> None:
        other = self._chance.choice(self._corpus)
        begin = self._chance.randrange(len(other) + 1)
        at = self._at(body)
        replaced = self._chance.choice((0, 0, 20, 10_000))
        body[at : at + replaced] = other[begin : begin + self._chance.choice((20, 200, 2000))]

    def _tag(self, body: bytearray) -> None:
        if tags := list(_TAG.finditer(bytes(body))):
            begin, end = self._chance.choice(tags).span()
            body[begin:end] = self._chance.choice(
                (b"", bytes(body[begin:end]) * 2, b"<a>", b"<a/>")
            )

    def _swap_tags(self, body: bytearray) -> None:
        tags = [found.span() for found in _TAG.finditer(bytes(body))]
        if len(tags) >= 2:
            first, second = sorted(self._chance.sample(tags, 2))
            left, right = bytes(body[slice(*first)]), bytes(body[slice(*second)])
            body[slice(*second)] = left
            body[slice(*first)] = right

    def _value(self, body: bytearray) -> None:
        if texts := list(_TEXT.finditer(bytes(body))):
            begin, end = self._chance.choice(texts).span()
            body[begin + 1 : end - 1] = self._chance.choice(VALUES)

    def _type(self, body: bytearray) -> None:
        pattern = self._chance.choice(
            (rb"<(string)>", rb"<(double)>", rb"<(int)>", rb"<(boolean)>")
        )
        found = list(re.finditer(pattern, bytes(body)))
        if found:
            one = self._chance.choice(found)
            old, new = one[1], self._chance.choice(TYPES)
            close = body.find(b"</" + old + b">", one.end())
            if close >= 0:
                body[close : close + len(old) + 3] = b"</" + new + b">"
            body[slice(*one.span())] = b"<" + new + b">"

    def _member(self, body: bytearray) -> None:
        if members := list(_MEMBER.finditer(bytes(body))):
            one = self._chance.choice(members)
            way = self._chance.randrange(4)
            if way == 0:
                del body[slice(*one.span())]
            elif way == 1:
                body[one.end() : one.end()] = one[0]
            elif way == 2:
                other = self._chance.choice(self._corpus)
                if others := _MEMBER.findall(other):
                    body[slice(*one.span())] = self._chance.choice(others)
            else:
                body[one.end() : one.end()] = one[0].replace(b"</name>", b"x</name>") * 300

    def _nest(self, body: bytearray) -> None:
        depth = self._chance.choice((1, 2, 7, 8, 9, 50))
        at = body.find(b"<value>", self._at(body))
        end = body.find(b"</value>", at)
        if at >= 0 and end >= 0:
            body[end:end] = b"</value></data></array>" * depth
            body[at + 7 : at + 7] = b"<array><data><value>" * depth

    def _truncate(self, body: bytearray) -> None:
        del body[self._at(body) :]


def _framed(body: bytes) -> bytes:
    return (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body


def _chunked(body: bytes) -> bytes:
    return (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    )

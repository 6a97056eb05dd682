"""The short cut for usual orders reads exactly what the decoder reads, or nothing."""

from __future__ import annotations

import random
import xmlrpc.client

import pytest

from ctmo_indi.front_desk.decoder import decode_any_call
from ctmo_indi.front_desk.faults import CallError
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.plain_call import read_plain
from ctmo_indi.testing.order_load import ORDER

LIMITS = Limits()
COUNT = 6000
BODY = xmlrpc.client.dumps((ORDER,), "front_desk").encode()
DENSE = BODY.replace(b"\n", b"")
#: Each changes the meaning, the grammar, or whether it is XML at all.
SPLICES = (
    b"<", b">", b"&", b"&amp;", b"&#0;", b"&#10;", b"]]>", b"<![CDATA[x]]>", b"<!-- c -->",
    b"<?p?>", b"\r", b"\r\n", b"\x00", b"\x0b", b"\x1f", b"\x7f", b"\x85", b"\xc2\x85",
    b"\xe2\x80\xa8", b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xed\xa0\x80", b"\xf0\x9f\xbf\xbe",
    b"\xef\xbb\xbf", b"\xff", b"<value>", b"</value>", b"<name>", b"<int>", b"</struct>",
    b"<member></member>", b" ", b"x", b"<nil/>", b"<boolean>1</boolean>", b"<!DOCTYPE a>",
    b"<array><data/></array>", b"-", b"1e999", b"<?xml version='1.0'?>", b' a="b"',
    b"xmlns:a='b'",
)  # fmt: skip


def any_reader(body: bytes) -> object:
    """Return what the decoder without short cut reads, or its fault."""
    try:
        call = decode_any_call(body, LIMITS)
    except CallError as error:
        return error.code
    return call.method, call.parameters


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        DENSE,
        DENSE.replace(b"<?xml version='1.0'?>", b""),
        DENSE.replace(b"<?xml version='1.0'?>", b'<?xml version="1.0" encoding="UTF-8"?>'),
        BODY.replace(b"Galaxy", "Spiralgalaxie \u00e4 \U0001f52d".encode()),
        BODY.replace(b"<double>1.3</double>", b"<double>NaN</double>"),
        BODY.replace(b"<int>1</int>", b"<i4>1_0</i4>"),
        BODY.replace(b"Main Module", b""),
    ],
)
def test_usual_order_takes_the_short_cut(body: bytes) -> None:
    plain = read_plain(body, LIMITS.members)
    assert plain is not None
    assert (plain[0], (plain[1],)) == any_reader(body)


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"<name>RA</name>", b"<name>Dec</name>"),
        BODY.replace(b"Galaxy", b"A&amp;B"),
        BODY.replace(b"<string>Galaxy</string>", b"Galaxy"),
        BODY.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + BODY,
        b" " + BODY,
        BODY + b"x",
        BODY.replace(b"'1.0'", b"'1.0' encoding='latin-1'"),
        BODY.replace(b"front_desk", b"front desk"),
        xmlrpc.client.dumps(({str(n): n for n in range(257)},), "front_desk").encode(),
    ],
)
def test_anything_else_is_left_to_the_decoder(body: bytes) -> None:
    assert read_plain(body, LIMITS.members) is None


def test_both_readers_agree_on_broken_bodies() -> None:
    chance = random.Random(20261122)
    taken = 0
    for _ in range(COUNT):
        body = bytearray(chance.choice((BODY, DENSE)))
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            at = chance.randrange(len(body))
            kind = chance.randrange(4)
            if kind == 0:
                body[at] = chance.randrange(256)
            elif kind == 1:
                del body[at : at + chance.choice((1, 1, 8, 40))]
            elif kind == 2:
                body[at:at] = chance.choice(SPLICES)
            else:
                begin = chance.randrange(len(body))
                body[at:at] = body[begin : begin + chance.randrange(60)]
        plain = read_plain(bytes(body), LIMITS.members)
        if plain is not None:
            taken += 1
            assert (plain[0], (plain[1],)) == any_reader(bytes(body)), bytes(body)
    assert taken > 200  # else nothing was compared

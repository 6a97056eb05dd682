"""Decoder: what XML-RPC allows is read as the standard library reads it; all else is refused."""

from __future__ import annotations

import math
import string
import time
import xmlrpc.client
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctmo_indi.front_desk.decoder import decode_call
from ctmo_indi.front_desk.faults import CallError, CallFault
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.work_orders.unreadable import Unreadable

LIMITS = Limits()


def call(value: str, method: str = "front_desk") -> bytes:
    """Return a methodCall with one value given as XML."""
    return (
        f"<?xml version='1.0'?><methodCall><methodName>{method}</methodName>"
        f"<params><param><value>{value}</value></param></params></methodCall>"
    ).encode()


def decoded(value: str) -> Any:
    """Decode one value given as XML."""
    return decode_call(call(value), LIMITS).parameters[0]


def struct(*members: tuple[str, str]) -> str:
    """Return a struct as XML."""
    inner = "".join(
        f"<member><name>{name}</name><value>{value}</value></member>" for name, value in members
    )
    return f"<struct>{inner}</struct>"


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ("<int>-7</int>", -7),
        ("<i4>2147483647</i4>", 2**31 - 1),
        ("<i8>-2147483648</i8>", -(2**31)),
        ("<ex:i8>5</ex:i8>", 5),
        ("<double>23.1</double>", 23.1),
        ("<double>1e-07</double>", 1e-07),
        ("<double>.5</double>", 0.5),
        ("<boolean>1</boolean>", True),
        ("<string> a &lt;b&gt; </string>", " a <b> "),
        ("untyped", "untyped"),
        ("", ""),
        ("<string></string>", ""),
        ("<nil/>", None),
        ("<ex:nil/>", None),
        ("<dateTime.iso8601>20190305T14:34:54</dateTime.iso8601>", "20190305T14:34:54"),
        ("<array><data/></array>", []),
        ("<array><data><value>a</value><value><int>1</int></value></data></array>", ["a", 1]),
        ("\n <struct>\n </struct>\n ", {}),
        ("<string><![CDATA[<a>]]></string>", "<a>"),
        ("<!-- a comment --><int>1</int>", 1),
    ],
)
def test_value_is_read(xml: str, value: object) -> None:
    result = decoded(xml)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    "xml",
    [
        "<int>2147483648</int>",
        "<int>1_0</int>",
        "<int> 1</int>",
        "<int>1.0</int>",
        "<int></int>",
        "<int>٣</int>",
        "<int>" + "9" * 4500 + "</int>",
        "<i8>" + "1" * 23 + "</i8>",
        "<double>NaN</double>",
        "<double>inf</double>",
        "<double>-Infinity</double>",
        "<double>1e999</double>",
        "<double>1_0.5</double>",
        "<double>0x10</double>",
        "<double>" + "9" * 60_000 + "</double>",
        "<boolean>true</boolean>",
        "<boolean>2</boolean>",
        "<dateTime.iso8601>not a date</dateTime.iso8601>",
        "<dateTime.iso8601>20191305T14:34:54</dateTime.iso8601>",
        "<base64>!!!!</base64>",
        "<base64>aGVsbG8=</base64>",
        "<nil>x</nil>",
    ],
)
def test_value_that_cannot_be_read_is_kept_to_be_named(xml: str) -> None:
    result = decoded(xml)
    assert isinstance(result, Unreadable)
    assert len(result.came) < 100


def test_key_that_comes_twice_is_kept_to_be_named() -> None:
    order = decoded(struct(("RA", "<double>1</double>"), ("RA", "<double>2</double>")))
    assert isinstance(order["RA"], Unreadable)
    assert "1.0" in order["RA"].came
    assert "2.0" in order["RA"].came


@pytest.mark.parametrize("times", [2, 40, 256])
def test_key_that_comes_again_and_again_does_not_grow(times: int) -> None:
    order = decoded(struct(*[("RA", "<string>'\\&quot;</string>")] * times))
    assert isinstance(order["RA"], Unreadable)
    assert len(order["RA"].came) < 100


def test_key_that_comes_twice_with_long_values_is_named_shortly() -> None:
    order = decoded(struct(("RA", "A" * 20_000), ("RA", "B" * 20_000)))
    assert len(order["RA"].came) < 200


@pytest.mark.parametrize("digits", ["9" * 399 + "x", "." + "9" * 400 + "x", "9" * 900])
def test_numbers_that_are_none_are_refused_at_once(digits: str) -> None:
    body = call("<double>" + digits + "</double>")
    began_s = time.process_time()
    for _ in range(100):
        decode_call(body, LIMITS)
    assert time.process_time() - began_s < 0.1  # 0.4 s with backtracking


BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(
        f'<!ENTITY lol{n} "{f"&lol{n - 1 if n > 1 else str()};" * 10}">' for n in range(1, 10)
    )
    + "]><methodCall><methodName>&lol9;</methodName></methodCall>"
).encode()
QUADRATIC = (
    b'<!DOCTYPE a [<!ENTITY a "' + b"a" * 9000 + b'">]><methodCall><methodName>'
    b"front_desk</methodName><params><param><value>" + b"&a;" * 800 + b"</value></param></params>"
    b"</methodCall>"
)
EXTERNAL = (
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><methodCall><methodName>front_desk'
    b"</methodName><params><param><value>&x;</value></param></params></methodCall>"
)
X = CallFault.INVALID_XML_RPC
MALFORMED = CallFault.NOT_WELL_FORMED
PARAMETERS = CallFault.INVALID_PARAMETERS


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BILLION_LAUGHS, X),
        (QUADRATIC, X),
        (EXTERNAL, X),
        (b"<!DOCTYPE methodCall>" + call("<int>1</int>")[len(b"<?xml version='1.0'?>") :], X),
        (b"", MALFORMED),
        (b"<", MALFORMED),
        (b"A" * 60_000, MALFORMED),
        (b"{}", MALFORMED),
        (call("<string>\xff</string>").replace("\xff".encode(), b"\xff"), MALFORMED),
        (call("<string>&#0;</string>"), MALFORMED),
        (call("<string>&nbsp;</string>"), MALFORMED),
        (call("<int>1</int>").decode().encode("utf-16"), MALFORMED),
        (call("<string>+ADw-</string>").replace(b"'1.0'", b"'1.0' encoding='utf-7'"), None),
        (call("a").replace(b"'1.0'", b"'1.0' encoding='iso-8859-1'"), None),
        (b"<?php evil ?>" + call("a")[len(b"<?xml version='1.0'?>") :], X),
        (call("a", method=""), X),
        (call("a", method="x" * 200), X),
        (b"<methodCall></methodCall>", X),
        (b"<methodResponse><params/></methodResponse>", X),
        (b"<methodCall><params/><methodName>front_desk</methodName></methodCall>", X),
        (
            b"<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>",
            X,
        ),
        (b"<methodCall><methodName>a</methodName><params/><params/></methodCall>", X),
        (call("<int>1</int><int>2</int>"), X),
        (call("<int>1</int>junk"), X),
        (call("junk<int>1</int>"), X),
        (call("<int>1<int>2</int></int>"), X),
        (call("<int a='b'>1</int>"), X),
        (call("<float>1</float>"), X),
        (call("<struct><member><name>a</name></member></struct>"), X),
        (call("<struct><member><value>a</value></member></struct>"), X),
        (call("<struct><member><value>a</value><name>a</name></member></struct>"), X),
        (call("<struct><member><name>a</name><name>b</name><value/></member></struct>"), X),
        (call("<struct><member><name>a</name><value/><value/></member></struct>"), X),
        (call("<array><data>x</data></array>"), X),
        (call("<array></array>"), X),
        (call("<array><data/><data/></array>"), X),
        (call("a").replace(b"</param>", b"</param><param></param>"), X),
        (call("a</value><value>b"), X),
        (call("a").replace(b"<value>a</value>", b""), X),
        (call("<array><value>x</value></array>"), X),
        (call("<array><data><value>" * 9 + "</value></data></array>" * 9), PARAMETERS),
        (call("<array><data><value>" * 1000 + "</value></data></array>" * 1000), PARAMETERS),
        (call("<array><data>" + "<value/>" * 257 + "</data></array>"), PARAMETERS),
        (call(struct(*((f"k{n}", "") for n in range(257)))), PARAMETERS),
        (
            b"<methodCall><methodName>front_desk</methodName><params>"
            + b"<param><value/></param>" * 257
            + b"</params></methodCall>",
            PARAMETERS,
        ),
    ],
)
def test_body_that_is_no_call_is_refused(body: bytes, code: CallFault | None) -> None:
    with pytest.raises(CallError) as refused:
        decode_call(body, LIMITS)
    assert refused.value.code is (code or CallFault.UNSUPPORTED_ENCODING)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (call(f"<array><data>{'<value>1</value>' * 3}</data></array>"), "an array"),
        (call(struct(("a", "1"), ("b", "2"), ("c", "3"))), "a struct"),
        (
            call("1</value></param><param><value>2</value></param><param><value>3"),
            "a list of params",
        ),
    ],
)
def test_too_many_members_are_refused_in_plain_words(body: bytes, said: str) -> None:
    with pytest.raises(CallError, match=f"(^|: ){said} with more than 2 members"):
        decode_call(body, Limits(members=2))


def test_eight_nested_containers_are_read() -> None:
    result = decoded("<array><data><value>" * 8 + "x" + "</value></data></array>" * 8)
    for _ in range(8):
        (result,) = result
    assert result == "x"


SENDABLE = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc"),
        exclude_characters="\ufffe\uffff",
        include_characters="\t\n",
    ),
    max_size=12,
)
SCALARS = (
    st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | SENDABLE
    | st.none()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SENDABLE, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(SENDABLE, VALUES, max_size=5))
@example({"RA": 1e-300, "": {"a": [[], {}, None, True, -(2**31), "]]>&<"]}})
def test_valid_calls_are_read_as_the_standard_library_reads_them(order: dict[str, Any]) -> None:
    body = xmlrpc.client.dumps((order,), "front_desk", allow_none=True).encode()
    parameters, method = xmlrpc.client.loads(body)
    result = decode_call(body, Limits(depth=32))
    assert result.method == method
    assert list(result.parameters) == list(parameters)


SEED = xmlrpc.client.dumps(
    ({"WOType": "Observation", "RA": 23.1, "N": 3, "L": [True, {"a": None}], "é": "ü&<"},),
    "front_desk",
    allow_none=True,
).encode()
TAGS = [
    b"<value>", b"</value>", b"<struct>", b"</struct>", b"<member>", b"<name>", b"<int>", b"<nil/>",
    b"<![CDATA[", b"]]>", b"<!DOCTYPE a [", b"<!ENTITY a 'b'>", b"&a;", b"&#0;", b"<?x?>", b"<!--",
    b"\xff", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SEED)),
            st.integers(0, 40),
            st.sampled_from(TAGS) | st.binary(max_size=8),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_mutated_body_is_read_or_refused_and_nothing_else(
    edits: list[tuple[int, int, bytes]],
) -> None:
    body = SEED
    for start, length, insert in edits:
        body = body[:start] + insert + body[start + length :]
    refusal = ""
    numbers: list[float] = []
    try:
        numbers = numbers_of(decode_call(body, LIMITS).parameters)
    except CallError as refused:
        refusal = str(refused)
    assert len(refusal) < 400
    assert all(math.isfinite(number) for number in numbers)


def numbers_of(value: object) -> list[float]:
    """Return every float inside ``value``."""
    if isinstance(value, float):
        return [value]
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_of(item)]
    if isinstance(value, list | tuple):
        return [number for item in value for number in numbers_of(item)]
    return []


@settings(max_examples=150, deadline=None)
@given(st.text(string.digits + "+-._eExXnaNifty ", max_size=12))
def test_number_text_is_read_as_python_reads_it_or_not_at_all(text: str) -> None:
    for tag, convert in (("int", int), ("double", float)):
        result = decoded(f"<{tag}>{text}</{tag}>")
        if not isinstance(result, Unreadable):
            assert result == convert(text)
            assert math.isfinite(result)

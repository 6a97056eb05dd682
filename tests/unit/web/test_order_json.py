"""Orders as JSON: what is read, and what is refused with which words."""

from __future__ import annotations

import json

import pytest

from ctmo_indi.errors import BadOrder
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.web.order_json import read_order
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.unreadable import Unreadable

LIMITS = Limits()
LIGHT = {"WOType": "Observation", "ID": "1", "User": "Ada", "RA": 23.1, "Dec": 13.2, "Filter": "I",
         "Exposure Time": 30.0}  # fmt: skip


def sent(order: str) -> bytes:
    return b'{"service": "scheduler", "order": %s}' % order.encode()


def test_an_order_comes_as_it_was_sent() -> None:
    found = read_order(sent(json.dumps(LIGHT)), LIMITS)
    assert (found.service, found.order) == ("scheduler", LIGHT)


def test_numbers_of_64_bit_and_text_of_all_tongues_are_kept() -> None:
    order = {"low": -(2**63), "high": 2**63 - 1, "text": "Ångström 𝛼\n\t", "none": None}
    assert read_order(sent(json.dumps(order)), LIMITS).order == order


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NaN", "a finite number"),
        ("-Infinity", "a finite number"),
        ("1e999", "a finite number"),
        ("1" * 5000 + ".5", "a finite number"),
        ("9223372036854775808", "64 bits"),
        ("9" * 5000, "64 bits"),
    ],
)
def test_a_value_that_cannot_be_read_is_left_for_the_contract_to_name(
    text: str, expected: str
) -> None:
    order = read_order(sent(json.dumps({**LIGHT, "RA": "?"}).replace('"?"', text)), LIMITS).order
    value = order["RA"]
    assert isinstance(value, Unreadable)
    assert expected in value.expected
    assert len(value.came) < 100
    with pytest.raises(BadOrder, match=r"RA: came .*expected"):
        Contract.load(small_profile()).check(order)


def test_a_key_that_comes_twice_is_named_with_all_that_is_wrong() -> None:
    text = json.dumps({**LIGHT, "Dec": 99.0})[:-1] + ', "Filter": "V", "Filter": "B"}'
    order = read_order(sent(text), LIMITS).order
    with pytest.raises(BadOrder) as refused:
        Contract.load(small_profile()).check(order)
    assert "Filter" in str(refused.value)
    assert "each key once" in str(refused.value)
    assert "Dec" in str(refused.value)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff{}", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[]", "an array"),
        (b'"text"', "text"),
        (b"null", "null"),
        (b"12", "12"),
        (b"{}", "none"),
        (b'{"order": {}}', "'order'"),
        (b'{"service": "scheduler", "order": {}, "more": 1}', "'more'"),
        (b'{"service": 5, "order": {}}', "service: came 5"),
        (b'{"service": null, "order": {}}', "service: came null"),
        (b'{"service": "scheduler", "service": "safety", "order": {}}', "service"),
        (b'{"service": "scheduler", "order": []}', "order: came an array"),
        (b'{"service": "scheduler", "order": "WOType"}', "order: came text"),
        (sent('{"a": 1} {"b": 2}'), "not JSON"),
        (sent('{"a": "\\u0000"}'), "control character"),
        (sent('{"a": ["b\\u0007"]}'), "control character"),
        (sent('{"a\\u0000": 1}'), "control character"),
        (sent('{"a": "\\ud800"}'), "control character"),
        (sent('{"a": ' + "[" * 8 + "]" * 8 + "}"), "deeper than 8"),
        (sent('{"a": ' + "[" * 30_000 + "]" * 30_000 + "}"), "deeper than 8"),
        (sent('{"a": ' + '{"a":' * 9_000 + "1" + "}" * 9_000 + "}"), "deeper than 8"),
        (sent(json.dumps({"a": [0] * 257})), "more than 256 members"),
        (sent(json.dumps({str(n): 0 for n in range(257)})), "more than 256 members"),
        (sent(json.dumps({"a": [[0] * 200] * 11})), "more than 2048 values"),
    ],
)
def test_what_is_no_order_is_refused_and_said_why(body: bytes, word: str) -> None:
    with pytest.raises(BadOrder) as refused:
        read_order(body, LIMITS)
    assert word in str(refused.value)
    assert len(str(refused.value)) < 300


def test_the_limits_are_those_of_xml_rpc() -> None:
    deepest = '{"a": ' + "[" * 7 + "]" * 7 + "}"
    assert read_order(sent(deepest), LIMITS).order
    widest = json.dumps({str(n): 0 for n in range(256)})
    assert len(read_order(sent(widest), LIMITS).order) == 256

"""Encoder: whatever a desk answers, every client can read it."""

from __future__ import annotations

import xmlrpc.client
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctmo_indi.front_desk.encoder import encode_fault, encode_reply
from ctmo_indi.models.states import OrderState


def received(value: dict[str, object]) -> Any:
    """Return what a client without allow_none reads."""
    body = encode_reply(value)
    assert b"<nil" not in body
    return xmlrpc.client.loads(body)[0][0]


def test_reply_is_read_back() -> None:
    reply = {"a": "x<&>\r\n", "b": -1, "c": 2.5, "d": True, "e": [1, "2", {}], "f": {"g": []}}
    assert received(reply) == reply


def test_integer_beyond_32_bits_becomes_text() -> None:
    assert received({"n": 2**31, "m": -(2**31)}) == {"n": "2147483648", "m": -(2**31)}


def test_unknown_is_left_out_of_structs_and_empty_in_arrays() -> None:
    reply = {"a": None, "b": float("nan"), "c": float("-inf"), "d": [None, float("nan"), 1]}
    assert received(reply) == {"d": ["", "", 1]}


def test_characters_xml_cannot_carry_are_replaced() -> None:
    assert received({"a": "x\x00\x1b\ud800\uffff y"}) == {"a": "x���� y"}


def test_types_of_libraries_are_sent_as_pythons_own() -> None:
    reply = {
        "state": OrderState.PENDING,
        "path": Path("/data/a.fits"),
        "utc": datetime(2026, 11, 21, tzinfo=UTC),
        "i": np.int64(3),
        "f": np.float32(0.5),
        "s": {"b", "a"},
    }
    assert received(reply) == {
        "state": "PENDING",
        "path": "/data/a.fits",
        "utc": "2026-11-21T00:00:00+00:00",
        "i": 3,
        "f": 0.5,
        "s": ["a", "b"],
    }


def test_value_without_a_place_in_a_reply_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="bytes"):
        encode_reply({"a": b"raw"})


def test_fault_is_read_as_fault_with_its_text_cut() -> None:
    with pytest.raises(xmlrpc.client.Fault) as fault:
        xmlrpc.client.loads(encode_fault(424, "alt < 15 deg \x00" + "x" * 10_000))
    assert fault.value.faultCode == 424
    assert fault.value.faultString.startswith("alt < 15 deg �xxx")
    assert len(fault.value.faultString) == 4000


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.floats() | st.integers() | st.none()))
def test_reply_is_always_well_formed(reply: dict[str, object]) -> None:
    expat.ParserCreate().Parse(encode_reply(reply), True)

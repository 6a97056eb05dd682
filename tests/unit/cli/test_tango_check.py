"""The line of ``check`` about the Tango device server."""

from __future__ import annotations

import importlib.util

import pytest

from ctmo_indi.cli import tango_check
from ctmo_indi.tango_settings import TangoSettings

PORT_OF_NOBODY = 1  # tcpmux: nothing listens there, and nothing can without root


def test_a_site_without_tango_reads_nothing_of_it() -> None:
    assert tango_check.look(TangoSettings()) == []


def test_a_missing_pytango_is_wrong_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    ((what, good, detail),) = tango_check.look(TangoSettings(is_enabled=True))
    assert (what, good) == ("Tango devices", False)
    assert 'pip install "ctmo-indi[tango]"' in detail


def test_a_token_that_is_not_there_is_wrong(tmp_path) -> None:
    pytest.importorskip("tango")
    token = tmp_path / "tango.token"
    ((_, good, detail),) = tango_check.look(TangoSettings(is_enabled=True, token_file=token))
    assert not good
    assert detail == f"Tango: Client Token File: there is no {token}"


def test_a_server_that_does_not_run_is_told_and_no_fault() -> None:
    pytest.importorskip("tango")
    ((_, good, detail),) = tango_check.look(TangoSettings(is_enabled=True, port=PORT_OF_NOBODY))
    assert good
    assert detail.startswith("127.0.0.1:1 is not running (API_")

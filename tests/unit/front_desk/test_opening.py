"""What the key Access allows: where a desk listens, what it needs for it, what it says."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import re
import xmlrpc.client
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctmo_indi import tokens
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.audit_log import read_audit
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient, DeskFault
from ctmo_indi.errors import ConfigError
from ctmo_indi.front_desk.opening import (
    INSECURE,
    TOLD_A_MINUTE,
    access_problems,
    open_front_desk,
)
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import FakeDesk
from ctmo_indi.tokens import Token

from ...certificates import Certificate, make_certificate

STOP: dict[str, object] = {"WOType": "Control", "Command": "stop"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("pair"))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A site with tokens and no TLS."""
    path = tmp_path / "tokens.json"
    made = Token("ada", "operate", tokens.digest("ctmo_secret"), SystemClock().utc())
    tokens.write_tokens(path, (made,))
    return replace(Config(), data_dir=tmp_path, access=AccessSettings(tokens=path))


def ask(url: str, token: str | None, order: dict[str, object]) -> dict[str, Any]:
    with DeskClient(url, token=token) as client:
        return client.front_desk(order)


def at(ip: str, scheme: str = "https") -> Address:
    return Address(f"{scheme}://desk.example:8000", ip, 0)


@contextmanager
def opened(config: Config, address: Address) -> Iterator[tuple[FakeDesk, str]]:
    desk = FakeDesk("telescope")
    server = open_front_desk([(desk, address)], config)
    (port,) = server.start()
    try:
        yield desk, f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@pytest.mark.parametrize("ip", ["0.0.0.0", "::", "192.0.2.1"])
def test_the_network_needs_tokens_and_tls(config: Config, ip: str, pair: Certificate) -> None:
    bare = replace(config.access, tokens=Path("/nonexistent/tokens.json"))
    with pytest.raises(ConfigError) as refused:
        open_front_desk([(FakeDesk("dome"), at(ip))], replace(config, access=bare))
    assert len(refused.value.problems) == 2
    assert "dome Address: IP is" in refused.value.problems[0]
    assert "ctmo-indi token add" in refused.value.problems[0]
    assert "Access.TLS" in refused.value.problems[1]
    with pytest.raises(ConfigError, match=r"Access\.TLS"):
        open_front_desk([(FakeDesk("dome"), at(ip))], config)
    encrypted = replace(config.access, certificate=pair.certificate, key=pair.key)
    with pytest.raises(ConfigError, match=r"HTTP is http://.*expected https"):
        open_front_desk([(FakeDesk("dome"), at(ip, "http"))], replace(config, access=encrypted))
    open_front_desk([(FakeDesk("dome"), at(ip))], replace(config, access=encrypted)).stop()


def test_files_that_cannot_be_used_keep_a_desk_off_the_network(
    config: Config, pair: Certificate, tmp_path: Path
) -> None:
    config.access.tokens.chmod(0o644)
    token = tmp_path / "services.token"
    token.write_text("ctmo_secret")
    token.chmod(0o644)
    access = replace(
        config.access, certificate=pair.certificate, key=tmp_path / "absent.key",
        client_token_file=token, ca_file=tmp_path / "absent.crt",
    )  # fmt: skip
    with pytest.raises(ConfigError) as refused:
        open_front_desk([(FakeDesk("dome"), at("0.0.0.0"))], replace(config, access=access))
    assert len(refused.value.problems) == 4
    assert "ctmo_secret" not in str(refused.value)


def test_on_loopback_a_wrong_token_file_takes_away_tokens_and_not_the_service(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    config.access.tokens.chmod(0o644)
    with caplog.at_level(logging.ERROR), opened(config, at("127.0.0.1")) as (desk, url):
        assert ask(url, None, STOP)["Kind"] == "Control"
        with pytest.raises(DeskFault) as fault:
            ask(url, "ctmo_secret", STOP)
        assert fault.value.code == 401
        assert len(desk.orders) == 1
    assert "0644" in caplog.text


def test_an_insecure_network_is_said_loudly(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    access = replace(
        config.access, is_network_insecure=True, tokens=config.access.tokens.with_name("none.json")
    )
    insecure = replace(config, access=access)
    with (
        caplog.at_level(logging.WARNING),
        opened(insecure, at("0.0.0.0", "http")) as (_, url),
        DeskClient(url) as client,
    ):
        assert client.front_desk({"WOType": "Status"})["Warnings"] == [INSECURE]
    assert "insecure_network services=telescope" in caplog.text


def test_without_permission_anonymous_may_only_ask(config: Config) -> None:
    closed = replace(config, anonymous_may_operate=False)
    with opened(closed, at("127.0.0.1")) as (desk, url):
        assert ask(url, None, {"WOType": "Status"})["Kind"] == "Status"
        with pytest.raises(DeskFault, match="needs the role operate") as fault:
            ask(url, None, STOP)
        assert fault.value.code == 403
        with xmlrpc.client.ServerProxy(url.replace("//", "//ada:ctmo_secret@")) as stock:
            reply: Any = stock.front_desk(STOP)
        assert reply["Kind"] == "Control"
        assert len(desk.orders) == 2


def test_everything_is_written_down_and_no_token_anywhere(
    config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = ["ctmo_secret", "ctmo_wrong_token"]
    with caplog.at_level(logging.DEBUG), opened(config, at("127.0.0.1")) as (_, url):
        ask(url, secrets[0], STOP)
        ask(url, None, {**STOP, "User": "eve"})
        with pytest.raises(DeskFault):
            ask(url, secrets[1], STOP)
        with pytest.raises(DeskFault):
            ask(url, secrets[0], {**STOP, "User": "safety"})
    path = tmp_path / "logs" / "audit.log"
    told = [
        tuple(entry[key] for key in ("caller", "user", "outcome", "fault"))
        for entry in read_audit(path)
    ]
    assert told == [
        ("ada", "", "accepted", 0),
        ("anonymous", "eve", "accepted", 0),
        ("", "", "unidentified", 401),
        ("ada", "safety", "refused", 403),
    ]
    for text in (path.read_text(), caplog.text):
        assert not any(secret in text for secret in secrets)


def test_what_had_no_effect_cannot_flush_what_had(config: Config, tmp_path: Path) -> None:
    """A hundred megabytes are kept; refusals by the thousand must not push deeds out of them."""
    light = {
        "WOType": "Observation", "User": "ada", "ID": "1", "RA": 1.0, "Dec": 2.0, "Filter": "I",
        "Exposure Time": 3.0,
    }  # fmt: skip
    with opened(config, at("127.0.0.1")) as (_, url), DeskClient(url) as client:
        for number in range(3 * TOLD_A_MINUTE):
            with contextlib.suppress(DeskFault):
                client.front_desk({"WOType": "\U0001f4a3" * 1000, "User": f"u{number}"})
            client.front_desk(light)
            if number % 100 == 0:
                client.front_desk(STOP)
    path = tmp_path / "logs" / "audit.log"
    entries = list(read_audit(path))
    outcomes = Counter((entry["kind"], entry["outcome"]) for entry in entries)
    assert outcomes["Control", "accepted"] == 3 * TOLD_A_MINUTE // 100  # each of them
    few = sum(outcomes.values()) - outcomes["Control", "accepted"]
    assert TOLD_A_MINUTE <= few <= TOLD_A_MINUTE + 5
    assert any(re.search(r"\d+ of this caller within a minute", entry["text"]) for entry in entries)
    assert max(map(len, path.read_text().splitlines())) < 3000


def test_two_tokens_in_one_request_are_refused(config: Config) -> None:
    with opened(config, at("127.0.0.1")) as (desk, url):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10.0)
        connection.putrequest("POST", "/")
        for name, value in (
            ("Content-Type", "text/xml"), ("Content-Length", "4"),
            ("Authorization", "Bearer ctmo_secret"), ("Authorization", "Bearer ctmo_other"),
        ):  # fmt: skip
            connection.putheader(name, value)
        connection.endheaders(b"<x/>")
        assert connection.getresponse().status == 400
        connection.close()
        assert desk.orders == []


@pytest.mark.parametrize(
    ("url", "is_wrong"),
    [
        ("https://localhost:8000", True),
        ("https://127.0.0.1:8000", True),
        ("http://localhost:8000", False),
        ("https://observatory.example.org", False),  # a proxy before the desk
        ("https://localhost:8443", False),
    ],
)
def test_a_desk_of_this_machine_alone_speaks_plain_http(
    config: Config, url: str, is_wrong: bool
) -> None:
    problems = access_problems(config, {"scheduler": Address(url, "127.0.0.1", 8000)})
    assert [problem.partition(":")[0] for problem in problems] == ["scheduler Address"] * is_wrong


def test_check_names_what_the_network_lacks(config: Config) -> None:
    addresses = {"safety": at("10.0.0.7"), "dome": at("127.0.0.1")}
    problems = access_problems(config, addresses)
    assert len(problems) == 1
    assert problems[0].startswith("safety Address: IP is 10.0.0.7")


def test_services_that_would_refuse_each_other_are_named(config: Config, tmp_path: Path) -> None:
    closed = replace(config, anonymous_may_operate=False)
    (problem,) = access_problems(closed, {})
    assert "the services would refuse each other" in problem
    own = tmp_path / "services.token"
    own.touch(0o600)
    own.write_text("ctmo_secret")
    with_token = replace(closed, access=replace(config.access, client_token_file=own))
    (problem,) = access_problems(with_token, {})
    assert "token ada is operate, expected admin" in problem
    assert "ctmo_secret" not in problem
    own.write_text("ctmo_known_on_another_machine")
    assert access_problems(with_token, {}) == []


def test_the_token_file_is_json_a_person_can_read(config: Config) -> None:
    assert json.loads(config.access.tokens.read_text())["tokens"][0]["name"] == "ada"

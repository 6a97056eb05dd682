"""A fleet in which nobody without a token may do anything, not even its own services."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from ctmo_indi import tokens
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.audit_log import read_audit
from ctmo_indi.clock import SystemClock
from ctmo_indi.desk_client.client import DeskClient, DeskFault
from ctmo_indi.supervisor import Supervisor
from ctmo_indi.tokens import Token

from ... import promises
from ...running_fleet import Reply, RunningFleet, until

pytestmark = pytest.mark.indi

# Name -> role. "services" is what the services call each other with.
PEOPLE = {
    "services": "admin",
    "chief": "admin",
    "ada": "operate",
    "bob": "operate",
    "portal": "submit",
    "student": "submit",
    "page": "read",
}
FORBIDDEN, UNIDENTIFIED = 403, 401


@dataclass
class GuardedFleet:
    """A running fleet and a client for each name; "nobody" has no token, "thief" a wrong one."""

    fleet: RunningFleet
    folder: Path
    secrets: Mapping[str, str]
    clients: dict[tuple[str, str], DeskClient]

    def ask(self, name: str, order: Mapping[str, object], service: str = "scheduler") -> Reply:
        key = (name, service)
        if key not in self.clients:
            url = self.fleet.desk(service).url
            self.clients[key] = DeskClient(url, token=self.secrets.get(name))
        return self.clients[key].front_desk(order)

    def code(self, name: str, order: Mapping[str, object], service: str = "scheduler") -> int:
        """Return 200, or the code with which it is refused."""
        try:
            self.ask(name, order, service)
        except DeskFault as fault:
            return fault.code
        return 200


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedFleet]:
    folder = tmp_path_factory.mktemp("guarded")
    secrets = {name: tokens.new_secret() for name in (*PEOPLE, "thief")}
    now = SystemClock().utc()
    file = folder / "tokens.json"
    tokens.write_tokens(
        file,
        [Token(name, role, tokens.digest(secrets[name]), now) for name, role in PEOPLE.items()],
    )
    own = folder / "services.token"
    own.touch(0o600)
    own.write_text(secrets["services"])
    fleet = RunningFleet(folder / "data")
    config = replace(
        fleet.supervisor.config,
        anonymous_may_operate=False,
        access=AccessSettings(tokens=file, client_token_file=own),
    )
    fleet.supervisor = Supervisor(replace(fleet.supervisor.fleet, config=config))
    with fleet.running(), contextlib.ExitStack() as stack:
        made = GuardedFleet(fleet, folder, secrets, {})
        stack.callback(lambda: [client.close() for client in made.clients.values()])
        yield made


def light(site: GuardedFleet, **keys: object) -> dict[str, object]:
    order = site.fleet.observation(**{"Exposure Time": 5.0, **keys})
    if "User" not in keys:
        del order["User"]
    return order


OPEN = {"WOType": "Dome", "Shutter": "open"}
SLEW = {"WOType": "Control", "Command": "slew", "RA": 10.0, "Dec": 30.0}
LOCK = {"WOType": "Control", "Command": "lock", "Reason": "in the dome"}
UNLOCK = {"WOType": "Control", "Command": "unlock"}


@pytest.mark.promise
def test_nothing_moves_for_who_may_not(site: GuardedFleet, promise: promises.Recorder) -> None:
    """Real services: orders that move something, by everybody below "operate", at every desk."""
    orders: list[tuple[str, Mapping[str, object]]] = [
        *((desk, order) for desk in ("scheduler", "telescope") for order in (OPEN, SLEW)),
        ("dome", OPEN),
        *((desk, LOCK) for desk in ("scheduler", "telescope", "safety")),
        ("safety", {"WOType": "Control", "Command": "stop"}),
        ("safety", {"WOType": "Heartbeat", "Service": "scheduler"}),
        ("scheduler", {"WOType": "Scheduler", "Command": "stop", "Abort": True}),
        ("scheduler", {"WOType": "Script Queue", "Command": "pause"}),
    ]
    safety = site.fleet.ask({"WOType": "Status"}, "safety")["Verdict"]
    codes = [
        site.code(name, order, service)
        for name in ("nobody", "thief", "page", "student")
        for service, order in orders
    ]
    now = site.fleet.ask({"WOType": "Status"}, "safety")["Verdict"]
    status = site.fleet.ask({"WOType": "Status"})
    queue = site.ask("page", {"WOType": "Script Queue", "Command": "showQueue"})
    moved = [
        now["Lock"] != safety["Lock"], now["Latch"] != safety["Latch"],
        not status["Running"], queue["Paused"],
    ]  # fmt: skip
    wrong = [code for code in codes if code not in (FORBIDDEN, UNIDENTIFIED, 429)]
    promise(
        "unauthorised_fleet",
        f"{len(wrong)} of {len(codes)} orders taken by real services, {sum(moved)} effects",
        holds=not wrong and not any(moved),
    )


def test_a_submitter_observes_and_cancels_its_own_and_nothing_else(site: GuardedFleet) -> None:
    """The scheduler, with its own token, has the telescope carry the order out."""
    tomorrow = site.fleet.clock.utc() + timedelta(days=1)
    window = {"Start": tomorrow.isoformat(), "End": (tomorrow + timedelta(hours=9)).isoformat()}
    later = light(site, Windows=[window])
    seen = site.ask("student", light(site))
    waiting = {name: site.ask(name, {**later, "ID": name}) for name in ("student", "portal", "ada")}

    assert site.code("student", light(site, User="ada")) == FORBIDDEN
    for name in ("portal", "ada"):
        for word in ({"Receipt": waiting[name]["Receipt"]}, {"User": name, "ID": name}):
            assert site.code("student", {"WOType": "Cancel", **word}) == FORBIDDEN
    own = {"WOType": "Cancel", "Receipt": waiting["student"]["Receipt"]}
    assert site.ask("student", own)["Status"] == "CANCELED"
    theirs = {"WOType": "Cancel", "Receipt": waiting["portal"]["Receipt"]}
    assert site.ask("ada", theirs)["Status"] == "CANCELED"
    assert site.fleet.ended(str(seen["Receipt"]))["Status"] == "COMPLETED"


def test_locks_belong_to_tokens_through_every_desk(site: GuardedFleet) -> None:
    for service in ("safety", "scheduler", "telescope"):
        site.ask("ada", LOCK, service)
        lock = site.fleet.ask({"WOType": "Status"}, "safety")["Verdict"]["Lock"]
        assert lock["Owner"] == "ada"
        for way in ("safety", "scheduler", "telescope"):
            assert site.code("bob", UNLOCK, way) == FORBIDDEN
            assert site.code("bob", {**UNLOCK, "User": "ada"}, way) == FORBIDDEN
            assert site.code("page", UNLOCK, way) == FORBIDDEN
        assert site.code("chief" if service == "scheduler" else "ada", UNLOCK, service) == 200


def test_a_revoked_token_ends_at_once(site: GuardedFleet) -> None:
    status = {"WOType": "Status"}
    assert site.code("bob", status) == 200
    file = site.folder / "tokens.json"
    before = tokens.read_tokens(file)
    tokens.write_tokens(file, [each for each in before if each.name != "bob"])
    assert site.code("bob", status) == UNIDENTIFIED
    tokens.write_tokens(file, before)
    assert site.code("bob", status) == 200


def test_the_audit_names_people_and_no_token_is_anywhere(site: GuardedFleet) -> None:
    audit = site.folder / "data" / "logs" / "audit.log"
    until(lambda: any(_by(audit, "ada")), "ada's lock in the audit log")
    assert {(each["service"], each["via"]) for each in _by(audit, "ada")} >= {
        ("safety", ""), ("scheduler", ""), ("safety", "services"),
    }  # fmt: skip
    assert any(each["outcome"] == "unidentified" for each in read_audit(audit))
    lines = [" ".join(process.cmdline()) for process in site.fleet.processes()]
    texts = {
        str(path): path.read_bytes().decode("utf-8", "replace")
        for path in (site.folder / "data").rglob("*")
        if path.is_file()
    }
    assert any("logs/scheduler.out" in path for path in texts)
    found = [
        (name, path)
        for name, secret in site.secrets.items()
        for path, text in (*texts.items(), ("command lines", "\n".join(lines)))
        if secret in text
    ]
    assert found == []


def _by(audit: Path, name: str) -> list[Mapping[str, object]]:
    return [entry for entry in read_audit(audit) if entry["caller"] == name]

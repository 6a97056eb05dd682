"""A lock is undone by the one it belongs to, or by an admin: there may be a human in the dome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import BadOrder, Locked, NotPermitted
from ctmo_indi.models.verdict import LockKind
from ctmo_indi.safety import desk_handlers
from ctmo_indi.safety.beats import Beats
from ctmo_indi.safety.desk_handlers import SafetyHandlers
from ctmo_indi.safety.holds import Holds
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import DispatchDesk
from ctmo_indi.work_orders.revisions import RevisionBoard


def known(name: str, role: Role = Role.OPERATE) -> Caller:
    return Caller(name, role, "10.0.0.7", is_known=True)


ANONYMOUS = Caller("anonymous", Role.OPERATE, "127.0.0.1")


class _NoNotices:
    def note(self, *_: object) -> None:
        """Tell nobody."""


class _NobodyMoves:
    def tell_holds(self) -> None:
        """Have nothing to tell."""


class Site:
    """Safety's desk with real holds; nothing else of it is asked here."""

    def __init__(self, folder: Path) -> None:
        clock = SystemClock()
        nobody = cast(Any, None)  # Any: see the class
        loop = cast(Any, _NobodyMoves())
        self.holds = Holds(folder / "holds.json", clock)
        handlers = SafetyHandlers(
            loop=loop, holds=self.holds, beats=Beats(clock), closer=nobody,
            board=RevisionBoard(clock), clock=clock, stop_all=str, observatory_status=dict,
            clock_watch=nobody, notices=cast(Any, _NoNotices()),
        )  # fmt: skip
        self._desk = DispatchDesk("safety", Contract.load(small_profile()), handlers.table())

    async def say(self, command: str, caller: Caller, **keys: object) -> None:
        await self._desk.handle({"WOType": "Control", "Command": command, **keys}, caller)

    @property
    def owner(self) -> str:
        return "" if self.holds.lock is None else self.holds.lock.owner


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_a_lock_belongs_to_the_token_whatever_user_was_named(site: Site) -> None:
    await site.say("lock", known("ada"), User="bob")
    assert site.owner == "ada"
    await site.say("unlock", known("ada"), User="eve")
    assert site.owner == ""


async def test_another_operator_cannot_undo_it_under_any_user(site: Site) -> None:
    await site.say("lock", known("ada"))
    for keys in ({}, {"User": "ada"}):
        with pytest.raises(NotPermitted, match=r"ada holds the lock .*role admin"):
            await site.say("unlock", known("bob"), **keys)
    assert site.owner == "ada"


async def test_an_admin_can(site: Site) -> None:
    await site.say("lock", known("ada"))
    await site.say("unlock", known("chief", Role.ADMIN))
    assert site.owner == ""


async def test_without_a_token_the_user_counts(site: Site) -> None:
    await site.say("lock", ANONYMOUS, User="ada")
    with pytest.raises(NotPermitted, match="came from cli, but ada holds the lock"):
        await site.say("unlock", ANONYMOUS, User="cli")
    await site.say("unlock", ANONYMOUS, User="ada")
    assert site.owner == ""
    await site.say("unlock", ANONYMOUS, User="cli")  # nothing to undo, as ever


async def test_a_lock_with_a_token_is_not_undone_by_who_only_says_the_same_name(
    site: Site, tmp_path: Path
) -> None:
    """On loopback anybody may write any User; the human in the dome has proved who he is."""
    await site.say("lock", known("ada"), Kind="maintenance", Reason="in the dome")
    for keys in ({"User": "ada"}, {"User": "ada", "ID": "1"}):
        with pytest.raises(NotPermitted, match=r"ada holds the lock .* with a token"):
            await site.say("unlock", ANONYMOUS, **keys)
    soon = (SystemClock().utc() + timedelta(seconds=1)).isoformat()
    with pytest.raises(Locked, match="by ada, with a token"):
        await site.say("lock", ANONYMOUS, User="ada", Kind="observer", Expires=soon)
    assert site.holds.trouble() == ""
    assert Site(tmp_path).holds.lock == site.holds.lock  # also after a restart
    with pytest.raises(NotPermitted):
        await Site(tmp_path).say("unlock", ANONYMOUS, User="ada")
    await site.say("lock", known("ada"), Kind="observer")  # she may change it
    await site.say("unlock", known("ada"))
    assert site.owner == ""


async def test_a_lock_that_would_have_ended_is_none(site: Site) -> None:
    """Local time taken for UTC: he must not go into the dome believing in a lock."""
    await site.say("lock", known("ada"), Kind="maintenance")
    past = (SystemClock().utc() - timedelta(seconds=1)).isoformat()
    with pytest.raises(BadOrder, match=r"Expires: came .*, expected a time to come"):
        await site.say("lock", known("ada"), Kind="maintenance", Expires=past)
    assert site.owner == "ada"


async def test_a_right_to_the_former_lock_is_none_to_the_one_that_came_meanwhile(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the order and the deed ada's lock ends and bob takes one, who is in the dome."""
    await site.say("lock", known("ada"))
    begin = desk_handlers._in_own_thread

    async def a_little_later(work: Callable[[], str], name: str) -> str:
        site.holds.drop_lock("ada")
        site.holds.take_lock(LockKind.MAINTENANCE, "bob", "in the dome", None, is_proved=True)
        return await begin(work, name)

    monkeypatch.setattr(desk_handlers, "_in_own_thread", a_little_later)
    with pytest.raises(NotPermitted, match="bob holds the lock"):
        await site.say("unlock", known("ada"))
    assert site.owner == "bob"

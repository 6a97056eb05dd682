"""``/api/night``: asks the scheduler, has the picture computed in a thread, keeps it.

Coroutines on the front desk's loop; one asks for all who look. Nothing large is imported here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.own_thread import in_own_thread
from ctmo_indi.profiles import Profile
from ctmo_indi.web.answers import to_json
from ctmo_indi.web.night_facts import NightFacts
from ctmo_indi.web.night_history import Ask, NightHistory
from ctmo_indi.web.plan_facts import PlanFacts, plan_of, predicted_of

FRESH_S = 2.0
"""Machine seconds for which an answer stands, whoever asks."""

NIGHTS_KEPT = 6
_PLAN_LIMIT = 250
_PAST_PLAN = "the plan of a past night is not kept"
_COMING_PLAN = "this night is not planned yet"

AnswerT = TypeVar("AnswerT")


@dataclass(slots=True)
class _Kept:
    """One night: what was read of it, and its last answer; ``current`` is the one that lasts."""

    label: str
    history: NightHistory
    lock: asyncio.Lock
    current: str = ""
    facts: NightFacts | None = None
    body: bytes = b""
    asked_machine_s: float = float("-inf")
    drawn: object = None


class NightPage:
    """Answers what a night looks like.

    Parameters
    ----------
    clock
        Sky time of the service.
    """

    def __init__(self, profile: Profile, clock: Clock) -> None:
        self._profile = profile
        self._clock = clock
        self._nights: OrderedDict[str, _Kept] = OrderedDict()

    async def body(self, night: str, ask: Ask) -> bytes:
        """Return the JSON of a night, UTF-8.

        Parameters
        ----------
        night
            YYYYMMDD; empty for the one that lasts or comes.

        Raises
        ------
        ValueError
            No such date; the text is for people.
        """
        kept = await self._night(night)
        async with kept.lock:
            facts = await self._renewed(kept, ask)
            stamp = _stamp(facts)
            if kept.drawn != stamp:
                kept.body = await in_own_thread(lambda: self._draw(facts), "page-night")
                kept.drawn = stamp
            return kept.body

    async def facts(self, night: str, ask: Ask) -> NightFacts:
        """Return what is known of a night; arguments and errors as :meth:`body`."""
        kept = await self._night(night)
        async with kept.lock:
            return await self._renewed(kept, ask)

    async def _night(self, night: str) -> _Kept:
        now_s = self._clock.utc().timestamp()
        label, current, begin_s, end_s = await in_own_thread(
            lambda: self._span(night, now_s), "page-night"
        )
        kept = self._nights.get(label)
        if kept is None:
            kept = self._nights[label] = _Kept(label, NightHistory(begin_s, end_s), asyncio.Lock())
            while len(self._nights) > NIGHTS_KEPT:
                self._nights.popitem(last=False)
        self._nights.move_to_end(label)
        kept.current = current
        return kept

    async def _renewed(self, kept: _Kept, ask: Ask) -> NightFacts:
        if kept.facts is None or self._clock.machine_s() - kept.asked_machine_s >= FRESH_S:
            kept.facts = await self._asked(kept, self._clock.utc().timestamp(), ask)
            kept.asked_machine_s = self._clock.machine_s()
        return kept.facts

    async def _asked(self, kept: _Kept, now_s: float, ask: Ask) -> NightFacts:
        history, label, current = kept.history, kept.label, kept.current
        trouble: list[str] = []
        is_past, is_current = label < current, label == current
        plan: PlanFacts | None = None
        no_plan = _PAST_PLAN if is_past else _COMING_PLAN
        reading = _or_told(history.read(ask), trouble, "what was done is not known")
        if is_current:
            asked = ask({"WOType": "Plan", "Limit": _PLAN_LIMIT})
            why: list[str] = []
            reply, _ = await asyncio.gather(_or_told(asked, why, ""), reading)
            plan, no_plan = None if reply is None else plan_of(reply), "; ".join(why)
            if plan is not None and plan.night not in ("", label):
                no_plan = f"the plan that stands is of {plan.night}"
                plan = None
            if reply is None:
                status = await _or_told(ask({"WOType": "Status"}), [], "")
                plan = predicted_of(status or {})
        else:
            await reading
        return NightFacts(
            night=label,
            now_s=now_s,
            plan=plan,
            no_plan=no_plan,
            attempts=history.attempts(),
            holds=history.holds(),
            trouble=tuple(trouble),
        )

    def _span(self, night: str, now_s: float) -> tuple[str, str, float, float]:
        """In a thread: the night's label, the current one's, noon and noon."""
        with FIRST_IMPORT:
            from ctmo_indi.models.nights import night_of
            from ctmo_indi.web.night_sky import noon_s

        site = self._profile.site
        current = night_of(site, now_s)
        label = night or current
        begin_s = noon_s(site, label)
        return label, current, begin_s, begin_s + 86400.0

    def _draw(self, facts: NightFacts) -> bytes:
        with FIRST_IMPORT:
            from ctmo_indi.web.night_view import night_view

        return to_json(night_view(facts, self._profile))


async def _or_told(answer: Awaitable[AnswerT], trouble: list[str], what: str) -> AnswerT | None:
    """Return an answer, or note why there is none."""
    try:
        return await answer
    except CtmoError as error:
        why = str(error)
    except TimeoutError:
        why = "the scheduler did not answer in time"
    trouble.append(f"{what}: {why}" if what else why)
    return None


def _stamp(facts: NightFacts) -> object:
    """What the picture depends on; of a lasting night it is drawn anew each minute."""
    plan = facts.plan
    return (
        facts.no_plan,
        plan and (plan.made, plan.changed, plan.preview, plan.refused, plan.visits),
        facts.attempts,
        facts.holds,
        facts.trouble,
        facts.now_s // 60.0,
    )

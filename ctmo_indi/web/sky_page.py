"""``/api/sky``: the sky now, computed in a thread and kept for a second.

Coroutines on the front desk's loop. Nothing large is imported here.
"""

from __future__ import annotations

import asyncio

from ctmo_indi.clock import Clock
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.own_thread import in_own_thread
from ctmo_indi.profiles import Profile
from ctmo_indi.web.answers import to_json
from ctmo_indi.web.night_facts import NightFacts
from ctmo_indi.web.night_history import Ask
from ctmo_indi.web.night_page import NightPage

FRESH_S = 1.0
"""Machine seconds for which an answer stands, whoever asks."""


class SkyPage:
    """Answers what stands where.

    Parameters
    ----------
    nights
        Knows what runs and what is planned.
    """

    def __init__(self, profile: Profile, clock: Clock, nights: NightPage) -> None:
        self._profile = profile
        self._clock = clock
        self._nights = nights
        self._lock = asyncio.Lock()
        self._body = b""
        self._made_machine_s = float("-inf")

    async def body(self, ask: Ask) -> bytes:
        """Return the JSON of the sky now, UTF-8."""
        async with self._lock:
            if self._clock.machine_s() - self._made_machine_s >= FRESH_S:
                facts = await self._nights.facts("", ask)
                now_s = self._clock.utc().timestamp()
                self._body = await in_own_thread(lambda: self._draw(facts, now_s), "page-sky")
                self._made_machine_s = self._clock.machine_s()
            return self._body

    def _draw(self, facts: NightFacts, now_s: float) -> bytes:
        with FIRST_IMPORT:
            from ctmo_indi.web.sky_view import sky_view

        return to_json(sky_view(facts, self._profile, now_s))

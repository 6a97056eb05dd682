"""What another INDI client does, from the first sign to the release: heard, judged, told.

The engine acts on it: it ends the attempt that is disturbed, and begins none while
:class:`~ctmo_indi.telescope.takeover.Takeover` is active.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from ctmo_indi.clock import Clock
from ctmo_indi.profiles import Role
from ctmo_indi.telescope.safety_link import VerdictNews
from ctmo_indi.telescope.suspicion import Suspect, Suspicions
from ctmo_indi.telescope.takeover import Takeover

_log = logging.getLogger(__name__)


class HandsOff:
    """Engine thread only.

    Parameters
    ----------
    publish
        See :class:`~ctmo_indi.telescope.engine_parts.EngineParts`.
    """

    def __init__(
        self,
        clock: Clock,
        takeover: Takeover,
        publish: Callable[[str, str, dict[str, object]], int],
    ) -> None:
        self._clock = clock
        self._takeover = takeover
        self._publish = publish
        self._suspicions = Suspicions(clock)
        self._released_elapsed_s = -math.inf

    @property
    def is_suspicious(self) -> bool:
        """Whether it is not known yet whose doing something was."""
        return self._suspicions.is_pending

    def is_humans(
        self, what: str, role: Role, *, may_be_closer: bool, heard_elapsed_s: float
    ) -> bool:
        """Whether that is a human's doing for sure; what a closer may do is judged later.

        What was heard before the last release belongs to the human who was done then.
        """
        if heard_elapsed_s < self._released_elapsed_s:
            return False
        if may_be_closer:
            self._suspicions.note(what, role)
        return not may_be_closer

    def judge(self, news: VerdictNews | None) -> list[Suspect]:
        """Return what has turned out to be a human's."""
        return self._suspicions.judge(news)

    def begin(self, what: str) -> None:
        """A human did it: keep the hands off, and tell."""
        was_active = self._takeover.is_active
        _log.warning("foreign_motion what=%s", what)
        self._publish("foreign_motion", "telescope", self._takeover.begin(what))
        if self._takeover.is_active and not was_active:
            self._publish("takeover", "telescope", self._takeover.to_wire())

    def release(self, user: str) -> bool:
        """The human is done; False when nobody had taken over."""
        self._suspicions.forget()
        self._released_elapsed_s = self._clock.elapsed_s()
        if not self._takeover.release():
            return False
        _log.warning("takeover_released by=%s", user)
        self._publish("takeover", "telescope", {"Released By": user, "Reason": ""})
        return True

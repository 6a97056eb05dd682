"""Which of safety's events people are told of that cannot wait for the morning."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ctmo_indi import notices
from ctmo_indi.clock import Clock
from ctmo_indi.notices import (
    MOST_WAITING,
    PER_KIND_S,
    RETRIES,
    RETRY_PAUSE_S,
    Notice,
    Send,
    Told,
    apprise_sender,
)

__all__ = ["MOST_WAITING", "RETRIES", "TOLD", "Notice", "Notices", "Send", "apprise_sender"]

TOLD: Mapping[str, Told] = {
    "alarm": Told("ALARM: the observatory is not closed", "Message", is_urgent=True),
    "closing_begun": Told("closing", "Message"),
    "closed": Told("closed", "Message"),
    "started": Told("the safety service has started", "Message"),
    "clock_step": Told("the computer's clock was set", "Message", is_urgent=True),
    "lock": Told("lock", "Message"),
    "unlock": Told("unlocked", "Message"),
    "stop": Told("stop was pressed", "Message"),
    "release": Told("released", "Message"),
    "watchdog_lost": Told("INDI's WatchDog cannot be reached", "Message", is_urgent=True),
}


class Notices(notices.Notices):
    """Those of safety; see the class above."""

    def __init__(
        self,
        observatory: str,
        clock: Clock,
        make_send: Callable[[], Send] | None,
        *,
        per_kind_s: float = PER_KIND_S,
        retry_pause_s: float = RETRY_PAUSE_S,
    ) -> None:
        super().__init__(
            observatory, clock, make_send, TOLD, per_kind_s=per_kind_s, retry_pause_s=retry_pause_s
        )

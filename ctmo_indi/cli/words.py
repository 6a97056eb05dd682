"""Words that a shell offers where a command takes one of a few."""

from __future__ import annotations

from collections.abc import Callable

SERVICES = ("scheduler", "telescope", "dome", "preprocessor", "safety")
ORDER_STATES = (
    "RECEIVED", "REJECTED", "PENDING", "HELD", "SCHEDULED", "IN_PROGRESS", "COMPLETED", "CANCELED",
    "WINDOW_EXPIRED", "FAILURE_LIMIT_REACHED",
)  # fmt: skip
SCHEDULER_COMMANDS = (
    "start", "enable", "resume", "stop", "disable", "standby", "exitControl", "load",
    "computePredictedSchedule", "flush", "reschedule", "addBlock", "getBlockStatus", "removeBlock",
    "validateBlock", "setLogLevel", "updateObservatoryStatus",
)  # fmt: skip
CONTROL_COMMANDS = (
    "slew", "track", "park", "unpark", "open", "close", "filter", "focus", "abort", "stop",
    "release",
)  # fmt: skip


def offering(*words: str) -> Callable[[str], list[str]]:
    """Return what tells a shell which of the words begin as what was typed."""

    def begun(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return begun

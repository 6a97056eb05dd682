"""The events of one night, found and read by Events orders alone, each only once.

Where a night begins in the scheduler's history is found by halving, so that a night of last winter
costs some dozens of questions and not the whole history. Coroutines on the front desk's loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from ctmo_indi.web.night_facts import Attempt, Hold, add_attempts, begun, holds
from ctmo_indi.web.wire_readers import Wire, number, text, unix_s

Ask = Callable[[Mapping[str, object]], Awaitable[Wire]]
"""Puts one Work Order to the scheduler's desk in the name of who looks at the page."""

DONE_KINDS = ("attempt", "target", "verdict")
_VERDICTS = ("verdict",)
_PAGE = 500
_MOST_PAGES = 20
_MOST_HALVINGS = 40


class NightHistory:
    """What happened in a night, up to now.

    Parameters
    ----------
    begin_s, end_s
        Mean local noon and noon, Unix seconds.
    """

    def __init__(self, begin_s: float, end_s: float) -> None:
        self._begin_s, self._end_s = begin_s, end_s
        self._cursor: int | None = None
        self._attempts: dict[str, Attempt] = {}
        self._verdicts: list[Wire] = []
        self.is_whole = False
        """Everything of the night was read: nothing comes any more."""

    async def read(self, ask: Ask) -> bool:
        """Read what is new; whether there was something.

        Raises
        ------
        CtmoError, TimeoutError
            The desk's; what was read before stays.
        """
        if self.is_whole:
            return False
        if self._cursor is None:
            newest = int(number((await ask(_events(None, _VERDICTS, 1))).get("Cursor"), 0.0))
            begin, _ = await _last_before(ask, DONE_KINDS, self._begin_s, newest)
            _, verdict = await _last_before(ask, _VERDICTS, self._begin_s, newest)
            if verdict is not None:
                self._verdicts.append(verdict)
            self._cursor = begin
        is_new = False
        for _ in range(_MOST_PAGES):
            reply = await ask(_events(self._cursor, DONE_KINDS, _PAGE))
            told = _listed(reply)
            mine = [one for one in told if self._begin_s <= unix_s(one.get("UTC")) < self._end_s]
            is_new = is_new or bool(mine)
            self._attempts = add_attempts(self._attempts, mine)
            self._verdicts += [one for one in mine if one.get("Kind") == "verdict"]
            self._cursor = int(number(reply.get("Cursor"), float(self._cursor)))
            if any(unix_s(one.get("UTC")) >= self._end_s for one in told):
                self.is_whole = True
                break
            if len(told) < _PAGE:
                break
        return is_new

    def attempts(self) -> tuple[Attempt, ...]:
        """Return the attempts begun in the night, in order."""
        return begun(self._attempts.values(), self._begin_s, self._end_s)

    def holds(self) -> tuple[Hold, ...]:
        """Return when safety held the night up."""
        return holds(self._verdicts, self._begin_s, self._end_s)


async def _last_before(
    ask: Ask, kinds: Sequence[str], before_s: float, newest: int
) -> tuple[int, Wire | None]:
    """Return the last event of some kinds before an instant, and the cursor at it; 0, None: none.

    The cursor is that after which the events of these kinds from the instant on come.
    """
    low, high = -1, newest  # after low the next one is too old; after high it is not, or is none
    last: Wire | None = None
    for _ in range(_MOST_HALVINGS):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        found = next(iter(_listed(await ask(_events(middle, kinds, 1)))), None)
        if found is not None and unix_s(found.get("UTC")) < before_s:
            last = found
            low = max(middle, int(number(found.get("Revision"), 0.0)) - 1)
        else:
            high = middle
    return (0, None) if last is None else (int(number(last.get("Revision"), 0.0)), last)


def _events(cursor: int | None, kinds: Sequence[str], limit: int) -> dict[str, object]:
    order: dict[str, object] = {"WOType": "Events", "Kinds": list(kinds), "Limit": limit}
    return order if cursor is None else order | {"Cursor": cursor}


def _listed(reply: Wire) -> list[Wire]:
    found = reply.get("Events")
    listed = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    return [one for one in listed if text(one.get("Kind"))]

"""State machines written as tables.

A :class:`TransitionTable` is the whole behaviour: which event or command leads from which state to
which. Work orders, attempts, the CSC and the observatory each have one, in one file each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from ctmo_indi.errors import WrongState

StateT = TypeVar("StateT", bound=StrEnum)


class TransitionTable(Generic[StateT]):
    """Which states may follow which.

    Parameters
    ----------
    name
        What the table is about, for messages: "order", "attempt" ...
    allowed
        For each state the states that may follow it. A state without successors is terminal.
    """

    def __init__(self, name: str, allowed: Mapping[StateT, Iterable[StateT]]) -> None:
        self.name = name
        self._allowed: dict[StateT, frozenset[StateT]] = {
            state: frozenset(after) for state, after in allowed.items()
        }

    @property
    def states(self) -> frozenset[StateT]:
        """Every state of the table."""
        return frozenset(self._allowed)

    def successors(self, state: StateT) -> frozenset[StateT]:
        """States that may follow ``state``."""
        return self._allowed[state]

    def predecessors(self, state: StateT) -> frozenset[StateT]:
        """States that ``state`` may follow."""
        return frozenset(before for before, after in self._allowed.items() if state in after)

    def is_terminal(self, state: StateT) -> bool:
        """True when nothing follows ``state``."""
        return not self._allowed[state]

    def allows(self, before: StateT, after: StateT) -> bool:
        """Whether ``after`` may follow ``before``."""
        return after in self._allowed[before]

    def check(self, before: StateT, after: StateT) -> None:
        """Raise WrongState when ``after`` may not follow ``before``."""
        if not self.allows(before, after):
            expected = ", ".join(sorted(self._allowed[before])) or "nothing: it is final"
            raise WrongState(
                f"{self.name}: {before} cannot become {after}; after {before} comes {expected}"
            )

"""Which states of orders and attempts may follow which. The words are LCO's and Rubin's.

Two rules of the Las Cumbres Observatory's portal look odd in a table of states and are meant: late
data may complete an order that was given up, and an observation found to be bad reopens a completed
one. So ``TransitionTable.is_terminal`` is not the question a waiting client asks; that is
:data:`SETTLED_ORDERS`.
"""

from __future__ import annotations

from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.state_machine import TransitionTable

_O = OrderState
_A = AttemptState

ORDER_TABLE: TransitionTable[OrderState] = TransitionTable(
    "order",
    {
        _O.RECEIVED: (_O.REJECTED, _O.PENDING),
        _O.REJECTED: (),
        # COMPLETED from a waiting state: frames of an attempt turn up after a restart.
        _O.PENDING: (_O.HELD, _O.SCHEDULED, _O.COMPLETED, _O.CANCELED, _O.WINDOW_EXPIRED),
        _O.HELD: (_O.PENDING, _O.COMPLETED, _O.CANCELED, _O.WINDOW_EXPIRED),
        _O.SCHEDULED: (
            _O.PENDING,
            _O.IN_PROGRESS,
            _O.COMPLETED,
            _O.CANCELED,
            _O.WINDOW_EXPIRED,
        ),
        _O.IN_PROGRESS: (
            _O.PENDING,
            _O.COMPLETED,
            _O.CANCELED,
            _O.WINDOW_EXPIRED,
            _O.FAILURE_LIMIT_REACHED,
        ),
        _O.COMPLETED: (_O.PENDING,),  # BAD_DATA
        _O.CANCELED: (_O.COMPLETED,),  # late data
        _O.WINDOW_EXPIRED: (_O.COMPLETED,),
        _O.FAILURE_LIMIT_REACHED: (_O.COMPLETED,),
    },
)

ATTEMPT_TABLE: TransitionTable[AttemptState] = TransitionTable(
    "attempt",
    {
        _A.PENDING: (_A.IN_PROGRESS, _A.NOT_ATTEMPTED, _A.CANCELED),
        _A.IN_PROGRESS: (_A.COMPLETED, _A.INTERRUPTED, _A.FAILED, _A.ABORTED),
        _A.COMPLETED: (_A.BAD_DATA,),
        _A.INTERRUPTED: (),
        _A.FAILED: (),
        _A.ABORTED: (),
        _A.NOT_ATTEMPTED: (),
        _A.CANCELED: (),
        _A.BAD_DATA: (),
    },
)

#: States in which nothing more happens by itself: a client that waits for an order stops here.
SETTLED_ORDERS: frozenset[OrderState] = frozenset(
    {_O.REJECTED, _O.COMPLETED, _O.CANCELED, _O.WINDOW_EXPIRED, _O.FAILURE_LIMIT_REACHED}
)

#: The same for attempts.
SETTLED_ATTEMPTS: frozenset[AttemptState] = frozenset(_A) - {_A.PENDING, _A.IN_PROGRESS}

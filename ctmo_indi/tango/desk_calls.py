"""Send one order to one or several front desks, with an answer in time whatever they do."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Mapping, Sequence

from ctmo_indi.clock import Clock
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.errors import BadOrder, CtmoError, InternalError, ServiceUnreachable
from ctmo_indi.tango.spec import Order, Reply

LONGEST_S = 2.7
"""Machine seconds for an answer: Tango's clients wait three."""

_NOT_OF_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_Answer = tuple[str, Reply | CtmoError]


def carried(order: Order) -> Order:
    """Return ``order``; BadOrder for a text with a character that XML, and so XML-RPC, has not."""
    waiting: list[tuple[str, object]] = [("", order)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, str) and (found := _NOT_OF_XML.search(value)):
            where = place.lstrip(".") or "the order"
            raise BadOrder(f"{where}: came the character {found[0]!a}, which XML has not")
        if isinstance(value, Mapping):
            waiting += [(f"{place}.{key}", part) for key, part in value.items()]
            waiting += [(f"{place}.{key!a}", key) for key in value]
        elif isinstance(value, list | tuple):
            waiting += [(place, part) for part in value]
    return order


class DeskCalls:
    """Asks desks; thread-safe. Each call blocks its thread for at most :data:`LONGEST_S`.

    Parameters
    ----------
    desks
        Client of each service by its name; they give up a little earlier than we do.
    """

    def __init__(self, desks: Mapping[str, DeskClient], clock: Clock) -> None:
        self._desks = desks
        self._clock = clock

    def ask(self, services: Sequence[str], order: Order) -> Reply:
        """Send ``order`` to all ``services`` at once; return the best answer of those that took it.

        The best is of the last service that took it: the one with the most to tell stands last.

        Raises
        ------
        CtmoError
            Nobody took it: a refusal, of the first that refused, before a silence.
        ServiceUnreachable
            None answered in time. The order may have been carried out.
        """
        answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        for service in services:
            threading.Thread(
                target=self._ask_one, args=(service, order, answers), daemon=True
            ).start()
        end_s = self._clock.machine_s() + LONGEST_S
        taken: dict[str, Reply] = {}
        refused: dict[str, CtmoError] = {}
        while len(taken) + len(refused) < len(services):
            left_s = end_s - self._clock.machine_s()
            try:
                service, answer = answers.get(timeout=max(0.0, left_s))
            except queue.Empty:
                break
            if isinstance(answer, CtmoError):
                refused[service] = answer
            else:
                taken[service] = answer
        if taken:
            return next(taken[service] for service in reversed(services) if service in taken)
        if refused:
            spoken = [each for each in refused.values() if not isinstance(each, ServiceUnreachable)]
            raise (spoken or list(refused.values()))[0]
        raise ServiceUnreachable(
            f"{' and '.join(services)} gave no answer within {LONGEST_S:g} s; the order may have"
            " been carried out, State tells"
        )

    def _ask_one(self, service: str, order: Order, answers: queue.SimpleQueue[_Answer]) -> None:
        try:
            answers.put((service, self._desks[service].front_desk(order)))
        except CtmoError as error:
            answers.put((service, error))
        except Exception as error:  # noqa: BLE001 - a thread's outermost line: told to who waits
            answers.put((service, InternalError(f"{type(error).__name__}: {error}")))

"""The flat-field panel: what we have lit goes out again, whatever happens meanwhile.

It is lit for flats only, and is ours from the INTENT in the journal until it has taken the command
to go out. A kill in a flat, and a link, a stop or a lock in the way at its end, are one case then:
the panel is ours and no flat is under way. The engine puts it out as soon as it may, and tries
again after a pause. A panel that somebody else has lit is left to him while nothing is exposed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError, InvalidCommand
from ctmo_indi.profiles import Role
from ctmo_indi.store.journal import Outcome
from ctmo_indi.telescope.hands import Hands
from ctmo_indi.telescope.lamp_book import LampBook
from ctmo_indi.telescope.procedure import All, Steps, Until

_log = logging.getLogger(__name__)

PUT_OUT_S = 20.0
STORE_MACHINE_S = 60.0
AGAIN_MACHINE_S = 10.0
AWAY_MACHINE_S = 60.0
"""How long what must not be taken by its light waits for a panel that is not connected."""


class Lamp:
    """Engine thread only, but for :meth:`recall`.

    Parameters
    ----------
    publish
        See :class:`~ctmo_indi.telescope.engine_parts.EngineParts`.
    """

    def __init__(
        self,
        hands: Hands,
        book: LampBook,
        clock: Clock,
        publish: Callable[[str, str, dict[str, object]], int],
    ) -> None:
        self._hands = hands
        self._book = book
        self._clock = clock
        self._publish = publish
        self._is_busy = False
        self._is_overdue = False
        self._again_machine_s = 0.0
        self._there_machine_s = clock.machine_s()
        self.is_ours = False

    def recall(self, attempt_ids: Sequence[str]) -> None:
        """Take over what attempts before a restart have lit; before the engine starts."""
        if attempt_ids:
            self.is_ours = True
            self._tell_overdue(f"restart in the flats of {', '.join(attempt_ids)}")

    def look(self) -> None:
        """See since when the panel has been away while others were there; at every turn."""
        if not self.is_ours or self.is_there or not self._hands.sight().link_up:
            self._there_machine_s = self._clock.machine_s()

    @property
    def is_there(self) -> bool:
        """Whether the panel can be told something."""
        sight = self._hands.sight()
        return sight.link_up and Role.LIGHT_PANEL not in sight.lost

    @property
    def is_away_long(self) -> bool:
        """Whether it is useless to wait for it: a panel without power is dark, too."""
        return self._clock.machine_s() - self._there_machine_s > AWAY_MACHINE_S

    @property
    def is_due(self) -> bool:
        """Whether to put it out now, since nothing needs it."""
        is_time = self._clock.machine_s() >= self._again_machine_s
        return self.is_ours and not self._is_busy and is_time and self.is_there

    @property
    def must_go_out(self) -> bool:
        """Whether a frame taken now, other than a flat, would be taken by its light."""
        return self._hands.sight().lamp is True or (self.is_ours and self.is_there)

    def intend(self, attempt_id: str) -> Steps[None]:
        """Make it ours, durably: it may be lit then; to be followed by :meth:`put_out`."""
        yield Until(lambda: not self._is_busy, PUT_OUT_S, "the lamp goes out")
        if self.is_ours:
            return
        self.is_ours = True
        yield All((self._book.intend(attempt_id),), 0.0, "the journal", STORE_MACHINE_S)

    def put_out(self) -> Steps[None]:
        """Switch it off, whoever has lit it; what fails is tried again while it is ours.

        Raises
        ------
        DeviceError, SafetyError
            It may still be lit; told once.
        """
        self._is_busy = True
        try:
            yield All((self._hands.lamp(False),), PUT_OUT_S, "lamp off")
        except InvalidCommand as error:  # the profile has no panel, or none any more
            self._settle(Outcome.UNKNOWN, str(error))
            raise
        except CtmoError as error:
            if self.is_ours and not self._is_overdue:
                self._tell_overdue(str(error))
            raise
        finally:
            self._is_busy = False
            self._again_machine_s = self._clock.machine_s() + AGAIN_MACHINE_S
        if self._is_overdue:
            self._tell("the flat-field panel was put out")
        self._settle(Outcome.DONE, "")

    def _settle(self, outcome: Outcome, detail: str) -> None:
        if self.is_ours:
            self.is_ours = self._is_overdue = False
            self._book.settle(outcome, detail)

    def _tell_overdue(self, why: str) -> None:
        self._is_overdue = True
        self._tell(
            f"the flat-field panel may be lit since a flat: {why}; it is put out when it can be"
        )

    def _tell(self, text: str) -> None:
        _log.warning("light_panel notice=%r", text)
        self._publish("recovery", Role.LIGHT_PANEL.value, {"Notice": text})

"""Gather the conditions of a decision: one question to the telescope, in the driver's thread.

A telescope that does not answer is no fault: the conditions say so, and nothing is decided on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.scheduler.safety_link import VerdictNews
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.target import PendingOrder
from ctmo_indi.script_queue.peer import FrontDesk

Values = Mapping[str, float | tuple[float, ...]]

_QUESTION: dict[str, object] = {"WOType": "Status", "User": "scheduler"}


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Puts conditions together.

    Parameters
    ----------
    telescope
        Its desk, for Status.
    telemetry
        Gives the value of each telemetry stream; any thread.
    """

    telescope: FrontDesk
    clock: Clock
    telemetry: Callable[[], Values]

    def gather(
        self,
        pending: tuple[PendingOrder, ...],
        news: VerdictNews | None,
        not_before_utc_s: Mapping[str, float] = MappingProxyType({}),
        queued: frozenset[str] | None = None,
    ) -> Conditions:
        """Return what is known now; blocks for the telescope's time-out at most.

        Parameters
        ----------
        not_before_utc_s
            Targets of the driver's own that rest, as Conditions has them.
        queued
            What stays on the script queue, as Conditions has it.
        """
        observatory, state, trouble, takeover = ObservatoryState.UNKNOWN, None, "", ""
        try:
            reply = self.telescope.front_desk(_QUESTION)
            observatory = ObservatoryState(str(reply.get("Observatory")))
            state = model_state(reply.get("Devices"), observatory, self.clock.utc())
            takeover = str(reply.get("Held") or "")
        except (CtmoError, ValueError) as error:
            trouble, takeover = str(error), news.takeover if news is not None else ""
        age_s = float("inf")
        if news is not None:
            age_s = self.clock.machine_s() - news.asked_machine_s
        return Conditions(
            utc=self.clock.utc(),
            observatory=observatory,
            verdict=news.verdict if news is not None else None,
            verdict_age_s=age_s,
            telescope_answers=not trouble,
            pending=pending,
            telescope_trouble=trouble,
            takeover=takeover,
            state=state,
            telemetry=self.telemetry(),
            not_before_utc_s=not_before_utc_s,
            queued=queued,
        )


def model_state(
    devices: object, observatory: ObservatoryState, utc: datetime
) -> ObservatoryModelState | None:
    """Return the real observatory as the model knows it; None when nothing is known of the devices.

    Parameters
    ----------
    devices
        "Devices" of the telescope's Status.
    """
    with FIRST_IMPORT:
        # Heavy: only the driver's thread needs it.
        from ctmo_indi.models.dome_geometry import TubeSide

    if not isinstance(devices, Mapping):
        return None
    mount, dome, wheel = (_struct(devices, key) for key in ("Mount", "Dome", "Filter Wheel"))
    ra_deg, dec_deg = _number(mount, "RA"), _number(mount, "Dec")
    is_parked = mount.get("Parked") is True
    is_placed = not is_parked and ra_deg is not None and dec_deg is not None
    side = mount.get("Pier Side")
    filter_name = wheel.get("Filter")
    return ObservatoryModelState(
        utc_s=utc.timestamp(),
        ra_deg=ra_deg if is_placed else None,
        dec_deg=dec_deg if is_placed else None,
        is_tracking=mount.get("Tracking") is True,
        is_parked=is_parked,
        dome_azimuth_deg=_number(dome, "Azimuth"),
        filter_name=filter_name if isinstance(filter_name, str) and filter_name else None,
        is_open=observatory is ObservatoryState.OPEN,
        tube_side=next((one for one in TubeSide if one == side), None),
    )


def _struct(devices: Mapping[str, object], key: str) -> Mapping[str, object]:
    part = devices.get(key)
    return part if isinstance(part, Mapping) else {}


def _number(part: Mapping[str, object], key: str) -> float | None:
    value = part.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]  # it is one, as just said

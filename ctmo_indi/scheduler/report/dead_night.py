"""Whether a night is to be told as dead: it could have observed and did nothing. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ctmo_indi.models.states import FrameType
from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.scheduler.report.facts_of_states import lasting
from ctmo_indi.scheduler.report.ledger import Fact, Span, ledger, sums_ms
from ctmo_indi.scheduler.report.loss_classes import ROW_OF, LossClass
from ctmo_indi.scheduler.report.night_data import NightData

ENOUGH_SAFE_S = 3600.0
"""Sky seconds of a safe verdict, nobody's hand on it, in which a night can do something."""

NO_RECORD_SHARE = 0.999


def could_observe_s(data: NightData) -> float:
    """Return for how long safety said SAFE, nobody held the observatory and there is a record."""
    could = LossClass.OVERHEAD
    facts = [
        Fact(could, one.begin_utc_s, one.end_utc_s)
        for one in lasting(data, "verdict")
        if one.data.get("Level") == VerdictLevel.SAFE
    ]
    facts += [
        Fact(LossClass.HELD, one.begin_utc_s, one.end_utc_s)
        for one in lasting(data, "held")
        if one.data.get("Held")
    ]
    facts += [
        Fact(LossClass.SAFETY, one.begin_utc_s, one.end_utc_s)
        for one in lasting(data, "safetyLink")
        if one.data.get("Answers") is not True
    ]
    facts += [Fact(LossClass.UNKNOWN, one.begin_utc_s, one.end_utc_s) for one in data.silences]
    return sums_ms(ledger(facts, data.begin_utc_s, data.end_utc_s))[could] / 1000.0


def why_dead(data: NightData, spans: Sequence[Span], observable: int) -> str:
    """Return why a night that is over is a dead one; empty when it is none.

    Parameters
    ----------
    observable
        Orders that could have been observed in it.
    """
    length_s = data.end_utc_s - data.begin_utc_s
    if length_s <= 0.0 or not data.is_whole:
        return ""
    lights = sum(frame.frame_type is FrameType.LIGHT for frame, _ in data.frames)
    if lights:
        return ""
    sums_s = {loss: value / 1000.0 for loss, value in sums_ms(spans).items()}
    first_s = data.first_record_utc_s
    if sums_s[LossClass.UNKNOWN] >= NO_RECORD_SHARE * length_s:
        is_older = first_s is not None and first_s < data.begin_utc_s
        return "there is no record of the whole night: no service ran" if is_older else ""
    could_s = could_observe_s(data)
    if not observable or could_s < ENOUGH_SAFE_S:
        return ""
    worst = max(sums_s, key=lambda loss: sums_s[loss])
    return (
        f"no frame of the sky although {observable} order{'s' * (observable != 1)} could be "
        f"observed and it was safe for {could_s / 3600.0:.1f} h; most of the night: "
        f"{ROW_OF[worst].words}"
    )

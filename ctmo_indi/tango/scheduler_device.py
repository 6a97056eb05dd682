"""Table of the device Scheduler: the component, orders, and everybody's stop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from ctmo_indi.errors import BadOrder
from ctmo_indi.tango.by_hand import control
from ctmo_indi.tango.picture import Seen
from ctmo_indi.tango.spec import (
    Asked,
    AttributeSpec,
    CommandSpec,
    DeviceSpec,
    Kind,
    Mood,
    Order,
    Reply,
)
from ctmo_indi.tango.state_table import State
from ctmo_indi.tango.weather_device import LEVELS, verdict_mood

_SCHEDULER = ("scheduler",)
_NOT_THERE = frozenset({State.INIT, State.UNKNOWN, State.OFF})
_NOT_READY = _NOT_THERE | {State.FAULT}
_TICKET = "Receipt of the ticket; State tells when it is done"


def _command(name: str, **keys: object) -> Callable[[Asked], Order]:
    return lambda _: {"WOType": "Scheduler", "Command": name, **keys}


def _start(asked: Asked) -> Order:
    named = {"Configuration": asked.value} if asked.value else {}
    return {"WOType": "Scheduler", "Command": "start", **named}


def _submitted(asked: Asked) -> Order:
    """Read the order that came as text; only what is kept and carried out later."""
    try:
        order = json.loads(asked.value)
    except (ValueError, RecursionError) as error:
        raise BadOrder(f"came no JSON ({error}), expected an order as a JSON object") from None
    if not isinstance(order, dict):
        raise BadOrder(f"came {type(order).__name__}, expected an order as a JSON object")
    if order.get("WOType", "Observation") != "Observation":
        raise BadOrder(
            f"WOType: came {order['WOType']!r}, expected an Observation, or Request: Exposure"
            " Calibration; the rest are commands of the devices"
        )
    if "Request" in order:
        return order
    return {"WOType": "Observation", **order}


def _of_receipt(kind: str) -> Callable[[Asked], Order]:
    return lambda asked: {"WOType": kind, "Receipt": asked.value}


def _whole(reply: Reply) -> str:
    return json.dumps(reply, default=str)


def _held(key: str) -> Callable[[Seen], object]:
    """Say who holds it and why; "" when nobody does."""

    def words(seen: Seen) -> object:
        held = seen.at("Verdict", key)
        if not isinstance(held, Mapping) or not held:
            return ""
        return f"{held.get('Owner', '')}: {held.get('Reason', '')}"

    return words


SCHEDULER = DeviceSpec(
    name="Scheduler",
    doc="The scheduler: its state, orders, the stop of the whole observatory, locks.",
    service="scheduler",
    attributes=(
        AttributeSpec(
            name="SummaryState", kind=Kind.CHOICE, path=("Summary State",), label="Summary state",
            labels=lambda _: ("OFFLINE", "STANDBY", "DISABLED", "ENABLED", "FAULT"),
            mood=lambda _seen, _profile, value: Mood.ALARM if value == "FAULT" else Mood.VALID,
            doc="Of the component, in Rubin's words.",
        ),
        AttributeSpec(
            name="DetailedState", kind=Kind.TEXT, path=("Detailed State",),
            label="Detailed state", doc="What it is busy with while ENABLED.",
        ),
        AttributeSpec(
            name="Running", kind=Kind.CLAIM, path=("Running",),
            doc="Whether it chooses targets and observes them: between Resume and Stop.",
        ),
        AttributeSpec(
            name="Mode", kind=Kind.TEXT, path=("Mode",), doc="SIMPLE, ADVANCE or DRY.",
        ),
        AttributeSpec(
            name="Configuration", kind=Kind.TEXT, path=("Configuration",),
            doc="What it was started with.",
        ),
        AttributeSpec(
            name="Script", kind=Kind.TEXT, read=lambda seen: seen.at("Current", "Script") or "",
            doc="The script that runs; empty when none does.",
        ),
        AttributeSpec(
            name="Waiting", kind=Kind.WHOLE,
            read=lambda seen: None if seen.at("Queue") is None else len(seen.at("Queue")),
            doc="Scripts that wait in its queue.",
        ),
        AttributeSpec(
            name="Reasons", kind=Kind.TEXTS, path=("Reasons",),
            doc="Why nothing is observed now.",
        ),
        AttributeSpec(
            name="ErrorCode", kind=Kind.WHOLE, path=("Error Code",), label="Error code",
            doc="Why it is in FAULT; 0 when it is not.",
        ),
        AttributeSpec(
            name="ErrorReport", kind=Kind.TEXT, path=("Error Report",), label="Error report",
            doc="The same in words.",
        ),
        AttributeSpec(
            name="Verdict", kind=Kind.CHOICE, path=("Verdict", "Level"),
            labels=lambda _: LEVELS, mood=verdict_mood, doc="Safety's, as the scheduler knows it.",
        ),
        AttributeSpec(
            name="LockedBy", kind=Kind.TEXT, read=_held("Lock"), label="Locked by",
            doc="Who holds the observatory, and why; empty when nobody does.",
        ),
        AttributeSpec(
            name="StoppedBy", kind=Kind.TEXT, read=_held("Latch"), label="Stopped by",
            mood=lambda _seen, _profile, value: Mood.ALARM if value else Mood.VALID,
            doc="Who pressed stop, and why; empty when nobody did.",
        ),
    ),
    commands=(
        CommandSpec(
            name="Start", takes=Kind.TEXT, argument="name of a configuration; empty: the site's",
            asks=_SCHEDULER, order=_start, answer=_TICKET, never_in=_NOT_READY,
            doc="STANDBY to DISABLED.",
        ),
        CommandSpec(
            name="Enable", asks=_SCHEDULER, order=_command("enable"), answer=_TICKET,
            never_in=_NOT_READY, doc="DISABLED to ENABLED; nothing is observed before Resume.",
        ),
        CommandSpec(
            name="Disable", asks=_SCHEDULER, order=_command("disable"), answer=_TICKET,
            never_in=_NOT_READY, doc="ENABLED to DISABLED, gently.",
        ),
        CommandSpec(
            name="Standby", asks=_SCHEDULER, order=_command("standby"), answer=_TICKET,
            never_in=_NOT_THERE, doc="DISABLED or FAULT to STANDBY.",
        ),
        CommandSpec(
            name="Resume", asks=_SCHEDULER, order=_command("resume"), answer=_TICKET,
            never_in=_NOT_READY, doc="Choose targets and observe them.",
        ),
        CommandSpec(
            name="Stop", asks=_SCHEDULER, order=_command("stop"), answer=_TICKET,
            doc="Choose no further target; what is under way goes on. Always allowed.",
        ),
        CommandSpec(
            name="StopNow", asks=_SCHEDULER, order=_command("stop", Abort=True), answer=_TICKET,
            doc="The same, and end what is under way. Always allowed.",
        ),
        CommandSpec(
            name="Exit", asks=_SCHEDULER, order=_command("exitControl"), answer=_TICKET,
            never_in=_NOT_THERE, doc="STANDBY or FAULT to OFFLINE: the scheduler's process ends.",
        ),
        CommandSpec(
            name="SubmitOrder", takes=Kind.TEXT,
            argument="an Observation, or an Exposure Calibration, as a JSON object",
            asks=_SCHEDULER, order=_submitted, answer="Receipt of the order", never_in=_NOT_THERE,
            doc="Hand in an order; it is kept in FAULT, too.",
        ),
        CommandSpec(
            name="CancelOrder", takes=Kind.TEXT, argument="Receipt", asks=_SCHEDULER,
            order=_of_receipt("Cancel"), gives=lambda reply: str(reply.get("Status", "")),
            answer="Status of the order", never_in=_NOT_THERE,
            doc="Give up an order; frames already taken are kept.",
        ),
        CommandSpec(
            name="OrderStatus", takes=Kind.TEXT, argument="Receipt, also of a ticket",
            asks=_SCHEDULER, order=_of_receipt("Status"), gives=_whole,
            answer="the reply as a JSON object", never_in=_NOT_THERE,
            doc="How it is with an order, or a command of this device.",
        ),
        CommandSpec(
            name="Explain", takes=Kind.TEXT, argument="Receipt", asks=_SCHEDULER,
            order=_of_receipt("Explain"), gives=_whole, answer="the reply as a JSON object",
            never_in=_NOT_THERE, doc="Why an order can start now or not, and when it can.",
        ),
        CommandSpec(
            name="EmergencyStop", asks=("safety", "telescope"),
            order=lambda _: control("stop", Reason="EmergencyStop by Tango"),
            answer="Receipt of the stop, empty where only safety answered",
            doc="Stop every motion and the exposure now; nothing moves before Release. Always"
            " allowed, and without the scheduler.",
        ),
        CommandSpec(
            name="Release", asks=("telescope", "safety"), order=lambda _: control("release"),
            answer="empty", doc="End a stop, or a takeover by another INDI client.",
        ),
        CommandSpec(
            name="Lock", takes=Kind.TEXT, argument="why, for everybody to read",
            asks=("safety",), order=lambda asked: control("lock", Reason=asked.value),
            answer="empty", doc="The manager keeps its hands off; safety still closes.",
        ),
        CommandSpec(
            name="LockForMaintenance", takes=Kind.TEXT, argument="why, for everybody to read",
            asks=("safety",), answer="empty",
            order=lambda asked: control("lock", Kind="maintenance", Reason=asked.value),
            doc="Nothing moves at all, not even to close.",
        ),
        CommandSpec(
            name="Unlock", asks=("safety",), order=lambda _: control("unlock"), answer="empty",
            doc="End a lock of one's own.",
        ),
    ),
)  # fmt: skip

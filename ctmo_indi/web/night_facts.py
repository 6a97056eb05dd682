"""What happened in a night: read from the scheduler's events.

Pure: events as they come over the wire in, frozen values out. What an event does not tell, or tells
in another form than expected, is left out, never guessed. Imports nothing large.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ctmo_indi.web.plan_facts import PlanFacts, Visit
from ctmo_indi.web.wire_readers import Wire, number, struct, structs, text, unix_s

BEGUN = frozenset({"IN_PROGRESS"})
OPEN = frozenset({"PENDING", "IN_PROGRESS"})
NEVER_BEGAN = frozenset({"PENDING", "NOT_ATTEMPTED", "CANCELED"})
SAFE = "SAFE"
DAYLIGHT_RULE = "sun"
"""The rule of safety that holds every day: no hold worth a place in the picture of a night."""

MOST_REASON = 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """One observation that was begun.

    Parameters
    ----------
    name, receipt
        Of the attempt (A-...) and of its order (O-...).
    start_s, end_s
        Unix seconds; ``end_s`` None while it lasts.
    ra_deg, dec_deg
        ICRS; NaN where the sky is not needed, or not told.
    status
        IN_PROGRESS, COMPLETED, FAILED, INTERRUPTED ...
    """

    name: str
    receipt: str
    start_s: float
    end_s: float | None
    status: str
    reason: str = ""
    label: str = ""
    filter_name: str = ""
    frame_type: str = ""
    ra_deg: float = math.nan
    dec_deg: float = math.nan
    count: int = 0
    exposure_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """A time (Unix seconds) in which safety did not let observe; ``to_s`` None: it lasts."""

    from_s: float
    to_s: float | None
    level: str
    reasons: tuple[str, ...]


def under_way(attempts: Iterable[Attempt], visits: Iterable[Visit]) -> dict[str, Visit | None]:
    """Return what runs: the order's receipt, and the visit of the plan it is, where it is one."""
    found: dict[str, Visit | None] = {one.receipt: None for one in attempts if one.end_s is None}
    for visit in visits:  # of a series only the first
        if visit.receipt in found and found[visit.receipt] is None:
            found[visit.receipt] = visit
    return found


@dataclass(frozen=True, slots=True)
class NightFacts:
    """What is known of a night.

    Parameters
    ----------
    night
        The evening's date, YYYYMMDD.
    now_s
        Sky time, Unix seconds.
    plan
        None where there is none; ``no_plan`` says why.
    attempts
        Begun in this night, in order.
    trouble
        What could not be found out, for people.
    """

    night: str
    now_s: float
    plan: PlanFacts | None
    no_plan: str
    attempts: tuple[Attempt, ...]
    holds: tuple[Hold, ...]
    trouble: tuple[str, ...] = ()


def add_attempts(known: Mapping[str, Attempt], events: Iterable[Wire]) -> dict[str, Attempt]:
    """Return the attempts of a night with what "attempt" and "target" events add, by name.

    Parameters
    ----------
    events
        Oldest first; of other kinds are passed over. An attempt begins when it is IN_PROGRESS.
    """
    found = dict(known)
    for event in events:
        name, data = text(event.get("Subject")), struct(event.get("Data"))
        if event.get("Kind") == "target":
            if name:
                at_s = unix_s(event.get("UTC"))
                held = found.get(name) or Attempt(name, "", at_s, None, "PENDING")
                found[name] = _with_target(held, data)
        elif event.get("Kind") == "attempt" and name:
            at_s, status = unix_s(event.get("UTC")), text(data.get("Status"))
            held = found.get(name) or Attempt(name, "", at_s, None, "PENDING")
            if status in BEGUN and held.status not in BEGUN:
                held = replace(held, start_s=at_s)
            has_ended = status not in OPEN
            found[name] = replace(
                held,
                receipt=text(data.get("Parent")) or held.receipt,
                end_s=at_s if has_ended else None,
                status=status,
                reason=text(data.get("Reason"))[:MOST_REASON],
            )
    return found


def begun(attempts: Iterable[Attempt], begin_s: float, end_s: float) -> tuple[Attempt, ...]:
    """Return those that began in a span of Unix seconds, in order."""
    listed = [
        one for one in attempts if one.status not in NEVER_BEGAN and begin_s <= one.start_s < end_s
    ]
    return tuple(sorted(listed, key=lambda one: one.start_s))


def _with_target(held: Attempt, data: Wire) -> Attempt:
    return replace(
        held,
        receipt=text(data.get("Parent")) or held.receipt,
        label=text(data.get("Object")),
        filter_name=text(data.get("Filter")),
        frame_type=text(data.get("Frame Type")),
        ra_deg=number(data.get("RA")),
        dec_deg=number(data.get("Dec")),
        count=int(number(data.get("Number of Exposures"), 0.0)),
        exposure_s=number(data.get("Exposure Time"), 0.0),
    )


def holds(verdicts: Iterable[Wire], begin_s: float, end_s: float) -> tuple[Hold, ...]:
    """Return when safety held a night up, from its "verdict" events, oldest first.

    Parameters
    ----------
    begin_s, end_s
        Unix seconds; what lasted over an end is cut there. ``end_s`` may be now.

    Notes
    -----
    A verdict that only says that the Sun is up is none of the night's.
    """
    found: list[Hold] = []
    for event in verdicts:
        data, at_s = struct(event.get("Data")), unix_s(event.get("UTC"))
        if not math.isfinite(at_s):
            continue
        if found and found[-1].to_s is None:
            found[-1] = replace(found[-1], to_s=at_s)
        level = text(data.get("Level"))
        rules = {text(rule.get("Rule")) for rule in structs(data.get("Rules"))}
        if level in ("", SAFE) or rules == {DAYLIGHT_RULE}:
            continue
        said = data.get("Reasons")
        reasons = tuple(text(one)[:MOST_REASON] for one in said) if isinstance(said, list) else ()
        found.append(Hold(at_s, None, level, reasons))
    return tuple(
        replace(
            one,
            from_s=max(one.from_s, begin_s),
            to_s=None if one.to_s is None else min(one.to_s, end_s),
        )
        for one in joined(found)
        if one.from_s < end_s and (one.to_s is None or one.to_s > begin_s)
    )


def joined(found: Iterable[Hold]) -> list[Hold]:
    """Return holds with those that follow at once on one of the same level made one."""
    one_after_another: list[Hold] = []
    for hold in found:
        last = one_after_another[-1] if one_after_another else None
        if last is not None and last.to_s == hold.from_s and last.level == hold.level:
            # reasons carry ages and values: the first of a rule tells what it was
            more = tuple(one for one in hold.reasons if _gist(one) not in map(_gist, last.reasons))
            one_after_another[-1] = replace(last, to_s=hold.to_s, reasons=last.reasons + more)
        else:
            one_after_another.append(hold)
    return one_after_another


def _gist(reason: str) -> str:
    return "".join(letter for letter in reason if not letter.isdigit())

"""The observatory at a glance: a screen of lines made of what its services say.

Pure: replies in, lines out; :mod:`ctmo_indi.cli.status` asks for them. What a reply does not
have is left out.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ctmo_indi.web.wire_readers import Wire, number, struct, structs, text, unix_s

OPEN_STATES = ("IN_PROGRESS", "SCHEDULED", "PENDING", "HELD", "RECEIVED")
_ENDED_STATES = ("COMPLETED", "FAILURE_LIMIT_REACHED", "WINDOW_EXPIRED", "CANCELED", "REJECTED")
_DOES = {
    "WAITING_NEXT_TARGET_TIMER_TASK": "waits for a target",
    "GENERATING_TARGET_QUEUE": "chooses targets",
    "COMPUTING_PREDICTED_SCHEDULE": "predicts",
    "QUEUEING_TARGET": "queues a target",
}
_HEADING = 13
_NARROWEST = 20
_MOST_REASONS = 3
_OF_AN_ORDER = re.compile(r"O-[0-9A-Z]+: ")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was told, and by whom.

    Parameters
    ----------
    replies
        Status of each service that answered.
    silent
        Why each of the others did not, by service.
    names
        The order behind each receipt of an order or attempt that runs or is next, as far as known.
    night
        The last event "generalInfo" of the scheduler; empty when there is none.
    """

    replies: Mapping[str, Wire]
    silent: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Wire] = field(default_factory=dict)
    night: Wire = field(default_factory=dict)


def lines(seen: Seen, width: int) -> Iterator[str]:
    """Yield the lines, none longer than ``width`` characters where words can be broken."""
    for heading, told in _rows(seen):
        for one, part in enumerate(told):
            wrapped = textwrap.wrap(
                part, max(width - _HEADING - 1, _NARROWEST), subsequent_indent="  "
            )
            for place, piece in enumerate(wrapped):
                label = heading if one == 0 and place == 0 else ""
                yield f"{label:{_HEADING}} {piece}"


def _rows(seen: Seen) -> Iterator[tuple[str, list[str]]]:
    """Yield heading and texts; what people look for first comes first."""
    scheduler, telescope = seen.replies.get("scheduler", {}), seen.replies.get("telescope", {})
    safety = seen.replies.get("safety", {})
    utc = next((text(one.get("UTC")) for one in (scheduler, safety) if one.get("UTC")), "")
    if utc:
        yield "UTC", [f"{utc[:10]} {utc[11:19]}{_night(seen.night, unix_s(utc))}"]
    yield "verdict", list(_verdict(seen))
    yield from _alarms(scheduler, telescope, safety)
    if scheduler:
        yield "now", _now(seen, scheduler, telescope)
        yield "next", _next(seen, scheduler)
        yield "orders", [_orders(scheduler)]
    devices = struct((telescope or safety).get("Devices"))
    yield from _devices(devices)
    for service in (*seen.replies, *seen.silent):
        words = _service(service, seen)
        if words:
            yield service, [words]


def _night(night: Wire, now_s: float) -> str:
    """Say whether it is night, and when the Sun sets or rises next."""
    if not night:
        return ""
    is_dark = night.get("Is Night") is True
    coming = [
        (at_s, verb, text(night.get(key)))
        for key, verb in (("Sunset", "the Sun sets"), ("Sunrise", "the Sun rises"))
        if (at_s := unix_s(night.get(key))) > now_s
    ]
    if not coming:
        return "; dark" if is_dark else "; day"
    at_s, verb, instant = min(coming)
    light = "day" if verb.endswith("sets") else "twilight"
    return f"; {'dark' if is_dark else light}, {verb} at {instant[11:16]}, in {span(at_s - now_s)}"


def _verdict(seen: Seen) -> Iterator[str]:
    """Yield the verdict, whose it is and how old, then its reasons with their ages."""
    age_key = "Verdict Age"
    for service, key in (("safety", age_key), ("telescope", ""), ("scheduler", age_key)):
        reply = seen.replies.get(service, {})
        verdict = struct(reply.get("Verdict"))
        if not verdict:
            continue
        age_s = number(reply.get(key) if key else verdict.get("Age"))
        whose = "" if service == "safety" else f", as {service} heard it"
        yield f"{verdict.get('Level')}, {_ago(age_s)}{whose}"
        rules = [one for one in structs(verdict.get("Rules")) if one.get("Level") != "SAFE"]
        for rule in rules:
            of_age = number(rule.get("Age"))
            yield f"- {rule.get('Text')}" + ("" if math.isnan(of_age) else f" ({_ago(of_age)})")
        said = {str(rule.get("Text")) for rule in rules}
        reasons = verdict.get("Reasons")
        for reason in reasons if isinstance(reasons, list) else ():
            if reason not in said:
                yield f"- {reason}"
        return
    yield "UNKNOWN: nobody tells it, so nothing opens"


def _ago(age_s: float) -> str:
    return "of unknown age" if math.isnan(age_s) or age_s > 1e8 else f"{span(age_s)} ago"


def _alarms(scheduler: Wire, telescope: Wire, safety: Wire) -> Iterator[tuple[str, list[str]]]:
    """Yield what somebody should do something about."""
    alarms = dict.fromkeys(filter(None, (text(one.get("Alarm")) for one in (safety, telescope))))
    if text(scheduler.get("Error Report")):
        alarms[text(scheduler["Error Report"])] = None
    if alarms:
        yield "ALARM", list(alarms)
    verdict = struct((safety or telescope or scheduler).get("Verdict"))
    held = []
    lock, latch = struct(verdict.get("Lock")), struct(verdict.get("Latch"))
    if lock:
        held.append(f"{lock.get('Kind')} lock of {lock.get('Owner')}: {lock.get('Reason')}")
    if latch:
        held.append(f"stopped by {latch.get('Owner')}: {latch.get('Reason')} (ctmo-indi release)")
    if text(telescope.get("Held")):
        held.append(f"{telescope['Held']} (ctmo-indi release)")
    if held:
        yield "held", held
    if safety.get("Closing") is True:
        yield "closing", ["safety is closing the observatory"]


def _now(seen: Seen, scheduler: Wire, telescope: Wire) -> list[str]:
    """Say what runs, or why nothing does."""
    current = struct(scheduler.get("Current"))
    if current:
        what = name(seen.names.get(text(current.get("Subject")), {}))
        words = f"{what}: {current.get('Script')}" if what else str(current.get("Script"))
        left_s = (
            unix_s(current.get("Started")) + number(current.get("Duration")) - _now_s(scheduler)
        )
        if left_s > 0.0:
            words += f", {span(left_s)} left"
        busy = struct(telescope.get("Current")).get("Step") or telescope.get("Busy")
        return [f"{words}; {busy}" if busy else words]
    if telescope.get("Busy"):
        return [f"{telescope['Busy']}, by hand"]
    if scheduler.get("Summary State") != "ENABLED":
        return [f'nothing: the scheduler is {scheduler.get("Summary State")} ("ctmo-indi scheduler'
                ' start", "enable", then "resume")']  # fmt: skip
    if scheduler.get("Running") is not True:
        return ['nothing: the scheduler was not told to resume ("ctmo-indi scheduler resume")']
    if scheduler.get("Paused") is True:
        why = f": {scheduler['Pause Reason']}" if scheduler.get("Pause Reason") else ""
        return [f'nothing: the queue is paused{why} ("ctmo-indi queue resume")']
    return ["nothing", *_reasons(scheduler)]


def _reasons(scheduler: Wire) -> list[str]:
    """Return the first reasons for having no target; those of single orders are counted."""
    told = scheduler.get("Reasons")
    reasons = [str(one) for one in told] if isinstance(told, list) else []
    common = [one for one in reasons if not _OF_AN_ORDER.match(one)]
    shown = common[:_MOST_REASONS]
    found = [f"- {one}" for one in shown]
    if len(common) > len(shown):
        found.append(f"- and {len(common) - len(shown)} more: ctmo-indi status --full")
    orders = {one.partition(": ")[0] for one in reasons if _OF_AN_ORDER.match(one)}
    if orders:
        count = "1 order has its" if len(orders) == 1 else f"{len(orders)} orders have their"
        found.append(f"- {count} own reasons: ctmo-indi explain ORDER")
    return found


def _next(seen: Seen, scheduler: Wire) -> list[str]:
    """Say what comes, and when."""
    queue = structs(scheduler.get("Queue"))
    if queue:
        what = name(seen.names.get(text(queue[0].get("Subject")), {}))
        return [f"{what or queue[0].get('Script')}, when what runs has ended"]
    target = struct(scheduler.get("Next Target"))
    receipt = text(target.get("Parent"))
    if receipt:
        what = name(seen.names.get(receipt, {})) or name(target) or receipt
        at_s = unix_s(target.get("UTC") or target.get("Requested"))
        wait_s = at_s - _now_s(scheduler)
        if wait_s > 0.0:
            instant = str(target.get("UTC") or target.get("Requested"))
            return [f"{what} at {instant[11:16]}, in {span(wait_s)}"]
        return [f"{what}, as soon as it can begin"]
    until = text(target.get("Looked Until"))
    return [f"no target before {until[11:16]}" if until else "no target is known"]


def _now_s(scheduler: Wire) -> float:
    return unix_s(scheduler.get("UTC"))


def _orders(scheduler: Wire) -> str:
    """Say how many orders are open and ended."""
    counts = struct(scheduler.get("Order Counts"))

    def told(states: tuple[str, ...]) -> str:
        return ", ".join(f"{counts[state]} {state}" for state in states if counts.get(state))

    open_count = sum(int(number(counts.get(state), 0.0)) for state in OPEN_STATES)
    waiting = f"{open_count} open" + (f": {told(OPEN_STATES)}" if open_count else "")
    ended = told(_ENDED_STATES)
    return f"{waiting}; {ended}" if ended else waiting


def _devices(devices: Wire) -> Iterator[tuple[str, list[str]]]:
    """Yield a line for mount, dome, camera and weather, as far as the site has them."""
    for heading, key, words in (
        ("mount", "Mount", _mount),
        ("dome", "Dome", _dome),
        ("camera", "Camera", _camera),
        ("weather", "Weather", _weather),
    ):
        device = struct(devices.get(key))
        if device:
            is_there = device.get("Connected") is not False
            yield heading, [words(device, devices) if is_there else "NOT CONNECTED"]


def _mount(mount: Wire, _devices: Wire) -> str:
    states = [word.lower() for word in ("Slewing", "Tracking", "Parked") if mount.get(word) is True]
    words = ", ".join(states) or "neither parked nor tracking"
    return words + _numbers(mount, altitude="Altitude", azimuth="Azimuth")


def _dome(dome: Wire, _devices: Wire) -> str:
    words = [f"shutter {dome['Shutter']}"] if dome.get("Shutter") else []
    words += [word.lower() for word in ("Moving", "Parked") if dome.get(word) is True]
    return ", ".join(words or ["not parked"]) + _numbers(dome, azimuth="Azimuth")


def _camera(camera: Wire, devices: Wire) -> str:
    left_s = number(camera.get("Remaining (s)"))
    words = "idle"
    if camera.get("Exposing") is True:
        words = "exposing" + ("" if math.isnan(left_s) else f", {span(left_s)} left")
    temperature_c = number(camera.get("Temperature (C)"))
    if not math.isnan(temperature_c):
        words += f", {temperature_c:.1f} C"
    wheel = struct(devices.get("Filter Wheel"))
    return words + (f", filter {wheel['Filter']}" if wheel.get("Filter") else "")


def _weather(weather: Wire, _devices: Wire) -> str:
    age_s = number(weather.get("Age (s)"))
    words = {"Ok": "good", "Busy": "near a limit", "Alert": "BAD", "Idle": "not told"}
    state = str(weather.get("State"))
    return f"{words.get(state, state)}, {_ago(age_s)}"


def _numbers(device: Wire, **keys: str) -> str:
    found = [
        f"{word} {value:.1f}"
        for word, key in keys.items()
        if not math.isnan(value := number(device.get(key)))
    ]
    return f"; {', '.join(found)} deg" if found else ""


def _service(service: str, seen: Seen) -> str:
    """Say how a service is; empty where that would be nothing new."""
    if service in seen.silent:
        return seen.silent[service]
    reply = seen.replies[service]
    if service == "scheduler":
        mode = ", ".join(filter(None, (text(reply.get("Mode")), text(reply.get("Configuration")))))
        running = "running" if reply.get("Running") is True else "not running"
        detail = _DOES.get(text(reply.get("Detailed State")), "")
        return ", ".join(filter(None, (text(reply.get("Status")), running, mode, detail)))
    if service == "telescope":
        return f"{reply.get('Observatory')}, link to INDI {text(reply.get('Link')).lower()}"
    if service == "dome":
        return ""
    if service == "safety":
        return ", ".join(filter(None, (text(reply.get("Status")), *_disk(reply))))
    return ", ".join(filter(None, (text(reply.get("Status")), text(reply.get("Message")))))


def _disk(safety: Wire) -> Iterator[str]:
    free_mb = number(struct(safety.get("Disk")).get("Free (MB)"))
    if not math.isnan(free_mb):
        yield f"{free_mb / 1000.0:.0f} GB of disk free"


def name(order: Wire) -> str:
    """Name an order or target for people: object, filter and whose it is."""
    what = text(order.get("Object")) or text(order.get("ID")) or text(order.get("Target"))
    words = [what, text(order.get("Filter"))] if what else []
    if words and text(order.get("ID")) not in ("", what):
        words.append(f"({order['ID']})")
    return " ".join(filter(None, words))


def span(seconds: float) -> str:
    """Write a time span with as much as anybody wants to know: 0.8 s, 12 s, 3 min, 1 h 20 min."""
    if seconds < 10.0:
        return f"{seconds:.1f} s"
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60.0)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours / 24.0:.0f} days"

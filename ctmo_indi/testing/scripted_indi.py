"""An INDI server whose devices are data and whose answers are a script: honest, wrong, late, none.

For tests of what a driver may do to a client. :mod:`ctmo_indi.testing.fake_indi` carries the bytes;
here each command is understood, looked up in the script and answered. Without a line in the script
a device is honest: Busy at once, and after :attr:`ScriptedIndi.takes_s` the values and Ok.

Example
-------
>>> dome = Scripted("Dome", "DOME_SHUTTER", {"SHUTTER_OPEN": False, "SHUTTER_CLOSE": True})
>>> with ScriptedIndi([dome]) as server:
...     server.script("Dome", "DOME_SHUTTER", Answer.STUCK_BUSY, Answer.HONEST)
...     # the first command is never finished, all after it are carried out
"""

from __future__ import annotations

import math
import threading
import xml.etree.ElementTree as ET
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape, quoteattr

from ctmo_indi.testing.fake_indi import FakeIndiServer

Element = float | str | bool

HUGE_BYTES = 5_000_000
FLOOD_UPDATES = 5_000


class Answer(Enum):
    """What a device does with one command.

    ``HONEST`` obeys. ``OK_UNDONE`` says Ok and keeps its old values. ``STUCK_BUSY`` says Busy and
    nothing more. ``IGNORED`` says nothing at all. ``ALERT`` refuses, with a message. ``LATE``
    obeys after :attr:`ScriptedIndi.late_s`. ``NOT_FINITE`` says Ok with NaN for every number.
    ``OUT_OF_RANGE`` says Ok with ten times the maximum and more. ``WRONG_ELEMENTS`` says Ok for
    elements nobody defined. ``WRONG_TYPE`` answers a number with a switch and else with a number.
    ``UNKNOWN_STATE`` is in the state "Perfect". ``MALFORMED`` breaks the XML. ``HUGE`` sends 5 MB
    of message before it obeys, ``FLOOD`` 5000 updates. ``REMOVED`` obeys by removing the property.
    ``MUTE`` makes the whole device deaf and dumb until :meth:`ScriptedIndi.unmute`, as a driver
    does that hangs; the server still answers pings.
    """

    HONEST = auto()
    OK_UNDONE = auto()
    STUCK_BUSY = auto()
    IGNORED = auto()
    ALERT = auto()
    LATE = auto()
    NOT_FINITE = auto()
    OUT_OF_RANGE = auto()
    WRONG_ELEMENTS = auto()
    WRONG_TYPE = auto()
    UNKNOWN_STATE = auto()
    MALFORMED = auto()
    HUGE = auto()
    FLOOD = auto()
    REMOVED = auto()
    MUTE = auto()


@dataclass(frozen=True, slots=True)
class Scripted:
    """One property as a server defines it; what it is made of tells its type.

    Parameters
    ----------
    elements
        All numbers, all texts or all switches, by name.
    limits
        Of each number; equal ones: none.
    rule
        Of switches, as on the wire.
    """

    device: str
    name: str
    elements: Mapping[str, Element]
    state: str = "Idle"
    permission: str = "rw"
    limits: tuple[float, float] = (0.0, 0.0)
    rule: str = "OneOfMany"

    @property
    def kind(self) -> str:
        """``Switch``, ``Text`` or ``Number``."""
        first = next(iter(self.elements.values()))
        if isinstance(first, bool):
            return "Switch"
        return "Text" if isinstance(first, str) else "Number"

    def definition(self) -> bytes:
        """XML that defines it as it is now."""
        rule = f" rule={quoteattr(self.rule)}" if self.kind == "Switch" else ""
        low, high = self.limits
        extra = f" format='%g' min='{low}' max='{high}' step='0'" if self.kind == "Number" else ""
        inner = "".join(
            f"<def{self.kind} name={quoteattr(name)} label={quoteattr(name)}{extra}>"
            f"{_text(value)}</def{self.kind}>"
            for name, value in self.elements.items()
        )
        return (
            f"<def{self.kind}Vector device={quoteattr(self.device)} name={quoteattr(self.name)} "
            f"label={quoteattr(self.name)} group='Main' state='{self.state}' "
            f"perm='{self.permission}' timeout='60'{rule}>{inner}</def{self.kind}Vector>\n"
        ).encode()

    def update(
        self, state: str, elements: Mapping[str, Element] | None = None, kind: str = ""
    ) -> bytes:
        """XML of an update; with ``kind`` of another type than it is."""
        kind = kind or self.kind
        inner = "".join(
            f"<one{kind} name={quoteattr(name)}>{_text(value)}</one{kind}>"
            for name, value in (self.elements if elements is None else elements).items()
        )
        return (
            f"<set{kind}Vector device={quoteattr(self.device)} name={quoteattr(self.name)} "
            f"state={quoteattr(state)} timeout='60'>{inner}</set{kind}Vector>\n"
        ).encode()


@dataclass(frozen=True, slots=True)
class Commanded:
    """One command that reached the server."""

    device: str
    name: str
    values: Mapping[str, Element]


@dataclass(slots=True)
class _Connection:
    """The stream of one client, cut into elements."""

    parser: ET.XMLPullParser[ET.Element] = field(
        default_factory=lambda: ET.XMLPullParser(events=("start", "end"))
    )
    depth: int = 0

    def __post_init__(self) -> None:
        self.parser.feed(b"<root>")

    def elements(self, data: bytes) -> Iterator[ET.Element]:
        self.parser.feed(data)
        for news in self.parser.read_events():
            event, element = news[0], news[-1]
            self.depth += 1 if event == "start" else -1
            if self.depth == 1 and event == "end" and isinstance(element, ET.Element):
                yield element


class ScriptedIndi:
    """A server on a free port of the loopback; any thread may script it.

    Attributes
    ----------
    takes_s
        Machine seconds from Busy to Ok of an honest device.
    lost_questions
        How many of the next ``getProperties`` do not arrive.
    late_s
        Machine seconds that ``LATE`` waits before it obeys.
    """

    def __init__(self, properties: Iterable[Scripted]) -> None:
        self.takes_s = 0.05
        self.late_s = 3.0
        self.lost_questions = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._properties = {(one.device, one.name): one for one in properties}
        self._scripts: dict[tuple[str, str], deque[Answer]] = {}
        self._commands: list[Commanded] = []
        self._muted: set[str] = set()
        self._timers: list[threading.Timer] = []
        self._streams = threading.local()
        self._wire = FakeIndiServer()
        self._wire.on_data = self._take
        self.port = self._wire.port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody; what was to be said later is not said."""
        with self._lock:
            timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()
        self._wire.close()

    @property
    def connections(self) -> int:
        """How many clients have come so far."""
        return self._wire.connections

    @property
    def commands(self) -> tuple[Commanded, ...]:
        """Every command that came, in order, also to the mute."""
        with self._lock:
            return tuple(self._commands)

    def wait_commands(self, count: int, timeout_s: float) -> tuple[Commanded, ...]:
        """Block until so many commands have come; AssertionError after the time."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._commands) >= count, timeout_s):
                raise AssertionError(f"{len(self._commands)} of {count} commands in {timeout_s} s")
            return tuple(self._commands)

    # -- the script -----------------------------------------------------------------------------

    def script(self, device: str, name: str, *answers: Answer) -> None:
        """Answer the next commands of a property so; the last answer stays for all after it."""
        with self._lock:
            self._scripts[device, name] = deque(answers)

    def mute(self, device: str) -> None:
        """Make a device deaf and dumb: the driver hangs, the server lives."""
        with self._lock:
            self._muted.add(device)

    def unmute(self, device: str) -> None:
        """Let a mute device go on; what it was asked meanwhile is lost."""
        with self._lock:
            self._muted.discard(device)

    def say(self, device: str, name: str, state: str, **elements: Element) -> None:
        """Change a property as its driver would, and tell everybody."""
        with self._lock:
            known = self._properties[device, name]
            now = replace(known, state=state, elements={**known.elements, **elements})
            self._properties[device, name] = now
            self._push(device, now.update(state))

    def define(self, *properties: Scripted, quietly: bool = False) -> None:
        """Add or redefine properties, and tell everybody, or ``quietly`` only who asks."""
        with self._lock:
            for one in properties:
                self._properties[one.device, one.name] = one
                if not quietly:
                    self._push(one.device, one.definition())

    def push(self, data: bytes) -> None:
        """Say anything."""
        self._wire.push(data)

    def hang_up(self) -> None:
        """End every connection; new ones are taken."""
        self._wire.hang_up()

    # -- taking commands ------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Runs in the thread of the connection, and each connection has one."""
        stream = getattr(self._streams, "one", None)
        if stream is None:
            stream = self._streams.one = _Connection()
        for element in stream.elements(data):
            if element.tag == "getProperties":
                self._define_again(element.get("device"), element.get("name"))
            elif element.tag.startswith("new"):
                self._command(element)

    def _define_again(self, device: str | None, name: str | None) -> None:
        with self._lock:
            if self.lost_questions > 0:
                self.lost_questions -= 1
                return
            for one in self._properties.values():
                if device in (None, one.device) and name in (None, one.name):
                    self._push(one.device, one.definition())

    def _command(self, element: ET.Element) -> None:
        key = element.get("device") or "", element.get("name") or ""
        with self._changed:
            known = self._properties.get(key)
            if known is None:
                return
            values = {
                one.get("name") or "": _value(known.kind, (one.text or "").strip())
                for one in element
            }
            self._commands.append(Commanded(*key, values))
            self._changed.notify_all()
            script = self._scripts.get(key)
            answer = Answer.HONEST
            if script:
                answer = script.popleft() if len(script) > 1 else script[0]
            if known.device not in self._muted:
                self._answer(known, values, answer)

    def _answer(self, known: Scripted, values: Mapping[str, Element], answer: Answer) -> None:
        device, name = known.device, known.name
        if answer is Answer.OK_UNDONE:
            self.say(device, name, "Ok")
        elif answer is Answer.STUCK_BUSY:
            self.say(device, name, "Busy")
        elif answer is Answer.ALERT:
            text = f"{name} refused"
            self.push(f"<message device={quoteattr(device)} message={quoteattr(text)}/>\n".encode())
            self.say(device, name, "Alert")
        elif answer is Answer.LATE:
            self._later(self.late_s, known, values)
        elif answer is Answer.MUTE:
            self._muted.add(device)
        elif answer is Answer.REMOVED:
            self.push(
                f"<delProperty device={quoteattr(device)} name={quoteattr(name)}/>\n".encode()
            )
        elif answer in _WRONG_ANSWERS:
            self._push(device, _WRONG_ANSWERS[answer](known))
        elif answer is not Answer.IGNORED:
            if answer is Answer.HUGE:
                text = "x" * HUGE_BYTES
                self.push(f"<message device={quoteattr(device)} message='{text}'/>\n".encode())
            if answer is Answer.FLOOD:
                self.push(known.update("Busy") * FLOOD_UPDATES)
            self.say(device, name, "Busy")
            self._later(self.takes_s, known, values)

    def _later(self, wait_s: float, known: Scripted, values: Mapping[str, Element]) -> None:
        def obey() -> None:
            with self._lock:
                if known.device in self._muted:
                    return
                taken = dict(values)
                if known.kind == "Switch" and known.rule != "AnyOfMany":
                    taken = {name: values.get(name) is True for name in known.elements}
                self.say(known.device, known.name, "Ok", **taken)

        timer = threading.Timer(wait_s, obey)
        timer.daemon = True
        self._timers = [one for one in self._timers if one.is_alive()]
        self._timers.append(timer)
        timer.start()

    def _push(self, device: str, data: bytes) -> None:
        if device not in self._muted:
            self._wire.push(data)


def _with_numbers(known: Scripted, number: float) -> bytes:
    elements = {
        name: number if known.kind == "Number" else value for name, value in known.elements.items()
    }
    return known.update("Ok", elements)


def _of_another_type(known: Scripted) -> bytes:
    if known.kind == "Number":
        return known.update("Ok", dict.fromkeys(known.elements, True), "Switch")
    return known.update("Ok", dict.fromkeys(known.elements, 1.0), "Number")


_WRONG_ANSWERS: Mapping[Answer, Callable[[Scripted], bytes]] = {
    Answer.NOT_FINITE: lambda known: _with_numbers(known, math.nan),
    Answer.OUT_OF_RANGE: lambda known: _with_numbers(known, 1e6 + 10.0 * known.limits[1]),
    Answer.WRONG_ELEMENTS: lambda known: known.update(
        "Ok", {f"NO_{name}": value for name, value in known.elements.items()}
    ),
    Answer.WRONG_TYPE: _of_another_type,
    Answer.UNKNOWN_STATE: lambda known: known.update("Perfect"),
    Answer.MALFORMED: lambda known: known.update("Ok").replace(b"</one", b"</</one", 1),
}


def _text(value: Element) -> str:
    if isinstance(value, bool):
        return "On" if value else "Off"
    return escape(value) if isinstance(value, str) else repr(float(value))


def _value(kind: str, text: str) -> Element:
    if kind == "Switch":
        return text == "On"
    return float(text) if kind == "Number" else text

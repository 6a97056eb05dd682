"""An INDI client that only watches: an eye of its own on what the devices say, none of our code.

A plain socket, expat, and the newest vector of each property. It connects again when the server
dies; what a dead server last said is forgotten.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.parsers import expat

_TIMEOUT_S = 0.5
_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Vector:
    """The newest state of one INDI property; elements as text; when, monotonic seconds."""

    device: str
    name: str
    state: str
    elements: Mapping[str, str]
    machine_s: float

    def is_on(self, element: str) -> bool:
        """Whether a switch is on."""
        return self.elements.get(element, "").strip() == "On"


class _Reader:
    """Makes vectors of a stream; INDI's XML has no root, so one is put around it."""

    def __init__(self, take: Callable[[Vector], None], forget: Callable[[str, str], None]) -> None:
        self._take, self._forget = take, forget
        self._vector: dict[str, str] | None = None
        self._elements: dict[str, str] = {}
        self._element = ""
        self._text: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = lambda data: self._text.append(data)
        self._parser.Parse(b"<indi>")

    def feed(self, data: bytes) -> None:
        self._parser.Parse(data)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._text.clear()
        if tag.startswith(("def", "set")) and tag.endswith("Vector"):
            self._vector, self._elements = attributes, {}
        elif tag == "delProperty":
            self._forget(attributes["device"], attributes.get("name", ""))
        elif self._vector is not None:
            self._element = attributes.get("name", "")

    def _end(self, tag: str) -> None:
        if self._vector is None:
            return
        if tag.endswith("Vector"):
            known, self._vector = self._vector, None
            self._take(
                Vector(
                    known["device"],
                    known["name"],
                    known.get("state", ""),
                    dict(self._elements),
                    time.monotonic(),
                )
            )
        else:
            self._elements[self._element] = "".join(self._text)


class WireWatch:
    """Watches one indiserver from a thread of its own; a context manager.

    Parameters
    ----------
    on_vector
        Called in that thread with every vector that arrives.
    """

    def __init__(self, port: int, on_vector: Callable[[Vector], object] = bool) -> None:
        self._port = port
        self._on_vector = on_vector
        self._newest: dict[tuple[str, str], Vector] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wire-watch", daemon=True)
        self.connections = 0

    def __enter__(self) -> WireWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5.0)

    def vector(self, device: str, name: str) -> Vector | None:
        """The newest vector; None when the device does not say."""
        return self._newest.get((device, name))

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError, expat.ExpatError):
                self._watch_one_connection()
            self._newest.clear()
            self._stop.wait(_AGAIN_S)

    def _watch_one_connection(self) -> None:
        reader = _Reader(self._take, self._forget)
        with socket.create_connection(("127.0.0.1", self._port), _TIMEOUT_S) as link:
            link.sendall(b'<getProperties version="1.7"/>')
            self.connections += 1
            while not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    data = link.recv(65536)
                    if not data:
                        return
                    reader.feed(data)

    def _take(self, vector: Vector) -> None:
        before = self._newest.get((vector.device, vector.name))
        if before is not None:  # a set vector may name some elements only
            elements = {**before.elements, **vector.elements}
            vector = Vector(
                vector.device,
                vector.name,
                vector.state or before.state,
                elements,
                vector.machine_s,
            )
        self._newest[vector.device, vector.name] = vector
        self._on_vector(vector)

    def _forget(self, device: str, name: str) -> None:
        for key in list(self._newest):
            if key[0] == device and name in ("", key[1]):
                del self._newest[key]

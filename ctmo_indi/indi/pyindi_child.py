"""The process in which PyIndi lives, alone: ``python -m ctmo_indi.indi.pyindi_child``.

Started and supervised by :mod:`ctmo_indi.indi.pyindi_transport`. It serves one connection: commands
come through the pipe on the main thread, the only one that sends (libindiclient writes a message in
many small pieces, so two senders corrupt each other: 16 % of 4000 messages, measured); news leave
through a queue and a writer thread. It ends when the connection or its parent does.

Traps closed here, measured with pyindi-client 2.3.0: an exception in a callback makes the client
deaf and aborts the process; 44 ms a command and 44 ms an answer
without TCP options; sending changes the live property,
so commands are fresh vectors; ``getblobdata`` of a compressed BLOB reads beyond its buffer;
``disconnectServer`` and interpreter exit can hang or abort, so the process leaves by ``os._exit``.
"""

from __future__ import annotations

import io
import os
import queue
import select
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import PyIndi

from ctmo_indi.indi import framing
from ctmo_indi.indi.pyindi_news import News, Outlet
from ctmo_indi.indi.tcp import without_delay

_PARENT_GONE_GRACE_S = 0.5
_BLOB_MODES = {"Never": PyIndi.B_NEVER, "Also": PyIndi.B_ALSO, "Only": PyIndi.B_ONLY}


class Writer:
    """Writes queued messages to the pipe; several at once when there are."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._queue: queue.SimpleQueue[tuple[framing.Head, bytes | bytearray]] = queue.SimpleQueue()
        self.finished = threading.Event()

    def put(self, head: framing.Head, body: bytes | bytearray = b"") -> None:
        """Queue one message; never blocks, raises nothing that matters."""
        self._queue.put((head, body))

    def run(self) -> None:
        """Write until the connection is reported down or the parent is gone."""
        is_last = False
        try:
            while not is_last:
                head, body = self._queue.get()
                message = framing.pack(head, body)
                del body
                is_last = head[0] == "down"
                while not is_last and len(message) < 65536 and not self._queue.empty():
                    head, body = self._queue.get()
                    message += framing.pack(head, body)
                    del body
                    is_last = head[0] == "down"
                self._pipe.sendall(message)
                del message
        except OSError:
            pass  # the parent is gone
        self.finished.set()


def find_connection(port: int) -> socket.socket | None:
    """Return this process's connection to the server, as a second handle of the same socket.

    To ``port`` by TCP, or to whatever named local socket: there is only one.
    """
    folder = "/proc/self/fd" if Path("/proc/self/fd").is_dir() else "/dev/fd"
    for name in os.listdir(folder):
        try:
            connection = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue  # not a socket
        try:
            peer = connection.getpeername()
            inet = connection.family in (socket.AF_INET, socket.AF_INET6)
            if peer and (peer[1] == port if inet else connection.family == socket.AF_UNIX):
                return connection
        except OSError:
            pass  # not connected
        connection.close()
    return None


def send_vector(client: Any, head: list[Any]) -> None:  # Any: SWIG objects have no types
    """Send one vector made for this purpose; the live property stays as the driver set it."""
    _, kind, device, name, rule, values = head
    if kind == "Number":
        vector = PyIndi.PropertyNumber(len(values))
        for widget, (element, value) in zip(vector, values, strict=True):
            widget.setName(element)
            widget.setValue(float(value))
    elif kind == "Switch":
        vector = PyIndi.PropertySwitch(len(values))
        # libindiclient sends only the first switch that is on of a one-of-many vector, else all
        one_of_many = rule == "OneOfMany"
        vector.setRule(PyIndi.ISR_1OFMANY if one_of_many else PyIndi.ISR_NOFMANY)
        for widget, (element, value) in zip(vector, values, strict=True):
            widget.setName(element)
            widget.setState(PyIndi.ISS_ON if value else PyIndi.ISS_OFF)
    else:
        vector = PyIndi.PropertyText(len(values))
        for widget, (element, value) in zip(vector, values, strict=True):
            widget.setName(element)
            widget.setText(value)
    vector.setDeviceName(device)
    vector.setName(name)
    if kind == "Number":
        client.sendNewNumber(vector)
    elif kind == "Switch":
        client.sendNewSwitch(vector)
    else:
        client.sendNewText(vector)


def serve(client: Any, pipe: socket.socket, connection: socket.socket | None) -> None:  # Any: SWIG
    """Carry out the parent's requests until it hangs up."""
    with io.BufferedReader(socket.SocketIO(pipe, "r")) as stream:
        while (message := framing.unpack(stream)) is not None:
            head = message[0]
            if head[0] == "send":
                send_vector(client, head)
            elif head[0] == "ping":
                client.sendPingRequest(head[1])
            elif head[0] == "ask" and connection is not None:
                # Whole in one write, in the only thread that sends; libindiclient itself asks only
                # while it connects.
                connection.send(b"<getProperties version='1.7'/>\n")
            elif head[0] == "blob":
                client.setBLOBMode(_BLOB_MODES[head[2]], head[1], None)


def leave_with_parent(pipe: socket.socket) -> None:
    """End the process when the parent hangs up, even if the main thread is stuck in a send."""
    poll = select.poll()
    poll.register(pipe, getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR)
    poll.poll()
    threading.Event().wait(_PARENT_GONE_GRACE_S)
    os._exit(0)


def main(argv: list[str]) -> int:
    """Connect to ``argv``: pipe descriptor, host, port, local socket or nothing; then serve."""
    pipe = socket.socket(fileno=int(argv[1]))
    host, port, local = argv[2], int(argv[3]), argv[4]
    writer = Writer(pipe)
    threading.Thread(target=writer.run, daemon=True).start()
    threading.Thread(target=leave_with_parent, args=(pipe,), daemon=True).start()
    outlet: Outlet = writer
    client = News(outlet)
    client.setServer(f"localhost:{local}" if local else host, port)
    if client.connectServer():
        connection = find_connection(port)
        if connection is not None and not local:
            client.acknowledge = without_delay(connection)
        writer.put(["up"])
        threading.Thread(target=_end_with_connection, args=(writer,), daemon=True).start()
        serve(client, pipe, connection)
    else:
        where = local or f"{host}:{port}"
        writer.put(["down", f"no INDI server at {where}"])
        writer.finished.wait(5.0)
    os._exit(0)


def _end_with_connection(writer: Writer) -> None:
    writer.finished.wait()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv))

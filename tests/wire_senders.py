"""Who sent which closing command: indiserver's own record, since INDI tells devices no sender.

``indiserver -vv`` notes each message with the client's number, and where each client came from. A
program of that name put in front of PATH starts the real one with ``-vv``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

# Property -> the element that closes.
CLOSING = {"TELESCOPE_PARK": "PARK", "DOME_SHUTTER": "SHUTTER_CLOSE", "DOME_PARK": "PARK"}

_LOOKS = 5
_ARRIVAL = re.compile(r"Client (\d+): new arrival from (?:local pid (\d+)|[\d.]+:(\d+))")
_READ = re.compile(r"Client (\d+): read <newSwitchVector device='([^']*)' name='([^']*)'>")
# Clients are sent what other clients ask for, too.
_SENDING = re.compile(r'Driver \S+: sending <newSwitchVector device="([^"]*)" name="([^"]*)"')
_ON = re.compile(r'<oneSwitch name="([^"]*)">\s*On', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sent:
    """One closing command, in the order of the record."""

    sender: str
    property: str


def recorder(folder: Path) -> Path:
    """Return a folder for ``path_prefix`` in which ``indiserver`` keeps that record."""
    real = shutil.which("indiserver")
    assert real is not None
    folder.mkdir(parents=True)
    program = folder / "indiserver"
    program.write_text(f'#!/bin/sh\nexec {real} -vv "$@"\n')
    program.chmod(0o755)
    return folder


class SenderRecord:
    """Reads the record of one server as it grows.

    Parameters
    ----------
    name_of
        Process id -> what to call it.
    """

    def __init__(self, log_file: Path, name_of: Callable[[int], str]) -> None:
        self._log_file = log_file
        self._name_of = name_of
        self._names: dict[int, str] = {}
        self._offset = 0
        self._clients: dict[str, str] = {}
        self._asked: dict[tuple[str, str], list[str]] = {}
        self._sent: list[Sent] = []

    def mark(self) -> int:
        """Read on; return how many closing commands there were until now."""
        with self._log_file.open("rb") as record:
            record.seek(self._offset)
            text = record.read().decode("ascii", "replace")
        # Of a command whose end is not written yet, nothing is taken.
        end = text.rfind("</newSwitchVector>")
        end = text.find("\n", end) + 1 if end >= 0 else 0
        self._take(text[:end])
        self._offset += end
        return len(self._sent)

    def since(self, mark: int) -> list[Sent]:
        """Closing commands after :meth:`mark`."""
        self.mark()
        return self._sent[mark:]

    def _take(self, text: str) -> None:
        lines = text.split("\n")
        for index, line in enumerate(lines):
            if arrival := _ARRIVAL.search(line):
                client, pid, port = arrival.groups()
                found = int(pid) if pid else _process_at(int(port))
                self._clients[client] = self._name(found) if found else f"port {port}"
            elif read := _READ.search(line):
                client, device, prop = read.groups()
                self._asked.setdefault((device, prop), []).append(
                    self._clients.get(client, f"client {client}")
                )
            elif sending := _SENDING.search(line):
                device, prop = sending.groups()
                senders = self._asked.get((device, prop))
                sender = senders.pop(0) if senders else "?"
                body = "\n".join(lines[index : index + 12]).split("</newSwitchVector>")[0]
                if prop in CLOSING and CLOSING[prop] in _ON.findall(body):
                    self._sent.append(Sent(sender, prop))

    def _name(self, pid: int) -> str:
        if pid not in self._names:
            self._names[pid] = self._name_of(pid)
        return self._names[pid]


def _process_at(port: int) -> int | None:
    # The kernel's table of connections is read in pieces: under much traffic one may be missed.
    for _ in range(_LOOKS):
        for one in psutil.net_connections("tcp"):
            if one.laddr and one.laddr.port == port and one.pid:
                return int(one.pid)
    return None

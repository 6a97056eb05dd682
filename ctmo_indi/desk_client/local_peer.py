"""Who answers on this machine: a free port belongs to whoever takes it first.

While a service is down any local user may listen at its port: he would be handed the services'
token, and could tell the telescope that all is safe. On loopback there is no certificate to tell
him by, but the kernel knows whose a connection's other end is: ``/proc/net/tcp`` (proc(5)) has the
user of every socket. Linux only; elsewhere, and where the other end is in another network
namespace, nobody is told.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path

from ctmo_indi.clock import Deadline, SystemClock

_TABLES = {socket.AF_INET: ("tcp", "tcp6"), socket.AF_INET6: ("tcp6",)}
_NET = Path("/proc/self/net")
_ESTABLISHED = "01"
_TRIES = 3  # a table that changes while it is read may miss a row
_PAUSE_S = 0.002


def check_peer(peer: socket.socket, believed_uids: Collection[int], timeout_s: float) -> None:
    """Make sure that the other end of a loopback connection is a process of one of these users.

    Blocks until that process has accepted the connection (before, nobody can say whose it is).

    Parameters
    ----------
    peer
        Connected TCP; not on loopback it is left alone.
    timeout_s
        Machine seconds.

    Raises
    ------
    PermissionError
        It is somebody else's; nothing was sent.
    TimeoutError
        It was not accepted in time.
    """
    ours, theirs = peer.getsockname(), peer.getpeername()
    if sys.platform != "linux" or not ip_address(theirs[0]).is_loopback:
        return
    names = _TABLES[peer.family]
    deadline = Deadline(SystemClock(), timeout_s)
    pause = threading.Event()
    missed = 0
    while True:
        owner = _owner(names, theirs, ours)
        if owner is None:
            missed += 1
            if missed >= _TRIES:
                return
        elif owner.is_accepted:
            break
        elif deadline.expired:
            raise TimeoutError(f"port {theirs[1]}: not accepted within {timeout_s:g} s")
        pause.wait(_PAUSE_S)
    if owner.uid not in believed_uids:
        expected = ", ".join(map(str, sorted(believed_uids)))
        raise PermissionError(
            f"port {theirs[1]} is answered by a process of user {owner.uid}, expected one of"
            f" {expected}: nothing was sent to it"
        )


class _Owner:
    """Whose an end is; before it is accepted it has no inode, and user 0 whoever listens."""

    def __init__(self, uid: int, inode: int) -> None:
        self.uid = uid
        self.is_accepted = inode != 0


def _owner(
    names: Collection[str], local: tuple[object, ...], other: tuple[object, ...]
) -> _Owner | None:
    """Return the owner of the socket at ``local`` that is connected with ``other``."""
    for name in names:
        wanted = (_hex(name, local), _hex(name, other), _ESTABLISHED)
        try:
            lines = (_NET / name).read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for line in lines:
            if wanted[0] not in line:
                continue
            words = line.split()
            if tuple(words[1:4]) == wanted:
                return _Owner(int(words[7]), int(words[9]))
    return None


def _hex(table: str, end: tuple[object, ...]) -> str:
    """Write an address as the kernel's tables have it: words of 32 bit in the machine's order."""
    packed = ip_address(str(end[0]).partition("%")[0]).packed
    if table == "tcp6" and len(packed) == 4:
        packed = bytes(10) + b"\xff\xff" + packed
    words = (packed[i : i + 4] for i in range(0, len(packed), 4))
    text = "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
    return f"{text}:{int(str(end[1])):04X}"


def believed_uids(folder: Path) -> frozenset[int]:
    """Return the users whose processes may answer: root, our own and the owner of the data."""
    found = {0, os.geteuid()}
    try:
        found.add(folder.stat().st_uid)
    except OSError:
        pass
    return frozenset(found)

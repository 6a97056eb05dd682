"""Which processes a process has started; for finding the drivers of an indiserver."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """One child that runs (zombies are left out); ``environment`` is empty outside Linux."""

    pid: int
    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def children_of(pid: int) -> tuple[ChildProcess, ...]:
    """Return the direct children of ``pid``, by pid; a moment later they may be others."""
    if sys.platform == "linux":
        return tuple(_children_from_proc(pid))
    return tuple(_children_from_ps(pid))


def _children_from_proc(pid: int) -> list[ChildProcess]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            # The second field, the command in parentheses, may itself hold blanks and parentheses.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) != pid or fields[0] == "Z":
                continue
            argv = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
            lines = (folder / "environ").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue  # ended while we looked
        pairs = (line.partition("=") for line in lines if "=" in line)
        environment = {name: text for name, _, text in pairs}
        found.append(ChildProcess(int(folder.name), tuple(argv), environment))
    return sorted(found, key=lambda child: child.pid)


def _children_from_ps(pid: int) -> list[ChildProcess]:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,command="],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    ).stdout
    found = []
    for line in listing.splitlines():
        child, parent, state, *argv = line.split()
        if int(parent) == pid and not state.startswith("Z"):
            found.append(ChildProcess(int(child), tuple(argv)))
    return found

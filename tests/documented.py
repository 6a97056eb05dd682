"""What the documents show: blocks of a page, and the shell commands in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"\s+# .*$| {2,}#.*$")
_OF_US = "ctmo-indi "
_ECHO = re.compile(r"^echo '(.*)' \| (.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code; ``before`` is the paragraph above it."""

    language: str
    text: str
    before: str


@dataclass(frozen=True, slots=True)
class Command:
    """One ``ctmo-indi`` of a document: its words, and what is piped into it."""

    document: str
    words: tuple[str, ...]
    stdin: str = ""

    def __str__(self) -> str:
        return f"{self.document}: {' '.join(self.words)}"


def pages() -> list[Path]:
    """Every page for readers, README first."""
    folders = ("profiles", "profiles/blocks", "devices", "xmlrpc")
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *(ROOT / folder / "README.md" for folder in folders),
    ]


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = path.read_text("utf-8")
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()].rstrip().rsplit("\n\n", 1)[-1]
        found.append(Block(match[1], match[2], before))
    return found


def shell_lines(path: Path) -> list[str]:
    """Whole lines of shell: of ``sh`` blocks and of indented code, comments taken off."""
    text = path.read_text("utf-8")
    code = "\n".join(block.text for block in blocks(path) if block.language in {"sh", "bash"})
    prose = _FENCE.sub("", text)
    indented = "\n".join(line[4:] for line in prose.splitlines() if line.startswith("    "))
    joined = f"{code}\n{indented}".replace("\\\n", " ")
    lines, waiting = [], ""
    for line in joined.splitlines():
        bare = line if waiting else _COMMENT.sub("", line)
        waiting = f"{waiting}\n{bare}" if waiting else bare
        if waiting.count("'") % 2 == 0:
            lines.append(waiting.strip())
            waiting = ""
    return [line for line in lines if line and not line.startswith("#")]


def command_of(line: str, document: str) -> Command | None:
    """The ``ctmo-indi`` of a line of shell; None when there is none."""
    stdin = ""
    if echo := _ECHO.match(line):
        stdin, line = echo[1], echo[2]
    start = line.find(_OF_US)
    if start < 0 or not re.fullmatch(r"(sudo (-\S+ )*(\S+ )?)?(\S*/)?", line[:start]):
        return None
    words = shlex.split(line[start + len(_OF_US) :], comments=True)
    for end in ("|", "&&", ">", "&"):
        if end in words:
            words = words[: words.index(end)]
    return Command(document, tuple(words), stdin)


def commands(path: Path) -> list[Command]:
    """Every ``ctmo-indi`` that a page shows as code."""
    name = str(path.relative_to(ROOT))
    found = [command_of(line, name) for line in shell_lines(path)]
    return [command for command in found if command is not None]

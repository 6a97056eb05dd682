"""Self-signed certificates for tests, made as the guide for site owners says."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "open-to-the-network.md"
NAMES = "DNS:localhost,IP:127.0.0.1,IP:127.0.0.2"


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of a server; ``certificate`` is what its clients trust."""

    certificate: Path
    key: Path


def command_of_the_guide() -> list[str]:
    """Return the words of the ``openssl req`` command in the guide."""
    text = GUIDE.read_text(encoding="utf-8").replace("\\\n", " ")
    line = next(line for line in text.splitlines() if line.strip().startswith("openssl req"))
    return shlex.split(line)


def make_certificate(folder: Path, name: str = "desk", names: str = NAMES) -> Certificate:
    """Make one for these subjectAltNames; skips the test where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    words = command_of_the_guide()
    words[words.index("-out") + 1] = str(made.certificate)
    words[words.index("-keyout") + 1] = str(made.key)
    words = [
        f"subjectAltName={names}" if word.startswith("subjectAltName=") else word for word in words
    ]
    subprocess.run(words, capture_output=True, timeout=30, check=True, cwd=folder)
    return made

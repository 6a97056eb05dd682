"""The guide's example is a test file, and it passes as it is written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import ctmo_indi.testing.tcp_proxy as tcp_proxy

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "how-to" / "test-with-faults.md"


def test_the_guides_test_file_passes(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    file = tmp_path / "test_my_focuser.py"
    file.write_text(code)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100.0,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "6 passed" in ran.stdout


def test_every_fault_of_the_guides_table_is_one_of_the_proxy() -> None:
    table = GUIDE.read_text("utf-8").split("## What the link does")[1].split("A lost link")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][1:]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {"delay", "half_open", "drop", "garbage", "fin", "rst", "cut", "trickle"} == named
    assert not {name for name in named if not callable(getattr(tcp_proxy.TcpProxy, name, None))}

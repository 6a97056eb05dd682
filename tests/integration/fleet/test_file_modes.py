"""What a service writes is for its user and group, whoever starts it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctmo_indi.testing.service_process import service_process


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_what_a_service_writes_is_closed_to_others(tmp_path: Path) -> None:
    with service_process("safety", tmp_path / "data"):
        pass
    made_here = {tmp_path / "data" / name for name in ("safety.conf.yaml", "safety.out")}
    written = set((tmp_path / "data").rglob("*")) - made_here
    assert written
    modes = {str(path): oct(stat.S_IMODE(path.stat().st_mode)) for path in written}
    assert [path for path, mode in modes.items() if int(mode, 8) & 0o007] == [], modes

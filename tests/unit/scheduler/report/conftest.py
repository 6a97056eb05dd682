"""A night in stores of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .night_rig import NightRig


@pytest.fixture
def night(tmp_path: Path, store_url: str) -> Iterator[NightRig]:
    made = NightRig(tmp_path, database_url=store_url)
    yield made
    made.close()

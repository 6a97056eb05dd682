"""One running observatory for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ...running_fleet import RunningFleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """All services on free ports, observing since dusk under a fast clock."""
    with RunningFleet(tmp_path_factory.mktemp("fleet")).running() as running:
        yield running

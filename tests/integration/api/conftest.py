"""One running observatory for the Python API, with nothing of its own to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ...running_fleet import RunningFleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """All services on free ports, in ./ctmo-data of a folder, by night, scheduler not resumed."""
    folder = tmp_path_factory.mktemp("api") / "ctmo-data"
    with RunningFleet(folder, resume=False).running() as running:
        # Before it knew that it was safe it began to close.
        running.watch(
            "telescope",
            lambda status: status["Busy"] == "" and status["Observatory"] == "CLOSED",
            "the closing of the start is over",
        )
        yield running


@pytest.fixture
def at_home(fleet: RunningFleet, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in the folder that holds ``ctmo-data``, as the documents' reader is."""
    monkeypatch.chdir(fleet.data_dir.parent)
    return fleet.data_dir.parent

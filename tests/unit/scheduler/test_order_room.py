"""Orders alone never fill the disk that safety, frames and recovery need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.scheduler.orders.room import no_room

if TYPE_CHECKING:
    from tests.unit.scheduler.conftest import Stack


def test_before_safety_would_close_for_it_no_order_is_taken(stack: Stack) -> None:
    stack.start_scheduler()
    receipt = stack.submit("first")
    stack.stop_scheduler()
    scarce = replace(stack.profile.safety, disk_free_min_mb=1e9)
    stack.profile = replace(stack.profile, safety=scarce)
    stack.start_scheduler()
    with pytest.raises(DeskFault, match=r"MB free .* expected at least 1\.25e\+09 MB") as refused:
        stack.submit("second")
    assert refused.value.code == 507
    assert stack.submit("first") == receipt  # what was taken keeps its receipt
    assert stack.desk.status()["Order Counts"]["PENDING"] == 1


def test_a_disk_that_is_not_there_has_no_room(tmp_path: Path) -> None:
    assert no_room(tmp_path, 0.0) == ""
    assert "No such file" in no_room(tmp_path / "absent", 0.0)

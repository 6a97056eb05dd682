"""The first test that plans may have to wait for the kernels to be compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

COMPILED_S = 600.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this folder the time that compiling takes on a busy machine."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(COMPILED_S))

"""A folder on a file system that hangs: its order is refused in time, all else is answered."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from ctmo_indi.errors import StoreUnavailable
from ctmo_indi.preprocessor import desk_handlers
from ctmo_indi.preprocessor.desk_handlers import MOST_LOOKING, DeskHandlers


def test_folders_that_hang_are_refused_and_take_no_thread_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes_on = threading.Event()

    def hangs(_location: str, _roots: object) -> Path:
        goes_on.wait(30.0)
        return Path("/night")

    monkeypatch.setattr(desk_handlers, "night_folder", hangs)
    monkeypatch.setattr(desk_handlers, "FOLDER_S", 0.05)
    handlers = DeskHandlers(SimpleNamespace(roots=()))  # type: ignore[arg-type]  # all it needs

    async def ask_many() -> None:
        asked = [handlers._folder("/night") for _ in range(MOST_LOOKING)]
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(answer, StoreUnavailable)
            assert "did not answer" in str(answer)
        with pytest.raises(StoreUnavailable, match="try again later"):
            await handlers._folder("/night")
        await asyncio.wait_for(asyncio.to_thread(str), 5.0)
        goes_on.set()
        monkeypatch.setattr(desk_handlers, "FOLDER_S", 10.0)
        await asyncio.wait(handlers._looks, timeout=10.0)
        assert await handlers._folder("/night") == Path("/night")

    asyncio.run(ask_many())

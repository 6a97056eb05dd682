"""The reports of past nights as files: ``reports/YYYYMMDD.json``, ``.txt`` and ``.html``."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from ctmo_indi.durable_file import replacing
from ctmo_indi.scheduler.report.as_html import page

_log = logging.getLogger(__name__)

_ALONE_S = 10.0


class ReportFiles:
    """Keeps what was told of a night for as long as the folder does; any thread, blocks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, report: Mapping[str, object]) -> None:
        """Write a night's three files, each whole or not at all; OSError when one cannot be."""
        self.folder.mkdir(parents=True, exist_ok=True)
        texts = {
            "txt": str(report["Text"]),
            "html": page(report),
            "json": json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False),
        }
        for ending, text in texts.items():  # the one that is read again comes last
            with replacing(self._file(report, ending), alone_within_s=_ALONE_S) as file:
                file.write(text.encode("utf-8", "replace"))

    def read(self, night: str) -> dict[str, object] | None:
        """Return the report of a night, YYYYMMDD; None when there is none that can be read."""
        file = self.folder / f"{night}.json"
        try:
            report = json.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning("report not read file=%s error=%s", file, error)
            return None
        is_report = isinstance(report, dict) and report.get("Night") == night
        return report if is_report and isinstance(report.get("Text"), str) else None

    def _file(self, report: Mapping[str, object], ending: str) -> Path:
        return self.folder / f"{report['Night']}.{ending}"

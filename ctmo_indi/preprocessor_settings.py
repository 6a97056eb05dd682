"""The key ``Preprocessor`` of the configuration: what it may read, and where it computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PATH = {"type": "string", "minLength": 1, "description": "a path"}
SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "Roots": {"type": "array", "minItems": 1, "items": _PATH},
        "Workers": {"type": "integer", "minimum": 1, "maximum": 256},
        "Farm": {
            "type": "string",
            "pattern": "^(tcp|tls)://[^/@]+:[0-9]+$",
            "description": "the address of a dask scheduler such as tcp://head:8786",
        },
        "Compress": {"type": "boolean"},
    },
}


@dataclass(frozen=True, slots=True)
class PreprocessorSettings:
    """What the preprocessor may read, and where it computes. Key ``Preprocessor``.

    Parameters
    ----------
    roots
        Folders below which a night bundle must lie; the data folder when there are none.
    workers
        Worker processes on this machine; one for each processor when None.
    farm
        Address of a ``dask.distributed`` scheduler to use instead of worker processes.
    has_compression
        Whether lights and stacks are compressed when a night is done.
    """

    roots: tuple[Path, ...] = ()
    workers: int | None = None
    farm: str | None = None
    has_compression: bool = False

    def as_file(self) -> dict[str, object]:
        """Return the key as :func:`read` reads it."""
        entry = {
            "Roots": [str(root.absolute()) for root in self.roots],
            "Workers": self.workers,
            "Farm": self.farm,
            "Compress": self.has_compression,
        }
        return {key: value for key, value in entry.items() if value}


def read(entry: Mapping[str, Any]) -> PreprocessorSettings:  # Any: checked by the schema
    """Make the settings of the key; what is left out has its default."""
    roots = tuple(Path(root).expanduser() for root in entry.get("Roots", ()))
    return PreprocessorSettings(
        roots, entry.get("Workers"), entry.get("Farm"), entry.get("Compress", False)
    )

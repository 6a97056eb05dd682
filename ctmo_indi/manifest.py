"""The list of what an installation put on a machine, so that removal takes exactly that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


def digest(data: bytes) -> str:
    """Return the SHA-256 of ``data``, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Manifest:
    """Paths of the finished system, without a packager's DESTDIR.

    Parameters
    ----------
    units
        Those of ``files`` that service managers know by name.
    trees
        Folders that are ours with all that is in them.
    folders
        Folders we made; removed when empty.
    configs
        Path -> digest of what we wrote; a file with another digest belongs to the site.
    user
        System user we made, None when it was there before.
    """

    files: tuple[Path, ...] = ()
    links: tuple[Path, ...] = ()
    units: tuple[Path, ...] = ()
    trees: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    configs: Mapping[Path, str] = field(default_factory=dict)
    user: str | None = None

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read what :meth:`write` wrote; an empty one when there is none.

        Raises
        ------
        json.JSONDecodeError
            The file is damaged.
        """
        if not path.is_file():
            return cls()
        data = json.loads(path.read_text(encoding="utf-8"))
        lists = {
            name: tuple(Path(text) for text in data.get(name, ()))
            for name in ("files", "links", "units", "trees", "folders")
        }
        configs = {Path(name): str(text) for name, text in data.get("configs", {}).items()}
        return cls(**lists, configs=configs, user=data.get("user"))

    def write(self, path: Path) -> None:
        """Write it, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        data: dict[str, object] = {
            name: [str(entry) for entry in getattr(self, name)]
            for name in ("files", "links", "units", "trees", "folders")
        }
        data["configs"] = {str(name): text for name, text in self.configs.items()}
        data["user"] = self.user
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)

    @property
    def paths(self) -> frozenset[Path]:
        """Every single path that is ours."""
        return frozenset((*self.files, *self.links, *self.trees, *self.configs))

    def extended(
        self,
        *,
        files: tuple[Path, ...],
        links: tuple[Path, ...],
        trees: tuple[Path, ...],
        units: tuple[Path, ...],
    ) -> Manifest:
        """Return one that has these, too; those of an older version stay, to be removed one day."""
        return replace(
            self,
            files=_union(self.files, files),
            links=_union(self.links, links),
            trees=_union(self.trees, trees),
            units=_union(self.units, units),
        )

    def with_folders(self, folders: tuple[Path, ...]) -> Manifest:
        """Return one that has these folders, too."""
        return replace(self, folders=_union(self.folders, folders))

    def with_config(self, path: Path, text_digest: str) -> Manifest:
        """Return one that knows this configuration file as ours."""
        return replace(self, configs={**self.configs, path: text_digest})

    def with_user(self, user: str) -> Manifest:
        """Return one that knows this user as made by us."""
        return replace(self, user=user)


def _union(first: tuple[Path, ...], second: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys((*first, *second)))

"""Where a file came from and what was made of it, told by the products themselves: no database.

Products name their inputs by content (a raw frame's SHA-256, a product's id), so the answer holds
for files that were moved or renamed, and for a night that was copied to another machine. Which
files to open is seen from their names and their last bytes: :mod:`.product_index`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ctmo_indi.errors import BadOrder, UnreadableFrame
from ctmo_indi.pixels.fits_pixels import read_header
from ctmo_indi.preprocessor.locations import PRODUCTS, RAW
from ctmo_indi.preprocessor.product_files import Provenance, provenance
from ctmo_indi.preprocessor.product_headers import Input
from ctmo_indi.preprocessor.product_index import ProductIndex, frame_files

_RAW_ROLE = "raw"
ASKED = {"receipt": "RECEIPT", "order ID": "ORDERID", "attempt": "ATTEMPT", "exposure": "EXPID"}
"""What of an order stands in the header of a frame: name -> keyword."""


@dataclass(frozen=True, slots=True)
class Node:
    """A file in a trace, and those before or after it.

    Parameters
    ----------
    role
        What it is to the node above: "raw", "bias" ...; "" for the file that was asked for.
    path
        None when it was not found in the folders that were searched.
    rule
        Why this master was taken.
    asked
        Of a raw frame that was found: receipt and ID of its Work Order, attempt (Rubin's
        observation) and exposure, by the names of :data:`ASKED`; those its header tells.
    """

    role: str
    name: str
    identity: str
    kind: str
    path: Path | None
    nodes: tuple[Node, ...] = ()
    rule: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a file was made of, and what was made of it."""

    made_of: Node
    used_in: Node


def folders_around(file: Path) -> tuple[Path, ...]:
    """Return the folders to search by themselves: of the file, its night, and all nights beside."""
    folder = file.absolute().parent
    night = _night_of(folder)
    try:
        beside = sorted(one for one in night.parent.iterdir() if (one / PRODUCTS).is_dir())
    except OSError:  # it may be read by others only
        beside = []
    found = [one / name for one in (night, *beside) for name in (PRODUCTS, RAW)]
    return tuple(dict.fromkeys(one for one in (folder, *found) if one.is_dir()))


def trace(file: Path, folders: Iterable[Path]) -> Trace:
    """Walk from a file both ways; blocks for the last bytes of each product in the folders.

    Raises
    ------
    BadOrder
        There is no such file.
    """
    if not file.is_file():
        raise BadOrder(f"{file}: no such file, expected a frame or a product")
    own = provenance(file)
    identity = own.product_id if own is not None else _sha256(file)
    walk = _Walk(tuple(folders), file, own)
    start = Input("", file.name, identity)
    kind = "" if own is None else own.kind
    if own is None:  # nothing that anybody made
        start = Input(_RAW_ROLE, file.name, identity)
    made_of, used_in = (
        walk.back(start, file, frozenset()),
        walk.forth(start, kind, file, frozenset()),
    )
    return Trace(replace(made_of, role=""), replace(used_in, role=""))


class _Walk:
    """One trace, from one file."""

    def __init__(self, folders: tuple[Path, ...], file: Path, own: Provenance | None) -> None:
        self._products = ProductIndex(one for one in folders if one.name != RAW)
        if own is not None:
            self._products.add(own)
        self._named: dict[str, list[Path]] = {file.name: [file]}
        for folder in folders:
            for path in frame_files(folder):
                self._named.setdefault(path.name, []).append(path)

    def back(self, one: Input, near: Path, above: frozenset[str]) -> Node:
        """Return what a file was made of; ``near`` is the file that was made with it."""
        product = None if one.role == _RAW_ROLE else self._products.find(one.identity, one.name)
        if product is None or one.identity in above:
            path = product.path if product is not None else self._raw(one, near)
            asked = _asked(path) if one.role == _RAW_ROLE and path is not None else {}
            return Node(one.role, one.name, one.identity, "", path, rule=one.rule, asked=asked)
        inner = above | {one.identity}
        nodes = tuple(self.back(each, product.path, inner) for each in product.inputs)
        return Node(
            one.role, product.path.name, one.identity, product.kind, product.path, nodes, one.rule
        )

    def forth(self, one: Input, kind: str, path: Path, above: frozenset[str]) -> Node:
        """Return what was made of a file."""
        if one.identity in above:
            return Node(one.role, one.name, one.identity, "", path)
        inner = above | {one.identity}
        nodes = tuple(
            self.forth(
                Input(each.role, user.path.name, user.product_id), user.kind, user.path, inner
            )
            for user in self._products.users(one.identity)
            for each in user.inputs
            if each.identity == one.identity
        )
        return Node(one.role, one.name, one.identity, kind, path, nodes)

    def _raw(self, one: Input, near: Path) -> Path | None:
        """Find a raw frame. Names return every night: elsewhere only the same bytes will do."""
        night = _night_of(near.absolute().parent)
        named = self._named.get(one.name, [])
        for path in named:
            if _night_of(path.absolute().parent) == night:
                return path
        return next((path for path in named if _sha256(path) == one.identity), None)


def _asked(frame: Path) -> dict[str, str]:
    try:
        header = read_header(frame)
    except UnreadableFrame:  # it is told by its name; what of it can be used is another question
        return {}
    return {name: str(header[key]) for name, key in ASKED.items() if header.get(key)}


def _night_of(folder: Path) -> Path:
    return folder.parent if folder.name in (RAW, PRODUCTS) else folder


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""Where a file came from and what was made of it, told by the products themselves: no database.

Products name their inputs by content (a raw frame's SHA-256, a product's id), so the answer holds
for files that were moved or renamed, and for a night that was copied to another machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ctmo_indi.errors import BadOrder
from ctmo_indi.preprocessor.locations import PRODUCTS, RAW
from ctmo_indi.preprocessor.product_files import Provenance, provenance
from ctmo_indi.preprocessor.product_headers import Input


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
    """

    role: str
    name: str
    identity: str
    kind: str
    path: Path | None
    nodes: tuple[Node, ...] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """What a file was made of, and what was made of it."""

    made_of: Node
    used_in: Node


def folders_around(file: Path) -> tuple[Path, ...]:
    """Return the folders to search by themselves: of the file, its night, and all nights beside."""
    folder = file.absolute().parent
    night = folder.parent if folder.name in (RAW, PRODUCTS) else folder
    nights = [night, *(one for one in night.parent.iterdir() if (one / PRODUCTS).is_dir())]
    found = [one / name for one in nights for name in (PRODUCTS, RAW)]
    return tuple(dict.fromkeys(one for one in (folder, *found) if one.is_dir()))


def trace(file: Path, folders: Iterable[Path]) -> Trace:
    """Walk from a file both ways; blocks for a header of each product in the folders.

    Raises
    ------
    BadOrder
        There is no such file.
    """
    if not file.is_file():
        raise BadOrder(f"{file}: no such file, expected a frame or a product")
    folders = tuple(folders)
    products = {one.product_id: one for one in _products(folders)}
    own = provenance(file)
    if own is not None:
        products.setdefault(own.product_id, own)
    identity = own.product_id if own is not None else _sha256(file)
    start = Input("", file.name, identity)
    raw = {path.name: path for path in _raw_files(folders)}
    return Trace(
        _back(start, products, raw | {file.name: file}, frozenset()),
        _forward(start, file, products, frozenset()),
    )


def _back(
    one: Input, products: dict[str, Provenance], raw: dict[str, Path], above: frozenset[str]
) -> Node:
    product = products.get(one.identity)
    if product is None or one.identity in above:
        return Node(one.role, one.name, one.identity, "", raw.get(one.name), rule=one.rule)
    inner = above | {one.identity}
    nodes = tuple(_back(each, products, raw, inner) for each in product.inputs)
    return Node(
        one.role, product.path.name, one.identity, product.kind, product.path, nodes, one.rule
    )


def _forward(
    one: Input, path: Path | None, products: dict[str, Provenance], above: frozenset[str]
) -> Node:
    own = products.get(one.identity)
    if one.identity in above:
        return Node(one.role, one.name, one.identity, "", path)
    inner = above | {one.identity}
    nodes = tuple(
        _forward(Input(each.role, user.path.name, user.product_id), user.path, products, inner)
        for user in sorted(products.values(), key=lambda user: user.path.name)
        for each in user.inputs
        if each.identity == one.identity
    )
    return Node(one.role, one.name, one.identity, own.kind if own else "", path, nodes)


def _products(folders: Iterable[Path]) -> Iterator[Provenance]:
    for path in _raw_files(one for one in folders if one.name != RAW):
        found = provenance(path)
        if found is not None:
            yield found


def _raw_files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.glob("*.fit*") if path.is_file())


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

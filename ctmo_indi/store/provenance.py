"""What a frame was made of, and what was made of it: walks along the links of combinations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.models.frames import Frame
from ctmo_indi.store.any_of import any_of
from ctmo_indi.store.combinations import Combination, InputRole, combination_of_row
from ctmo_indi.store.night_bundles import frame_of_row
from ctmo_indi.store.preprocessor_tables import (
    combination_input,
    exposure,
    exposure_combination,
)


@dataclass(frozen=True, slots=True)
class Node:
    """A raw frame or a product; exactly one of the two is there.

    Parameters
    ----------
    number
        Of a raw frame, in the database; 0 for a product.
    """

    frame: Frame | None = None
    product: Combination | None = None
    number: int = 0

    @property
    def path(self) -> Path | None:
        """Its file; None for a light that could not be calibrated."""
        if self.frame is not None:
            return self.frame.path
        return None if self.product is None else self.product.path

    @property
    def key(self) -> str:
        """What tells it from every other."""
        return f"exposure {self.number}" if self.product is None else self.product.product_id


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a trace.

    Parameters
    ----------
    depth
        1 for what is linked directly.
    role, scale, rule
        Of the link by which it was reached.
    is_repeated
        It was in the trace before: what lies behind it is not told again.
    """

    depth: int
    node: Node
    role: InputRole
    scale: float
    rule: str
    is_repeated: bool


def find(connection: Connection, path: Path) -> list[Node]:
    """Return what is known of a file: none, or one, or more when a path was used again."""
    nodes = [
        Node(product=combination_of_row(row))
        for row in connection.execute(
            sa.select(exposure_combination).where(exposure_combination.c.path == str(path))
        ).mappings()
    ]
    nodes += [
        Node(frame=frame_of_row(row), number=row["exposure_number"])
        for row in connection.execute(
            sa.select(exposure)
            .where(exposure.c.path == str(path))
            .order_by(exposure.c.is_present.desc(), exposure.c.exposure_number.desc())
        ).mappings()
    ]
    return nodes


def up(connection: Connection, node: Node) -> list[Step]:
    """Return all a product was made of, down to raw frames, depth first."""
    return list(_walk(node, lambda one: _inputs(connection, one), 1, set()))


def down(connection: Connection, node: Node) -> list[Step]:
    """Return all that was made of a frame or product, depth first."""
    return list(_walk(node, lambda one: _outputs(connection, one), 1, set()))


_Linked = tuple[Node, InputRole, float, str]


def _walk(
    node: Node, neighbours: Callable[[Node], list[_Linked]], depth: int, told: set[str]
) -> Iterator[Step]:
    for other, role, scale, rule in neighbours(node):
        is_repeated = other.key in told
        yield Step(depth, other, role, scale, rule, is_repeated)
        if not is_repeated:
            told.add(other.key)
            yield from _walk(other, neighbours, depth + 1, told)


def _inputs(connection: Connection, node: Node) -> list[_Linked]:
    if node.product is None:
        return []
    links = (
        connection.execute(
            sa.select(combination_input)
            .where(combination_input.c.product_id == node.product.product_id)
            .order_by(combination_input.c.sequence)
        )
        .mappings()
        .all()
    )
    numbers = [link["exposure_number"] for link in links if link["exposure_number"] is not None]
    products = [link["input_product_id"] for link in links if link["input_product_id"] is not None]
    frames = _by_number(connection, numbers)
    made = _by_id(connection, products)
    return [
        (
            frames[link["exposure_number"]]
            if link["exposure_number"] is not None
            else made[link["input_product_id"]],
            InputRole(link["role"]),
            link["scale"],
            link["rule"],
        )
        for link in links
    ]


def _outputs(connection: Connection, node: Node) -> list[_Linked]:
    links = combination_input
    where = (
        links.c.exposure_number == node.number
        if node.product is None
        else links.c.input_product_id == node.product.product_id
    )
    query = (
        sa.select(exposure_combination, links.c.role, links.c.scale, links.c.rule)
        .join(links, links.c.product_id == exposure_combination.c.product_id)
        .where(where)
        .order_by(exposure_combination.c.utc_s, exposure_combination.c.product_id)
    )
    return [
        (Node(product=combination_of_row(row)), InputRole(row["role"]), row["scale"], row["rule"])
        for row in connection.execute(query).mappings()
    ]


def _by_number(connection: Connection, numbers: list[int]) -> dict[int, Node]:
    query = sa.select(exposure).where(any_of(exposure.c.exposure_number, numbers))
    return {
        row["exposure_number"]: Node(frame=frame_of_row(row), number=row["exposure_number"])
        for row in connection.execute(query).mappings()
    }


def _by_id(connection: Connection, product_ids: list[str]) -> dict[str, Node]:
    query = sa.select(exposure_combination).where(
        any_of(exposure_combination.c.product_id, product_ids)
    )
    return {
        row["product_id"]: Node(product=combination_of_row(row))
        for row in connection.execute(query).mappings()
    }

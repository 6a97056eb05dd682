"""Exposure combinations: masters, calibrated lights, stacks, each with what it was made of.

A product and its links are written in one transaction, after its file is on the disk: a row means a
whole file. A light that could not be calibrated has a row too, MARKED with the reason, and no file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from ctmo_indi.errors import InternalError, UnknownOrder
from ctmo_indi.models.frames import Master, ProductKind, Readout
from ctmo_indi.store import night_bundles
from ctmo_indi.store.any_of import any_of
from ctmo_indi.store.preprocessor_tables import (
    OBSCORE,
    combination_input,
    exposure_combination,
    obscore,
)
from ctmo_indi.store.readouts import band_columns, readout_columns, readout_of

_MASTERS = [kind.value for kind in ProductKind if kind.is_master]


class CombinationState(StrEnum):
    """What became of a product."""

    GOOD = "GOOD"
    REFUSED = "REFUSED"  # a master that did not pass its gates; its file is kept to be looked at
    MARKED = "MARKED"  # not made: valid masters are lacking
    FAILED = "FAILED"  # not made: an error


class InputRole(StrEnum):
    """What an input was to the product."""

    RAW = "raw"
    BIAS = "bias"
    DARK = "dark"
    FLAT = "flat"
    LIGHT = "light"  # calibrated, of a stack


@dataclass(frozen=True, slots=True)
class Input:
    """One thing a product was made of.

    Parameters
    ----------
    sha256
        Of a raw exposure of the product's bundle; "" when it is a product.
    product_id
        Of a combination; "" when it is a raw exposure.
    scale
        What it was multiplied by.
    rule
        Of a master: why this one, in words.
    """

    role: InputRole
    sha256: str = ""
    product_id: str = ""
    scale: float = 1.0
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Combination:
    """One product as it is stored.

    Parameters
    ----------
    path, size_bytes
        Of its file; None and 0 without one.
    reason
        Why it is in its state.
    settings, quality
        JSON values: what its pixels depend on, and what was measured of them.
    utc_s
        Middle of its frames, Unix seconds.
    exposure_s
        Of a dark or light; of a stack the sum; 0 of bias and flat.
    s_region
        Its footprint, STC-S; None when not solved.
    t_min_mjd, t_max_mjd
        Begin of the first and end of the last exposure, MJD (UTC).
    """

    product_id: str
    bundle_id: int
    kind: ProductKind
    state: CombinationState
    readout: Readout
    night: str
    utc_s: float
    t_min_mjd: float
    t_max_mjd: float
    t_exptime_s: float
    created_utc_s: float
    version: str
    path: Path | None = None
    size_bytes: int = 0
    reason: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    quality: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    has_bias: bool = False
    exposure_s: float = 0.0
    temperature_c: float | None = None
    telescope: str = ""
    filter_name: str = ""
    target_name: str = ""
    s_ra_deg: float | None = None
    s_dec_deg: float | None = None
    s_fov_deg: float | None = None
    s_region: str | None = None
    s_resolution_arcsec: float | None = None


_PLAIN = [
    field.name
    for field in dataclasses.fields(Combination)
    if field.name not in ("kind", "state", "readout", "path", "settings", "quality")
]


def add(connection: Connection, product: Combination, inputs: Sequence[Input]) -> bool:
    """Store a product with its links; a good one that is there already is left as it is.

    Any other row of the same id gives way: what failed or was marked is tried again. A light that
    is now calibrated takes the place of its mark, and a mark that of an older one.

    Returns
    -------
    bool
        Whether it was written.

    Raises
    ------
    InternalError
        An input is not registered.
    """
    before = get(connection, product.product_id)
    if before is not None and before.state is CombinationState.GOOD:
        return False
    links = _links(connection, product, inputs)
    if product.kind is ProductKind.CALIB_LIGHT:
        _forget_marks(connection, [link["exposure_number"] for link in links])
    if before is None or get(connection, product.product_id) is None:
        connection.execute(sa.insert(exposure_combination).values(**_columns(product)))
    else:
        connection.execute(
            sa.update(exposure_combination)
            .where(exposure_combination.c.product_id == product.product_id)
            .values(**_columns(product))
        )
        connection.execute(_links_of(product.product_id))
    if links:
        connection.execute(sa.insert(combination_input), links)
    return True


def relocate(connection: Connection, product_id: str, path: Path, size_bytes: int) -> None:
    """Say where the file of a product is now, which was moved or made again.

    Raises
    ------
    UnknownOrder
        No product with that id.
    """
    changed = connection.execute(
        sa.update(exposure_combination)
        .where(exposure_combination.c.product_id == product_id)
        .values(path=str(path), access_url=path.as_uri(), size_bytes=size_bytes)
    )
    if changed.rowcount != 1:
        raise UnknownOrder(f"no product with id {product_id!r}")


def refuse(connection: Connection, product_id: str, reason: str) -> None:
    """Take a product out of use: no plan chooses it any more.

    Raises
    ------
    UnknownOrder
        No product with that id.
    """
    changed = connection.execute(
        sa.update(exposure_combination)
        .where(exposure_combination.c.product_id == product_id)
        .values(state=CombinationState.REFUSED.value, reason=reason)
    )
    if changed.rowcount != 1:
        raise UnknownOrder(f"no product with id {product_id!r}")


def get(connection: Connection, product_id: str) -> Combination | None:
    """Return the product of that id; None when there is none."""
    found = _select(connection, exposure_combination.c.product_id == product_id)
    return found[0] if found else None


def of_bundle(connection: Connection, bundle_id: int) -> list[Combination]:
    """Return every product of a bundle, in whatever state, oldest frames first."""
    return _select(connection, exposure_combination.c.bundle_id == bundle_id)


def known_masters(
    connection: Connection, start_utc_s: float, end_utc_s: float
) -> list[tuple[Master, Mapping[str, Any]]]:  # Any: JSON
    """Return the good masters whose frames lie in a span, with the quality that was measured.

    A master that was refused is none; oldest first.
    """
    found = _select(
        connection,
        exposure_combination.c.kind.in_(_MASTERS),
        exposure_combination.c.state == CombinationState.GOOD.value,
        exposure_combination.c.utc_s >= start_utc_s,
        exposure_combination.c.utc_s < end_utc_s,
    )
    return [(_master(product), product.quality) for product in found]


def observations(
    connection: Connection, *, calib_level: int | None = None, limit: int = 1000
) -> list[dict[str, Any]]:  # Any: values of the view
    """Return rows of the ObsCore view, newest first."""
    query = sa.select(*(obscore.c[name] for name in OBSCORE)).order_by(
        obscore.c.t_min.desc(), obscore.c.obs_publisher_did
    )
    if calib_level is not None:
        query = query.where(obscore.c.calib_level == calib_level)
    return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]


def _links(
    connection: Connection, product: Combination, inputs: Sequence[Input]
) -> list[dict[str, Any]]:  # Any: values of a row
    hashes = [one.sha256 for one in inputs if one.sha256]
    numbers = night_bundles.numbers_of(connection, product.bundle_id, hashes)
    missing = [sha for sha in hashes if sha not in numbers]
    if missing:
        raise InternalError(
            f"product {product.product_id[:12]}: {len(missing)} inputs are not registered in "
            f"bundle {product.bundle_id}, the first is {missing[0][:12]}"
        )
    return [
        {
            "product_id": product.product_id,
            "sequence": sequence,
            "role": one.role.value,
            "exposure_number": numbers.get(one.sha256),
            "input_product_id": one.product_id or None,
            "scale": one.scale,
            "rule": one.rule,
        }
        for sequence, one in enumerate(inputs)
    ]


def _forget_marks(connection: Connection, numbers: Iterable[int | None]) -> None:
    """Remove what says that these exposures could not be calibrated."""
    links = combination_input
    marks = (
        sa.select(exposure_combination.c.product_id)
        .join(links, links.c.product_id == exposure_combination.c.product_id)
        .where(
            any_of(links.c.exposure_number, [number for number in numbers if number is not None]),
            exposure_combination.c.kind == ProductKind.CALIB_LIGHT.value,
            exposure_combination.c.state == CombinationState.MARKED.value,
        )
    )
    for product_id in connection.execute(marks).scalars().all():
        connection.execute(_links_of(product_id))
        connection.execute(
            sa.delete(exposure_combination).where(exposure_combination.c.product_id == product_id)
        )


def _links_of(product_id: str) -> sa.Delete:
    return sa.delete(combination_input).where(combination_input.c.product_id == product_id)


def _columns(product: Combination) -> dict[str, object]:
    return {
        **{name: getattr(product, name) for name in _PLAIN},
        **readout_columns(product.readout),
        **band_columns(product.filter_name),
        "kind": product.kind.value,
        "state": product.state.value,
        "path": "" if product.path is None else str(product.path),
        "access_url": "" if product.path is None else product.path.as_uri(),
        "settings": dict(product.settings),
        "quality": dict(product.quality),
    }


def combination_of_row(row: RowMapping) -> Combination:
    """Return the product of a row of ``exposure_combination``."""
    return Combination(
        **{name: row[name] for name in _PLAIN},
        kind=ProductKind(row["kind"]),
        state=CombinationState(row["state"]),
        readout=readout_of(row),
        path=Path(row["path"]) if row["path"] else None,
        settings=row["settings"],
        quality=row["quality"],
    )


def _master(product: Combination) -> Master:
    return Master(
        product_id=product.product_id,
        kind=product.kind,
        readout=product.readout,
        night=product.night,
        utc_s=product.utc_s,
        exposure_s=product.exposure_s,
        temperature_c=product.temperature_c,
        filter_name=product.filter_name,
        has_bias=product.has_bias,
        path=product.path,
    )


def _select(connection: Connection, *where: sa.ColumnElement[bool]) -> list[Combination]:
    query = (
        sa.select(exposure_combination)
        .where(*where)
        .order_by(exposure_combination.c.utc_s, exposure_combination.c.product_id)
    )
    return [combination_of_row(row) for row in connection.execute(query).mappings()]

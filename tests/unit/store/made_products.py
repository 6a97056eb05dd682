"""Raw frames and products for tests of the preprocessor's rows."""

from __future__ import annotations

from pathlib import Path

from ctmo_indi.models.frames import Frame, NightBundle, ProductKind, Readout, Rejected
from ctmo_indi.models.states import FrameType
from ctmo_indi.store.combinations import Combination, CombinationState

EVENING_S = 1795305600.0  # 2026-11-22T00:00:00Z, MJD 61366
READOUT = Readout("CCD", 64, 48, 2, 2, 10, 20, "fast", 90.0, None)


def raw(name: str, frame_type: FrameType = FrameType.LIGHT, **facts: object) -> Frame:
    is_light = frame_type is FrameType.LIGHT
    values: dict[str, object] = {
        "path": Path(f"/nights/20261121/{name}.fits"),
        "frame_type": frame_type,
        "readout": READOUT,
        "exposure_s": 60.0,
        "start_utc_s": EVENING_S,
        "temperature_c": -10.0,
        "filter_name": "R" if is_light else "",
        "target_name": "M 31" if is_light else "",
        "ra_deg": 10.68 if is_light else None,
        "dec_deg": 41.27 if is_light else None,
        "receipt": "O-1",
        "order_id": "7",
        "attempt_id": "A-1",
        "exposure_id": f"A-1-{name}",
        "night": "20261121",
        "telescope": "CTMO",
        "size_bytes": 8640,
        "mtime_ns": 1795305600_000000001,
        "sha256": f"sha of {name}",
        **facts,
    }
    return Frame(**values)  # type: ignore[arg-type]  # a test's own facts


def bundle(*frames: Frame, **rejected: str) -> NightBundle:
    bad = tuple(
        Rejected(Path(f"/nights/20261121/{name}.fits"), why) for name, why in rejected.items()
    )
    return NightBundle(Path("/nights/20261121"), "20261121", frames, bad)


def product(
    product_id: str, kind: ProductKind = ProductKind.BIASM, bundle_id: int = 1, **facts: object
) -> Combination:
    values: dict[str, object] = {
        "product_id": product_id,
        "bundle_id": bundle_id,
        "kind": kind,
        "state": CombinationState.GOOD,
        "readout": READOUT,
        "night": "20261121",
        "utc_s": EVENING_S,
        "t_min_mjd": 61366.0,
        "t_max_mjd": 61366.25,
        "t_exptime_s": 60.0,
        "created_utc_s": EVENING_S + 9.0,
        "version": "1",
        "path": Path(f"/nights/20261121/products/{product_id}.fits"),
        "size_bytes": 2048,
        "settings": {"method": "median"},
        "quality": {"median": 500.25},
        "telescope": "CTMO",
        "filter_name": "R",
        "target_name": "M 31",
        **facts,
    }
    return Combination(**values)  # type: ignore[arg-type]  # a test's own facts

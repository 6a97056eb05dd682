"""A trace finds what was renamed, moved or copied, and opens few files of many."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.errors import BadOrder
from ctmo_indi.models.frames import Frame, NightBundle
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor import product_index
from ctmo_indi.preprocessor.lineage import Node, folders_around, trace
from ctmo_indi.preprocessor.night import examine
from ctmo_indi.preprocessor.plan import plan_night
from ctmo_indi.preprocessor.planned import Parameters
from ctmo_indi.preprocessor.product_files import provenance, write_product
from ctmo_indi.preprocessor.product_headers import Made, product_header

from .night_frames import DAY_S, NIGHT, frames, write_fits

PLANE = np.ones((4, 5), np.float32)
MASK = np.zeros((4, 5), np.uint8)
COUNTS = {FrameType.BIAS: 5, FrameType.DARK: 5, FrameType.FLAT: 5, FrameType.LIGHT: 2}


def write_night(night: Path, number: int) -> None:
    """Write raw frames, of the same names every night, and products as headers only."""
    (night / "raw").mkdir(parents=True)
    made: list[Frame] = []
    for kind, count in COUNTS.items():
        for one in frames(kind, count, 10 * len(made), target_name=""):
            path = night / "raw" / one.path.name
            write_fits(path, seed=1000 * number + len(made))
            start_utc_s = one.start_utc_s + number * DAY_S
            made.append(
                Frame(**{**_facts(one), "path": path, "start_utc_s": start_utc_s, "sha256": "",
                         "exposure_s": 0.0 if kind is FrameType.BIAS else 60.0})
            )  # fmt: skip
    label = str(int(NIGHT) + number)
    bundle = examine(NightBundle(night / "raw", label, tuple(made)))
    plan = plan_night(bundle, [], Parameters("1"))
    files = {one.product_id: night / "products" / one.name for one in plan.products}
    for planned in plan.products:
        written = datetime(2026, 11, 22, tzinfo=UTC)
        product = Made(planned=planned, unit="adu", steps=("made",), written=written, files=files)
        header = product_header(product, fits.Header())
        write_product(files[planned.product_id], product, header, PLANE, PLANE, MASK)


def _facts(frame: Frame) -> dict[str, object]:
    return {name: getattr(frame, name) for name in Frame.__dataclass_fields__}


@pytest.fixture
def nights(tmp_path):
    for number in range(3):
        write_night(tmp_path / str(int(NIGHT) + number), number)
    return tmp_path


def product(night: Path, word: str) -> Path:
    return sorted((night / "products").glob(f"*{word}*.fits"))[0]


def paths(node: Node) -> set[Path | None]:
    return {node.path}.union(*map(paths, node.nodes))


def look(file: Path):
    return trace(file, folders_around(file))


def test_a_light_is_traced_to_the_frames_of_its_own_night(nights):
    night = nights / NIGHT
    found = look(product(night, "calib_light"))
    assert [one.role for one in found.made_of.nodes] == ["bias", "dark", "flat", "raw"]
    raw = {path for path in paths(found.made_of) if path.parent.name == "raw"}
    assert raw == {path for path in (night / "raw").iterdir() if "light-151" not in path.name}
    assert found.used_in.nodes == ()


def test_raw_frames_tell_who_asked_for_them(nights):
    night = nights / NIGHT
    (raw,) = [one for one in look(product(night, "calib_light")).made_of.nodes if one.role == "raw"]
    assert raw.asked == {}
    for keyword, value in (("RECEIPT", "O-01"), ("ORDERID", "first light"), ("EXPID", "E-7")):
        fits.setval(raw.path, keyword, value=value)
    (raw,) = [one for one in look(product(night, "calib_light")).made_of.nodes if one.role == "raw"]
    assert raw.asked == {"receipt": "O-01", "order ID": "first light", "exposure": "E-7"}


def test_a_raw_bias_is_traced_to_all_that_was_made_with_it(nights):
    night = nights / NIGHT
    found = look(night / "raw" / "bias-000.fits")
    assert found.made_of.nodes == ()
    assert paths(found.used_in) == {
        night / "raw" / "bias-000.fits",
        *(night / "products").glob("*.fits"),
    }


def test_a_renamed_product_is_found_by_its_id(nights):
    night = nights / NIGHT
    bias = product(night, "biasm")
    bias.rename(night / "products" / "my_bias.fits")
    found = look(product(night, "calib_light"))
    assert found.made_of.nodes[0].path == night / "products" / "my_bias.fits"
    assert len(found.made_of.nodes[0].nodes) == COUNTS[FrameType.BIAS]


def test_a_raw_frame_elsewhere_is_taken_by_its_bytes_not_by_its_name(nights):
    night = nights / NIGHT
    light = product(night, "calib_light")
    (raw,) = [one for one in provenance(light).inputs if one.role == "raw"]
    (night / "raw" / raw.name).unlink()
    assert look(light).made_of.nodes[3].path is None, "other nights have files of that name"
    write_night(nights / "copy", 0)
    assert look(light).made_of.nodes[3].path == nights / "copy" / "raw" / raw.name


def test_frames_of_every_spelling_are_found(nights):
    night = nights / NIGHT
    (night / "raw" / "bias-000.fits").rename(night / "raw" / "B.FTS")
    found = look(night / "raw" / "B.FTS")
    assert len(paths(found.used_in)) == 1 + len(list((night / "products").glob("*.fits")))
    names = {path.name for path in product_index.frame_files(night / "raw")}
    assert {"B.FTS", "bias-001.fits"} < names


def test_few_files_of_many_are_opened(nights, monkeypatch):
    light = product(nights / NIGHT, "calib_light")
    for number in range(100):
        shutil.copy(product(nights / str(int(NIGHT) + 1), "calib_light"), nights / NIGHT /
                    "products" / f"other_{number}.fits")  # fmt: skip
    opened = []

    def counted(path):
        opened.append(path)
        return provenance(path)

    monkeypatch.setattr(product_index, "provenance", counted)
    found = look(light)
    assert len(found.made_of.nodes) == 4
    assert len(opened) < 10


def test_what_is_no_product_is_passed_over(nights):
    products = nights / NIGHT / "products"
    (products / "empty.fits").touch()
    (products / "text.fits").write_text("XTENSION= 'BINTABLE' " + "0" * 64)
    assert look(nights / NIGHT / "raw" / "bias-000.fits").used_in.nodes
    with pytest.raises(BadOrder, match="no such file"):
        look(products / "missing.fits")

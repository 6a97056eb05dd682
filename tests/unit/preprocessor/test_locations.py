"""Only folders below a declared root are read, whatever links say."""

from __future__ import annotations

import pytest

from ctmo_indi.errors import BadOrder
from ctmo_indi.preprocessor.locations import night_folder, products_folder


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data" / "nights" / "20261121" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "plain").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data-of-others").mkdir()
    return tmp_path / "data"


def test_a_night_is_its_raw_folder_and_any_other_folder_itself(root):
    raw = root / "nights" / "20261121" / "raw"
    assert night_folder(str(raw.parent), [root]) == raw
    assert night_folder(str(raw), [root]) == raw
    assert night_folder(str(root / "plain"), [root]) == root / "plain"
    assert night_folder(str(root), [root]) == root


def test_products_lie_beside_raw_or_below_the_frames(root):
    night = root / "nights" / "20261121"
    assert products_folder(night / "raw") == night / "products"
    assert products_folder(root / "plain") == root / "plain" / "products"


@pytest.mark.parametrize("name", ["elsewhere", "data-of-others", "data/../elsewhere", "missing"])
def test_a_path_outside_the_roots_is_refused(root, name):
    with pytest.raises(BadOrder, match=r"lies outside.*expected a folder below"):
        night_folder(str(root.parent / name), [root])


def test_links_out_of_the_root_are_refused_and_those_within_are_followed(root):
    (root / "out").symlink_to(root.parent / "elsewhere")
    with pytest.raises(BadOrder, match="lies outside"):
        night_folder(str(root / "out"), [root])
    sly = root / "sly"
    sly.mkdir()
    (sly / "raw").symlink_to(root.parent / "elsewhere")
    with pytest.raises(BadOrder, match=r"sly/raw' lies outside"):
        night_folder(str(sly), [root])
    (root / "in").symlink_to(root / "plain")
    assert night_folder(str(root / "in"), [root]) == root / "plain"
    (root.parent / "alias").symlink_to(root)
    assert night_folder(str(root / "plain"), [root.parent / "alias"]) == root / "plain"


def test_what_is_no_folder_is_refused(root):
    (root / "file.fits").touch()
    for name in ("file.fits", "missing"):
        with pytest.raises(BadOrder, match="is no folder"):
            night_folder(str(root / name), [root])
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(BadOrder):
        night_folder(str(root / "loop"), [root])
    with pytest.raises(BadOrder):
        night_folder(str(root / "nul\0"), [root])

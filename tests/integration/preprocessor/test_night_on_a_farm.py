"""A night on a dask cluster: the same files as here; one that was canceled is made to the end."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from ctmo_indi.preprocessor import setting_up
from ctmo_indi.preprocessor.executors import Dask, Executor, Serial
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.night_book import NightBook
from ctmo_indi.preprocessor.night_run import NightRun, Report, RunEnded, RunParts
from ctmo_indi.preprocessor.product_files import read_planes
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.night_frames import write_night

SETTINGS = Settings(gain_e_per_adu=1.5, read_noise_e=8.0, has_previews=False)


def run(night: Path, executor: Executor, **more) -> Report:
    parameters = setting_up.parameters_of(SETTINGS)
    with (
        closing(open_database("preprocessor", night / "night.sqlite3")) as database,
        closing(Writer(database)) as writer,
    ):
        book = NightBook(database, writer, FakeClock(), parameters)
        parts = RunParts(executor, book, SETTINGS, parameters, **more)
        return NightRun(night / "raw", night / "products", parts).run()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_canceled_night_goes_on_on_a_farm_and_has_the_same_pixels(tmp_path):
    distributed = pytest.importorskip("distributed")
    here, far = tmp_path / "here", tmp_path / "far"
    write_night(
        here / "raw", seed=3, shape=(32, 32), biases=5, darks={30.0: 5}, flats={"V": 5},
        lights={("M 31", "V"): 4},
    )  # fmt: skip
    shutil.copytree(here, far)
    expected = run(here, Serial())
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        closing(Dask(cluster.scheduler_address)) as farm,
    ):
        with pytest.raises(RunEnded):
            run(far, farm, is_ended=lambda: any(far.glob("products/flatm*.fits")))
        begun = len(list(far.glob("products/*.fits")))
        assert begun < len(expected.made)
        report = run(far, farm)  # while the worker may still be at work on what was canceled
    assert report.is_complete
    assert len(report.made) + len(report.found) == len(expected.made)
    assert len(report.found) >= 2
    assert not list(far.rglob("*.part"))
    for path in expected.made:
        for ours, theirs in zip(
            read_planes(path), read_planes(far / "products" / path.name), strict=True
        ):
            assert ours.tobytes() == theirs.tobytes()

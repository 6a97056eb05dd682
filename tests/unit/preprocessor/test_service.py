"""Orders are kept before they are answered, carried out in turn, and survive whatever comes."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from astropy.io import fits

from ctmo_indi import profiles
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.errors import (
    BadOrder,
    ConflictingOrder,
    NotPermitted,
    ServiceUnreachable,
    UnknownOrder,
)
from ctmo_indi.preprocessor import engine, setting_up
from ctmo_indi.preprocessor.executors import Serial
from ctmo_indi.preprocessor.night_run import PixelTasks
from ctmo_indi.preprocessor.service import PreprocessorService
from ctmo_indi.preprocessor.worker_pool import ProcessPool
from ctmo_indi.preprocessor_settings import PreprocessorSettings
from ctmo_indi.store import calibration_jobs
from ctmo_indi.testing import fake_products
from ctmo_indi.testing.night_frames import write_night
from ctmo_indi.work_orders.access import Caller, Role

CALLER = Caller("anonymous", Role.OPERATE, "127.0.0.1")
LIMIT_S = 20.0
TASKS = PixelTasks(fake_products.look, fake_products.make, fake_products.check)


class Stage:
    """A data folder with one night, and services over it, one after the other."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.night = data / "nights" / "20261121"
        self.raw = self.night / "raw"
        write_night(
            self.raw, seed=3, shape=(16, 16), biases=5, darks={30.0: 5}, flats={"V": 5},
            lights={("M 31", "V"): 2},
        )  # fmt: skip
        self.profile = profiles.load("simulators")
        self.settings = PreprocessorSettings()
        self.service: PreprocessorService | None = None

    def start(self, executor=None) -> None:
        config = replace(Config(), data_dir=self.data, preprocessing=self.settings)
        self.service = PreprocessorService(
            config,
            self.profile,
            SystemClock(),
            executor=executor or Serial(),
            quick_executor=Serial(),
            tasks=TASKS,
            wait_for_room_machine_s=0.05,
        )
        self.service.start()
        self.service.on_ready()

    def stop(self) -> None:
        if self.service is not None:
            self.service.stop(LIMIT_S)
            self.service = None

    def ask(self, order, caller=CALLER):
        desk = self.service.desks[0][0]
        return asyncio.run(desk.handle(order, caller))

    def calibrate(self, location: Path | None = None, **more):
        address = (location or self.night).as_uri()
        order = {"Request": "Exposure Calibration", "File Location": address, **more}
        return self.ask(order)

    def status(self, receipt: str):
        return self.ask({"WOType": "Status", "Receipt": receipt})

    def until(self, receipt: str, *states: str):
        end_s = time.monotonic() + LIMIT_S
        while time.monotonic() < end_s:
            reply = self.status(receipt)
            if reply["Status"] in states:
                return reply
            time.sleep(0.01)
        raise AssertionError(f"{reply} expected {states}")

    def switch(self, name: str) -> Path:
        (self.raw / name).touch()
        return self.raw / name


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setattr(setting_up.shutil, "which", lambda _: None)  # no solver, no stacks
    made = Stage(tmp_path / "data")
    yield made
    for switch in ("hold", "full"):
        (made.raw / switch).unlink(missing_ok=True)
    made.stop()


def test_an_order_is_answered_at_once_and_carried_out(stage):
    stage.start()
    hold = stage.switch("hold")
    reply = stage.calibrate(ID="7", User="Main Module")
    assert reply["Status"] == "PENDING"
    assert reply["Message"].startswith("Work order received.")
    assert (reply["ID"], reply["Kind"]) == ("7", "Exposure Calibration")
    going = stage.until(reply["Receipt"], "IN_PROGRESS")
    assert going["Folder"] == str(stage.raw)
    service = stage.ask({"WOType": "Status"})
    assert (service["Status"], service["Open Orders"]) == ("ENABLED", 1)
    hold.unlink()
    done = stage.until(reply["Receipt"], "COMPLETED")
    assert done["Reasons"] == ["night 20261121: 5 products made"]
    assert done["Message"] == "completed, 5 of 5 products"
    assert len(list((stage.night / "products").glob("*.fits"))) == 5
    assert stage.ask({"WOType": "Status", "User": "Main Module", "ID": "7"})["ID"] == "7"
    listed = stage.ask({"WOType": "Status", "All": True})["Orders"]
    assert [one["Receipt"] for one in listed] == [reply["Receipt"]]
    with pytest.raises(BadOrder, match=r"Properties: came .* expected at telescope"):
        stage.ask({"WOType": "Status", "Properties": ["a.B.C"]})
    kinds = {one["Kind"] for one in stage.ask({"WOType": "Events", "Cursor": 0})["Events"]}
    assert "order" in kinds


def test_the_same_order_again_is_the_same_and_with_other_content_refused(stage):
    stage.start()
    first = stage.calibrate(ID="7", User="ada")
    assert stage.calibrate(ID="7", User="ada")["Receipt"] == first["Receipt"]
    with pytest.raises(ConflictingOrder):
        stage.calibrate(stage.raw, ID="7", User="ada")
    assert stage.calibrate(ID="8", User="ada")["Receipt"] != first["Receipt"]


@pytest.mark.parametrize(
    "address",
    ["file:///etc", "file:///{data}/../elsewhere", "file://other.example/data", "https://a/b",
     "file:///{data}/missing", "file:///{data}/link", "{data}"],
)  # fmt: skip
def test_a_location_that_may_not_be_read_is_refused(stage, address):
    (stage.data.parent / "elsewhere").mkdir()
    (stage.data / "link").symlink_to(stage.data.parent / "elsewhere")
    stage.start()
    order = {
        "Request": "Exposure Calibration",
        "File Location": address.format(data=str(stage.data).lstrip("/")),
    }
    with pytest.raises(BadOrder, match="File Location"):
        stage.ask(order)
    assert stage.ask({"WOType": "Status", "All": True})["Orders"] == []


def test_the_roots_of_the_configuration_are_those_that_count(stage, tmp_path):
    stage.settings = PreprocessorSettings(roots=(tmp_path / "other",))
    stage.start()
    with pytest.raises(BadOrder, match=r"expected a folder below .*other"):
        stage.calibrate()


def test_an_order_under_way_goes_on_after_an_orderly_stop_however_often(stage):
    hold = stage.switch("hold")
    receipt = ""
    for _ in range(calibration_jobs.MOST_STARTS + 1):
        stage.start(ProcessPool(1))
        receipt = receipt or stage.calibrate()["Receipt"]
        stage.until(receipt, "IN_PROGRESS")
        stage.stop()
    hold.unlink()
    stage.start()
    assert stage.until(receipt, "COMPLETED", "FAILED")["Status"] == "COMPLETED"


def test_an_order_under_way_when_the_process_was_killed_goes_on(stage):
    """What the database says after a kill -9 is IN_PROGRESS; here it is left so."""
    stage.start(ProcessPool(1))
    stage.switch("hold")
    receipt = stage.calibrate()["Receipt"]
    stage.until(receipt, "IN_PROGRESS")
    stage.service._orders.give_back = lambda receipt: None
    stage.stop()
    (stage.raw / "hold").unlink()
    stage.start()
    assert stage.until(receipt, "COMPLETED")["Reasons"] == ["night 20261121: 5 products made"]


def test_orders_are_canceled_while_they_wait_and_while_they_run(stage):
    stage.start(ProcessPool(1))
    hold = stage.switch("hold")
    running = stage.calibrate()["Receipt"]
    waiting = stage.calibrate()["Receipt"]
    stage.until(running, "IN_PROGRESS")
    assert stage.ask({"WOType": "Cancel", "Receipt": waiting})["Status"] == "CANCELED"
    stage.ask({"WOType": "Cancel", "Receipt": running, "Reason": "wrong night"})
    ended = stage.until(running, "CANCELED")
    assert ended["Reasons"] == ["canceled by anonymous: wrong night"]
    hold.unlink()
    assert stage.ask({"WOType": "Cancel", "Receipt": running})["Status"] == "CANCELED"
    last = stage.calibrate()["Receipt"]
    assert stage.until(last, "COMPLETED")
    with pytest.raises(UnknownOrder):
        stage.ask({"WOType": "Cancel", "Receipt": "O-NONE"})
    stranger = Caller("eve", Role.SUBMIT, "10.0.0.7", is_known=True)
    with pytest.raises(NotPermitted):
        stage.ask({"WOType": "Cancel", "Receipt": last, "User": "eve"}, stranger)


def test_a_canceled_order_tells_what_was_made_until_then(stage, monkeypatch):
    monkeypatch.setattr(engine, "PROGRESS_PERIOD_MACHINE_S", 3600.0)  # written at the end only
    stage.start(ProcessPool(1))
    receipt = stage.calibrate()["Receipt"]
    end_s = time.monotonic() + LIMIT_S
    while not list((stage.night / "products").glob("biasm*.fits")):
        assert time.monotonic() < end_s
    stage.switch("hold")
    while "making products: 0 of" in (told := stage.status(receipt)["Progress"]):
        assert time.monotonic() < end_s
    stage.ask({"WOType": "Cancel", "Receipt": receipt})
    ended = stage.until(receipt, "CANCELED", "COMPLETED")
    assert told.startswith("making products: ")
    assert int(ended["Message"].split()[1]) >= int(told.split()[2]) >= 1


def test_on_a_full_disk_an_order_waits_with_the_reason_and_goes_on(stage):
    stage.start()
    full = stage.switch("full")
    receipt = stage.calibrate()["Receipt"]
    end_s = time.monotonic() + LIMIT_S
    while "No space left" not in str(stage.status(receipt)["Progress"]):
        assert time.monotonic() < end_s
        time.sleep(0.01)
    assert stage.status(receipt)["Status"] == "IN_PROGRESS"
    assert list((stage.night).glob("products/*.fits")) == []
    full.unlink()
    assert stage.until(receipt, "COMPLETED")["Reasons"] == ["night 20261121: 5 products made"]


def test_without_the_farm_an_order_waits_with_the_reason_and_goes_on(stage):
    class Farm(Serial):
        is_there = False

        def next_outcome(self, timeout_s):
            if not self.is_there:
                raise ServiceUnreachable("tcp://head:8786: no dask scheduler answers")
            return super().next_outcome(timeout_s)

    farm = Farm()
    stage.start(farm)
    receipt = stage.calibrate()["Receipt"]
    end_s = time.monotonic() + LIMIT_S
    while "no dask scheduler answers" not in str(stage.status(receipt)["Progress"]):
        assert time.monotonic() < end_s
        time.sleep(0.01)
    farm.is_there = True
    assert stage.until(receipt, "COMPLETED")["Reasons"] == ["night 20261121: 5 products made"]


def test_a_killed_worker_costs_nothing(stage):
    stage.switch("kill")
    stage.start(ProcessPool(1))
    receipt = stage.calibrate()["Receipt"]
    assert stage.until(receipt, "COMPLETED")["Reasons"] == ["night 20261121: 5 products made"]


def test_a_folder_that_went_away_fails_the_order_and_the_next_one_runs(stage):
    stage.start()
    hold = stage.switch("hold")
    first = stage.calibrate()["Receipt"]
    gone = stage.data / "gone"
    gone.mkdir()
    lost = stage.calibrate(gone)["Receipt"]
    os.rmdir(gone)
    hold.unlink()
    assert stage.until(first, "COMPLETED")
    failed = stage.until(lost, "FAILED")
    assert "No such file" in failed["Failure"]
    assert stage.service.health().is_alive
    assert stage.until(stage.calibrate()["Receipt"], "COMPLETED")


def test_a_frame_that_lacks_its_masters_is_told_in_the_reasons(stage):
    for path in stage.raw.glob("flat*"):
        path.unlink()
    stage.start()
    done = stage.until(stage.calibrate()["Receipt"], "COMPLETED")
    assert done["Reasons"][0] == "night 20261121: 2 products made, 2 not made"
    assert "no master flat" in done["Reasons"][1]


def test_what_the_lights_of_the_last_nights_lack_is_told_with_its_orders(stage):
    for path in stage.raw.glob("flat_*"):
        path.unlink()
    stage.start()
    assert stage.ask({"WOType": "Status", "Debt": "20261122"})["Debt"] == []  # nothing is known
    done = stage.until(stage.calibrate(ID="7", User="ada")["Receipt"], "COMPLETED")
    assert any("no master flat" in reason for reason in done["Reasons"])
    debt = {"WOType": "Status", "User": "ada", "Debt": "20261122"}
    (flat,) = stage.ask(debt)["Debt"]
    assert (flat["Frame Type"], flat["Filter"], flat["Lights"]) == ("Flat", "V", 2)
    order = flat["Order"]
    assert (order["Exposure Time"], order["Number of Exposures"]) == (0.08, 6)
    assert order["ID"].startswith("calibration-20261122-flat-")
    assert stage.ask(debt)["Debt"] == [flat]


def test_what_the_night_has_taken_counts_in_what_it_may_take(stage):
    for path in stage.raw.glob("flat_*"):
        path.unlink()
    taken_s = sum(
        fits.getval(path, "EXPTIME")
        for path in stage.raw.glob("*.fits")
        if path.name.startswith(("bias", "dark"))
    )
    calibration = replace(stage.profile.calibration, most_s_a_night=taken_s + 0.4)
    stage.profile = replace(stage.profile, calibration=calibration)
    stage.start()
    stage.until(stage.calibrate(ID="7", User="ada")["Receipt"], "COMPLETED")

    def flat(night: str):
        (owed,) = stage.ask({"WOType": "Status", "User": "ada", "Debt": night})["Debt"]
        return owed

    assert "Order" not in flat("20261121")
    assert "0.4 s are left" in flat("20261121")["Obstacle"]
    assert flat("20261122")["Order"]["Exposure Time"] == 0.08

from __future__ import annotations

import threading

import pytest

from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import (
    CommandCanceled,
    CommandTimeout,
    DriverLost,
    Interlocked,
    InvalidCommand,
    Unsafe,
)
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models.states import FrameType
from ctmo_indi.testing.fake_instruments import CAMERA, FakeInstruments
from ctmo_indi.testing.verdicts import OBSERVER_LOCK, UNSAFE


def wait_for_exposure(client: FakeInstruments) -> None:
    started = threading.Event()
    unsubscribe = client.subscribe(lambda _: started.set() if is_busy(client) else None)
    try:
        assert is_busy(client) or started.wait(5.0)
    finally:
        unsubscribe()


def is_busy(client: FakeInstruments) -> bool:
    return client.get(CAMERA, "CCD_EXPOSURE").state is PropertyState.BUSY


@pytest.mark.parametrize(
    ("frame_type", "element"),
    [
        (FrameType.DARK, "FRAME_DARK"),
        (FrameType.FLAT, "FRAME_FLAT"),
        (FrameType.BIAS, "FRAME_BIAS"),
    ],
)
def test_frame_type_is_set(
    observatory: Observatory, client: FakeInstruments, frame_type: FrameType, element: str
) -> None:
    frame = observatory.camera.expose(5.0, frame_type, 2).wait()
    assert frame.data == b"frame"
    assert frame.binning == 2
    assert client.commands_to("CCD_FRAME_TYPE") == [{element: True}]
    assert client.commands_to("CCD_BINNING") == [{"HOR_BIN": 2.0, "VER_BIN": 2.0}]


def test_bias_takes_the_shortest_exposure_of_the_driver(
    observatory: Observatory, client: FakeInstruments
) -> None:
    frame = observatory.camera.expose(0.0, FrameType.BIAS).wait()
    assert frame.exposure_s == 0.01


def test_what_is_so_already_is_not_sent_again(
    observatory: Observatory, client: FakeInstruments
) -> None:
    observatory.camera.expose(1.0, FrameType.DARK).wait()
    client.sent.clear()
    observatory.camera.expose(1.0, FrameType.DARK).wait()
    assert [prop for _, prop, _ in client.sent] == ["CCD_EXPOSURE"]


def test_frame_alone_does_not_end_an_exposure(
    observatory: Observatory, client: FakeInstruments
) -> None:
    client.holds_exposure = True
    exposure = observatory.camera.expose(5.0, FrameType.DARK)
    wait_for_exposure(client)
    client.deliver(CAMERA, b"early")
    assert not exposure.done()
    with pytest.raises(InvalidCommand, match="under way"):
        observatory.camera.expose(5.0, FrameType.DARK)
    client.update(CAMERA, "CCD_EXPOSURE", state=PropertyState.OK)
    assert exposure.wait().data == b"early"


def test_ok_alone_does_not_end_an_exposure(
    observatory: Observatory, client: FakeInstruments
) -> None:
    client.holds_exposure = True
    exposure = observatory.camera.expose(5.0, FrameType.DARK)
    wait_for_exposure(client)
    client.update(CAMERA, "CCD_EXPOSURE", state=PropertyState.OK)
    assert not exposure.done()
    client.deliver(CAMERA, b"late")
    assert exposure.wait().data == b"late"


def test_somebody_elses_exposure_is_not_replaced(
    observatory: Observatory, client: FakeInstruments
) -> None:
    client.update(CAMERA, "CCD_EXPOSURE", state=PropertyState.BUSY)
    with pytest.raises(InvalidCommand, match="somebody else"):
        observatory.camera.expose(5.0, FrameType.DARK)
    assert client.commands_to("CCD_EXPOSURE") == []


def test_abort_brings_no_frame(observatory: Observatory, client: FakeInstruments) -> None:
    client.holds_exposure = True
    exposure = observatory.camera.expose(500.0, FrameType.DARK)
    wait_for_exposure(client)
    assert exposure.abort().wait().exposing is False
    with pytest.raises(CommandCanceled):
        exposure.wait()
    client.holds_exposure = False
    assert observatory.camera.expose(1.0, FrameType.DARK).wait().data == b"frame"


def sent_unanswered(client: FakeInstruments) -> threading.Event:
    """Let the driver take exposures and say nothing; set when it was sent one."""
    sent = threading.Event()
    client.on_command(CAMERA, "CCD_EXPOSURE", lambda _: sent.set())
    return sent


def test_an_exposure_that_the_driver_has_not_confirmed_yet_is_aborted(
    observatory: Observatory, client: FakeInstruments
) -> None:
    sent = sent_unanswered(client)
    exposure = observatory.camera.expose(500.0, FrameType.DARK)
    assert sent.wait(5.0)
    exposure.abort().wait()
    assert client.commands_to("CCD_ABORT_EXPOSURE") == [{"ABORT": True}]
    with pytest.raises(CommandCanceled):
        exposure.wait()


def test_an_exposure_that_the_driver_never_confirmed_is_aborted_once(
    observatory: Observatory, client: FakeInstruments
) -> None:
    sent = sent_unanswered(client)
    exposure = observatory.camera.expose(500.0, FrameType.DARK)
    assert sent.wait(5.0)
    client.judge_overdue()
    with pytest.raises(CommandTimeout):
        exposure.wait()
    exposure.abort().wait()
    exposure.abort().wait()
    assert client.commands_to("CCD_ABORT_EXPOSURE") == [{"ABORT": True}]


def test_an_exposure_that_ends_while_the_camera_is_set_is_never_sent(
    observatory: Observatory, client: FakeInstruments
) -> None:
    setting = threading.Event()
    client.on_command(CAMERA, "CCD_BINNING", lambda _: setting.set())
    exposure = observatory.camera.expose(500.0, FrameType.DARK, 2)
    assert setting.wait(5.0)
    exposure.abort().wait()
    assert client.commands_to("CCD_EXPOSURE") == []
    assert client.commands_to("CCD_ABORT_EXPOSURE") == []


@pytest.mark.parametrize("exposure_s", [-1.0, 1e6, float("nan"), float("inf")])
def test_impossible_exposure_time_is_refused(
    observatory: Observatory, client: FakeInstruments, exposure_s: float
) -> None:
    with pytest.raises(InvalidCommand, match="expected"):
        observatory.camera.expose(exposure_s, FrameType.DARK)
    assert client.sent == []


def test_driver_that_dies_ends_the_exposure(
    observatory: Observatory, client: FakeInstruments
) -> None:
    client.holds_exposure = True
    exposure = observatory.camera.expose(500.0, FrameType.DARK)
    wait_for_exposure(client)
    client.remove_device(CAMERA)
    with pytest.raises(DriverLost):
        exposure.wait()


def test_calibration_frames_need_no_safe_verdict(
    observatory: Observatory, client: FakeInstruments
) -> None:
    observatory.hear_verdict(UNSAFE)
    assert observatory.camera.expose(1.0, FrameType.DARK).wait().data == b"frame"


class TestLight:
    @pytest.fixture
    def ready(
        self, opened: Observatory, client: FakeInstruments, target: tuple[float, float]
    ) -> Observatory:
        opened.mount.slew(*target)
        azimuth_deg = opened.dome_azimuth_deg(*target)
        assert azimuth_deg is not None
        opened.dome.goto(azimuth_deg).wait()
        return opened

    def test_is_taken_when_mount_and_dome_are_there(
        self, ready: Observatory, target: tuple[float, float]
    ) -> None:
        frame = ready.camera.expose(10.0, FrameType.LIGHT, target_icrs_deg=target).wait()
        assert (frame.ended_utc - frame.started_utc).total_seconds() == pytest.approx(10.0)

    def test_is_refused_off_target(
        self, ready: Observatory, client: FakeInstruments, target: tuple[float, float]
    ) -> None:
        with pytest.raises(Interlocked, match="on target"):
            ready.camera.expose(10.0, FrameType.LIGHT, target_icrs_deg=(target[0] + 1.0, target[1]))

    def test_is_refused_without_tracking(
        self, ready: Observatory, client: FakeInstruments, target: tuple[float, float]
    ) -> None:
        client.set_tracking(False)
        with pytest.raises(Interlocked, match="not tracking"):
            ready.camera.expose(10.0, FrameType.LIGHT, target_icrs_deg=target)

    def test_is_refused_with_the_dome_elsewhere(
        self, ready: Observatory, target: tuple[float, float]
    ) -> None:
        ready.dome.goto(300.0).wait()
        with pytest.raises(Interlocked, match="dome at azimuth"):
            ready.camera.expose(10.0, FrameType.LIGHT, target_icrs_deg=target)

    def test_is_refused_with_the_shutter_closed(
        self, ready: Observatory, client: FakeInstruments, target: tuple[float, float]
    ) -> None:
        client.set_shutter(False)
        with pytest.raises(Interlocked, match="the shutter is CLOSED"):
            ready.camera.expose(10.0, FrameType.LIGHT, target_icrs_deg=target)

    def test_every_reason_is_named(
        self, ready: Observatory, client: FakeInstruments, target: tuple[float, float]
    ) -> None:
        client.set_tracking(False)
        client.set_shutter(False)
        ready.hear_verdict(UNSAFE)
        with pytest.raises(Unsafe) as caught:
            ready.camera.expose(10.0, FrameType.LIGHT, target_icrs_deg=target)
        for reason in ("wind 30 km/h", "not tracking", "the shutter is CLOSED"):
            assert reason in str(caught.value)


def test_observer_lock_keeps_the_camera_still(observatory: Observatory) -> None:
    observatory.hear_verdict(OBSERVER_LOCK)
    with pytest.raises(Exception, match="observer lock"):
        observatory.camera.expose(1.0, FrameType.DARK)

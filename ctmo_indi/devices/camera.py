"""The camera: one exposure at a time, from its settings to the frame in hand.

An exposure is over when **both** the frame and CCD_EXPOSURE = Ok are here: the frame may come
first, and an exposure sent between the two is lost; a second one sent while the first runs silently
replaces it (INDI 1.9.9).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.devices.description import Description
from ctmo_indi.devices.device import Device, Surroundings
from ctmo_indi.devices.interlocks import MotionKind, MotionRequest
from ctmo_indi.devices.link import DeviceLink, PendingCommand
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.own_moves import OwnMoves
from ctmo_indi.errors import BadFrame, CommandCanceled, CommandTimeout, InvalidCommand
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Equipment, Profile

_SHORTEST_S = 0.001


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """What the camera is now; None is "not known"."""

    connected: bool
    exposing: bool | None = None
    remaining_s: float | None = None
    temperature_c: float | None = None
    binning: int | None = None
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as the driver made it.

    Parameters
    ----------
    data, path
        The bytes (a FITS file), or where the driver saved them.
    exposure_s
        As asked for; the driver's shortest for a bias.
    started_utc, ended_utc
        When the driver began, and when the exposure time was over.
    """

    data: bytes | None
    path: Path | None
    format: str
    frame_type: FrameType
    exposure_s: float
    binning: int
    started_utc: datetime
    ended_utc: datetime


class Exposure(Motion[Frame]):
    """An exposure under way: ``wait()`` gives the :class:`Frame`, :meth:`abort` stops it."""

    def __init__(
        self,
        label: str,
        camera: Camera,
        clock: Clock,
        moves: OwnMoves,
        body: Callable[[Motion[Frame]], Frame],
    ) -> None:
        super().__init__(label, camera.name, clock, moves, body)
        self._camera = camera
        # It was sent and is not followed to its end: whatever the driver says now, it may begin it.
        self.may_begin = False

    def abort(self) -> Motion[CameraStatus]:
        """Stop the exposure; waiters get CommandCanceled, there will be no frame."""
        return self._camera.abort()


class Camera(Device):
    """A camera; any thread."""

    def __init__(
        self,
        client: DeviceLink,
        description: Description,
        equipment: Equipment,
        profile: Profile,
        clock: Clock,
        surroundings: Surroundings | None = None,
    ) -> None:
        super().__init__(client, description, equipment, profile, clock, surroundings)
        self._lock = threading.Lock()
        self._exposure: Exposure | None = None

    def status(self) -> CameraStatus:
        """Return what is known now; does not ask the driver."""
        if not self.is_connected:
            return CameraStatus(connected=False)
        binning = self.number("binning", "horizontal")
        return CameraStatus(
            connected=True,
            exposing=self._exposing(),
            remaining_s=self.number("exposure", "remaining_s"),
            temperature_c=self.number("temperature", "temperature_c"),
            binning=None if binning is None else round(binning),
            age_s=self.age_s("exposure"),
        )

    def expose(
        self,
        exposure_s: float,
        frame_type: FrameType,
        binning: int = 1,
        prefix: str = "",
        target_icrs_deg: tuple[float, float] | None = None,
    ) -> Exposure:
        """Start an exposure; returns at once.

        Parameters
        ----------
        exposure_s
            Not negative; a bias takes the driver's shortest.
        prefix
            File name without suffix, used when the device file says ``upload: local``.
        target_icrs_deg
            What a Light frame is of: the interlocks check that mount and dome are there.

        Raises
        ------
        InvalidCommand
            An exposure is under way, or the driver cannot expose that long.
        SafetyError
            The interlocks refuse.
        """
        kind = (
            MotionKind.EXPOSE_LIGHT
            if frame_type is FrameType.LIGHT
            else MotionKind.EXPOSE_CALIBRATION
        )
        request = MotionRequest(kind, target_icrs_deg)
        seconds = self._exposure_time(exposure_s, frame_type)
        with self._lock:
            if self._exposure is not None and not self._exposure.done():
                raise InvalidCommand(f"{self.name}: {self._exposure.label} is under way")
            if self._exposing() is True:
                raise InvalidCommand(f"{self.name}: somebody else's exposure is under way")
            self.check(request)

            def body(motion: Motion[Frame]) -> Frame:
                self._prepare(motion, frame_type, binning, prefix)
                return self._take(exposure, seconds, frame_type, binning, request)

            label = f"{seconds:g} s {frame_type} with {self.name}"
            exposure = Exposure(label, self, self._clock, self._around.moves, body)
            self._exposure = exposure
        exposure.start()
        return exposure

    def abort(self) -> Motion[CameraStatus]:
        """Stop whatever exposure there is; nothing to do is fine.

        One that is not sent yet never is; one that the driver has not confirmed yet is aborted.
        """
        self.allow(MotionKind.ABORT_EXPOSURE)
        exposure = self._exposure
        if exposure is not None and not exposure.done():
            exposure.cancel("the exposure was aborted")

        def body(motion: Motion[CameraStatus]) -> CameraStatus:
            if exposure is not None:
                # Its thread may be about to send: only then is what we read the last word.
                exposure.join()
            may_begin = exposure is not None and exposure.may_begin
            if may_begin or self._exposing() is not False:
                self.perform(motion, "abort")
                if not self.wait_until(motion, lambda: self._exposing() is False, 5.0):
                    raise CommandTimeout(f"{motion.label}: it still exposes 5 s after the abort")
                if exposure is not None:
                    exposure.may_begin = False
            return self.status()

        return self.begin("abort exposure", body)

    def set_temperature(self, temperature_c: float) -> Motion[CameraStatus]:
        """Cool or warm the chip; ends when it is there."""

        def body(motion: Motion[CameraStatus]) -> CameraStatus:
            self.perform(motion, "set_temperature", {"temperature_c": temperature_c})
            return self.status()

        return self.begin("cool", body)

    def _exposure_time(self, exposure_s: float, frame_type: FrameType) -> float:
        snapshot = self.snapshot("exposure")
        element = self.element("exposure", "remaining_s")
        allowed = None if snapshot is None else snapshot.ranges.get(element)
        shortest_s = allowed.minimum if allowed and allowed.minimum > 0 else _SHORTEST_S
        seconds = shortest_s if frame_type is FrameType.BIAS else max(exposure_s, shortest_s)
        if not exposure_s >= 0 or (allowed is not None and not allowed.contains(seconds)):
            longest = f" to {allowed.maximum:g}" if allowed else ""
            raise InvalidCommand(
                f"{self.name}: exposure of {exposure_s} s, expected {shortest_s:g}{longest} s"
            )
        return seconds

    def _prepare(
        self, motion: Motion[Frame], frame_type: FrameType, binning: int, prefix: str
    ) -> None:
        self._restore(motion)
        if self.description.can("set_binning") and self.status().binning != binning:
            self.perform(motion, "set_binning", {"binning": float(binning)})
        operation = f"frame_{frame_type.lower()}"
        if self.description.can(operation) and not self._stands(operation):
            self.perform(motion, operation)
        if self.description.quirks.get("upload") == "local":
            self.perform(motion, "set_upload", {"prefix": prefix})

    def _restore(self, motion: Motion[Frame]) -> None:
        """Undo what another client chose for its own frames: a part of the chip, other uploads."""
        commanded = {entry.property for entry in self.description.operations.values()}
        for prop, values in self._configured.items():
            if prop not in commanded and self._client.get(self.name, prop) is not None:
                self._set_first(motion, prop, values, 2.0)
        width, height = self.number("chip", "width_pixel"), self.number("chip", "height_pixel")
        is_known = bool(width and height) and self.number("frame", "width") is not None
        if not is_known or not self.description.can("set_frame"):
            return
        wanted = {"x": 0.0, "y": 0.0, "width": width, "height": height}
        if any(self.number("frame", word) != value for word, value in wanted.items()):
            self.perform(motion, "set_frame", {"width": width or 0.0, "height": height or 0.0})

    def let_go(self, reason: str) -> None:
        """Follow no operation of ours any longer, an exposure neither; the camera is not told."""
        super().let_go(reason)
        exposure = self._exposure
        if exposure is not None:
            exposure.cancel(reason)

    def _stands(self, operation: str) -> bool:
        entry = self.description.operation(operation)
        return all(
            self.switch_of(entry.property, element) is value
            for element, value in entry.values.items()
        )

    def _take(
        self,
        exposure: Exposure,
        seconds: float,
        frame_type: FrameType,
        binning: int,
        request: MotionRequest,
    ) -> Frame:
        exposure.check_canceled()
        readout_s = self.description.quirk("readout_s", 30.0)
        future = self._client.expect_frame(self.name, self.element("image", "data"))
        try:
            command = self.send(
                "expose",
                {"exposure_s": seconds},
                extra_s=seconds + readout_s,
                supersede=False,
                request=request,
            )
            try:
                exposure.follow(command)
            except (CommandCanceled, CommandTimeout):
                exposure.may_begin = True
                raise
            with exposure.holding(future):
                received = future.wait(readout_s)
        except BaseException:
            future.cancel("the exposure failed")
            raise
        if received.data is None and received.path is None:
            raise BadFrame(f"{exposure.label}: neither bytes nor a file came")
        started_utc = self._started_utc(command, seconds)
        return Frame(
            data=received.data,
            path=received.path,
            format=received.format,
            frame_type=frame_type,
            exposure_s=seconds,
            binning=binning,
            started_utc=started_utc,
            ended_utc=started_utc + timedelta(seconds=seconds),
        )

    def _started_utc(self, command: PendingCommand, seconds: float) -> datetime:
        now, elapsed_s = self._clock.utc(), self._clock.elapsed_s()
        for state, at_s in command.transitions:
            if state is PropertyState.BUSY:
                return now - timedelta(seconds=elapsed_s - at_s)
        return now - timedelta(seconds=seconds)

    def _exposing(self) -> bool | None:
        snapshot = self.snapshot("exposure")
        return None if snapshot is None else snapshot.state is PropertyState.BUSY

"""The exposure loop: the next exposure runs while the last frame is being stored.

Every exposure is journaled before it starts and again when its frame is durable. The next one's
INTENT is written while the present one runs, so that nothing stands between two exposures but the
start command.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Any

from ctmo_indi.errors import (
    BadFrame,
    CommandTimeout,
    CtmoError,
    DriverLost,
    ForeignMotion,
    Interlocked,
    NotConnected,
    StoreUnavailable,
)
from ctmo_indi.kill_points import passing
from ctmo_indi.models.coordinates import separation_deg
from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.telescope.attempt import Ending
from ctmo_indi.telescope.dome_follow import THRESHOLD_DEG, target_deg
from ctmo_indi.telescope.hands import ExposureHandle, ExposureSpec, RawFrame
from ctmo_indi.telescope.procedure import All, Steps, Until, afterwards
from ctmo_indi.telescope.scene import ExposurePlan, Observed, Scene, devices_there, permission

_log = logging.getLogger(__name__)

RETRIED = (NotConnected, BadFrame)
BEGIN_MACHINE_S = 1.0
OFF_TARGET_DEG = 0.5
POINT_AGAIN_ARCSEC = 5.0
"""A target that has moved by less since the last slew is not pointed at again."""

Place = tuple[float, float]
"""RA and Dec, ICRS degrees."""

Prepare = Callable[[Scene], Steps[None]]


class _Loop:
    """What the loop remembers between exposures."""

    def __init__(self, scene: Scene, point: Prepare) -> None:
        self._scene = scene
        self.point = point
        self._number = 0
        self._next: tuple[ExposurePlan, Future[None]] | None = None
        self._taken: tuple[ExposurePlan, RawFrame, Observed] | None = None
        self.is_prepared = True
        self.is_repeated = False
        self._first_utc: datetime | None = None
        self.keeping: list[Future[ExposureRecord]] = []
        self.forgetting: list[Future[None]] = []

    def intend(self, sequence: int) -> tuple[ExposurePlan, Future[None]]:
        """Journal the exposure for frame ``sequence``, unless that was done ahead."""
        if self._next is not None and self._next[0].sequence == sequence:
            ready, self._next = self._next, None
            return ready
        self._number += 1
        plan = self._scene.frames.plan(self._scene.attempt, self._number, sequence)
        return plan, self._scene.frames.intend(plan)

    def intend_ahead(self, sequence: int) -> None:
        """Journal the following exposure while the present one runs."""
        if self._next is None and sequence <= self._scene.request.count:
            self._next = self.intend(sequence)

    def take(self, plan: ExposurePlan, raw: RawFrame, observed: Observed) -> None:
        """Hold a frame until :meth:`keep_taken`."""
        self._taken = (plan, raw, observed)
        now_utc = self._scene.clock.utc()
        self._first_utc = self._first_utc or raw.started_utc or observed.asked_utc
        exposing_s = None if self.is_repeated else (now_utc - self._first_utc).total_seconds()
        self._scene.attempt.took = replace(self._scene.attempt.took, exposing_s=exposing_s)

    def keep_taken(self) -> None:
        """Have the held frame stored.

        Once the next exposure runs, or has to wait for something, not before: storing competes for
        the interpreter with the threads that start it (measured: 30 ms of the gap between two
        exposures).
        """
        if self._taken is not None:
            self.keeping.append(self._scene.frames.keep(*self._taken))
            self._taken = None

    def stored(self) -> list[ExposureRecord]:
        """Return what is durable so far, in the order it was exposed."""
        return [f.result() for f in self.keeping if f.done() and f.exception() is None]

    def forget(self, plan: ExposurePlan, why: str) -> None:
        """Journal that an exposure gave no frame."""
        self.forgetting.append(self._scene.frames.forget(plan, why))

    def forget_ahead(self) -> None:
        """Forget the exposure that was journaled ahead and will not be made."""
        if self._next is not None:
            self.forget(self._next[0], "not begun")
            self._next = None

    def raise_failures(self) -> None:
        """Raise what hindered a frame from being stored: no more are taken then."""
        for future in self.keeping:
            if future.done() and (error := future.exception()) is not None:
                raise error

    def require_stored(self) -> None:
        """Raise unless every frame is durable."""
        self.raise_failures()
        late = sum(not future.done() for future in self.keeping)
        if late:
            raise StoreUnavailable(f"{late} frames were not stored in time")


def expose_all(scene: Scene, prepare: Prepare, point: Prepare) -> Steps[None]:
    """Take every frame of the request; frames already taken are stored whatever happens.

    Raises
    ------
    DeviceError
        An exposure failed, its one repetition included.
    SafetyError
        The verdict, a limit or an interlock forbids the next exposure.
    OSError
        A frame could not be written.
    """
    loop = _Loop(scene, point)
    yield from afterwards(_frames(scene, loop, prepare), lambda: _drain(scene, loop))
    loop.require_stored()


def _frames(scene: Scene, loop: _Loop, prepare: Prepare) -> Steps[None]:
    for sequence in range(1, scene.request.count + 1):
        yield from _one_frame(scene, loop, sequence, prepare)


def _one_frame(scene: Scene, loop: _Loop, sequence: int, prepare: Prepare) -> Steps[None]:
    try:
        yield from _one_exposure(scene, loop, sequence)
    except RETRIED as error:
        _log.warning(
            "exposure_lost attempt=%s sequence=%d error=%s",
            scene.attempt.attempt_id,
            sequence,
            error,
        )
        scene.report(f"exposure {sequence} lost ({error}); waiting for the device")
        loop.keep_taken()
        try:
            yield from devices_there(scene)
        except NotConnected as late:
            raise DriverLost(f"{error}; it did not come back: {late}") from error
        # When only the link was lost, the camera may still be at the lost exposure.
        yield All(
            (scene.hands.abort_exposure(),), scene.times.abort_s, "abort of the lost exposure"
        )
        yield from prepare(scene)
        loop.is_prepared = loop.is_repeated = True
        yield from _one_exposure(scene, loop, sequence)


def _one_exposure(scene: Scene, loop: _Loop, sequence: int) -> Steps[None]:
    request = scene.request
    loop.raise_failures()
    if scene.is_held(request.frame_type.needs_sky):
        loop.keep_taken()
    yield from permission(scene)
    reasons = scene.observable(request, request.exposure_s)
    if reasons:
        raise Interlocked("; ".join(reasons))
    if request.frame_type.needs_sky:
        yield from _point_again(scene, loop)
        yield from _turn_dome(scene, loop)
    plan, intent = loop.intend(sequence)
    try:
        yield All((intent,), 0.0, "the journal", scene.times.store_machine_s)
        scene.attempt.exposures = loop.stored()  # told with the report
        scene.report(f"exposure {sequence} of {request.count}, {request.exposure_s:g} s")
        asked_utc, before = scene.clock.utc(), scene.hands.sight()
        passing("telescope.expose.intent.after")
        handle = scene.hands.expose(_spec(plan, scene.attempt.pointed_deg))
        passing("telescope.expose.sent")
        yield from _finished(scene, loop, handle, sequence)
        _require_on_target(scene, sequence)
    except (Ending, CtmoError) as error:
        loop.forget(plan, str(error))
        raise
    passing("telescope.frame.received")
    observed = Observed(asked_utc, before, scene.hands.sight())
    loop.take(plan, handle.future.result(), observed)


def _point_again(scene: Scene, loop: _Loop) -> Steps[None]:
    """Bring the mount, which follows the stars, to where a moving target is now.

    Not right after the preparing steps, which have just done so.
    """
    before, now = scene.attempt.pointed_deg, scene.place(scene.request)
    if loop.is_prepared or before is None or now is None:
        loop.is_prepared = False
        return
    moved_arcsec = 3600.0 * separation_deg(*before, *now)
    if moved_arcsec <= POINT_AGAIN_ARCSEC:
        return
    scene.report(f"the target has moved by {moved_arcsec:.0f} arcsec: pointing again")
    loop.keep_taken()
    yield from loop.point(scene)


def _spec(plan: ExposurePlan, pointed: Place | None) -> ExposureSpec:
    request = plan.request
    target = pointed if request.frame_type.needs_sky else None
    return ExposureSpec(
        plan.exposure_id, request.exposure_s, request.frame_type, request.binning, target
    )


def _turn_dome(scene: Scene, loop: _Loop) -> Steps[None]:
    """Bring the slit before the telescope when following it between two frames is due."""
    pointed = scene.attempt.pointed_deg
    if scene.hands.sight().dome_moving:
        loop.keep_taken()
        yield Until(lambda: not scene.hands.sight().dome_moving, scene.times.motion_s, "the dome")
    sight = scene.hands.sight()
    if pointed is None:
        return
    wanted_deg = scene.hands.dome_azimuth_for(*pointed)
    to_deg = target_deg(sight, wanted_deg, THRESHOLD_DEG)
    if to_deg is not None:
        loop.keep_taken()
        yield All((scene.hands.dome_azimuth(to_deg),), scene.times.motion_s, "dome")


def _require_on_target(scene: Scene, sequence: int) -> None:
    """Refuse a frame of another field.

    Right after a slew of ours every motion counts as ours, so another client's would go unnoticed.

    Raises
    ------
    ForeignMotion
        The mount does not point any more where the last slew brought it.
    """
    pointed, sight = scene.attempt.pointed_deg, scene.hands.sight()
    if pointed is None or not scene.request.frame_type.needs_sky:
        return
    if sight.ra_deg is None or sight.dec_deg is None:
        return
    off_deg = separation_deg(*pointed, sight.ra_deg, sight.dec_deg)
    if off_deg > OFF_TARGET_DEG:
        raise ForeignMotion(
            f"foreign motion: the mount pointed {off_deg:.1f} deg beside the target at the end of "
            f"exposure {sequence}, expected less than {OFF_TARGET_DEG:g} deg"
        )


def _begun(handle: ExposureHandle) -> Steps[None]:
    """Wait until the camera exposes; if that cannot be seen, a moment."""
    try:
        yield Until(
            lambda: handle.future.done() or handle.has_begun(), 0.0, "begin", BEGIN_MACHINE_S
        )
    except CommandTimeout:
        return


def _finished(scene: Scene, loop: _Loop, handle: ExposureHandle, sequence: int) -> Steps[None]:
    """Wait for the frame, the last one being stored; whatever else ends it aborts the exposure."""
    exposure_s = scene.request.exposure_s
    try:
        yield from _begun(handle)
        passing("telescope.expose.begun")
        loop.keep_taken()
        loop.intend_ahead(sequence + 1)
        yield All((handle.future,), exposure_s + scene.times.frame_s, f"exposure {sequence}", 30.0)
    except (Ending, CtmoError) as error:
        is_ours = not isinstance(error, Ending) or error.stops_exposure
        if is_ours and _may_expose(handle):
            yield from _abort(scene, handle)
        raise


def _may_expose(handle: ExposureHandle) -> bool:
    """Whether the camera may still be at it: a driver goes on whatever deadline it has missed."""
    future = handle.future
    return not future.done() or isinstance(future.exception(), CommandTimeout)


def _abort(scene: Scene, handle: ExposureHandle) -> Steps[None]:
    try:
        yield All((handle.abort(),), scene.times.abort_s, "abort of the exposure")
    except CtmoError as error:
        _log.error("exposure_abort_failed attempt=%s error=%s", scene.attempt.attempt_id, error)


def _drain(scene: Scene, loop: _Loop) -> Steps[None]:
    """Wait until all that was exposed is durable or known to have failed."""
    loop.forget_ahead()
    loop.keep_taken()
    futures: list[Future[Any]] = [*loop.keeping, *loop.forgetting]
    stored = Until(
        lambda: all(future.done() for future in futures),
        0.0,
        "the frames are stored",
        scene.times.store_machine_s,
    )
    ended: Ending | None = None
    try:
        try:
            yield stored
        except Ending as ending:  # what was exposed is stored and told all the same
            ended = ending
            yield stored
    except CommandTimeout as late:
        _log.error("frames_not_stored attempt=%s error=%s", scene.attempt.attempt_id, late)
    scene.attempt.exposures = loop.stored()
    if ended is not None and len(scene.attempt.exposures) < scene.request.count:
        raise ended

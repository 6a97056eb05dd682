"""What a step of an attempt may see and use, and the waits every step shares."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CommandTimeout, NotConnected, SafetyError, Unsafe
from ctmo_indi.models.orders import ExposureRecord, ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Role
from ctmo_indi.telescope.attempt import Attempt
from ctmo_indi.telescope.hands import Hands, RawFrame, Sight
from ctmo_indi.telescope.lamp import Lamp
from ctmo_indi.telescope.procedure import All, Steps, Until


@dataclass(frozen=True, slots=True)
class ExposurePlan:
    """One exposure before it is made: what the journal's INTENT says.

    Parameters
    ----------
    exposure_id
        ``<attempt>-<number>``; a repeated exposure gets a number of its own.
    sequence
        Which of the order's frames it is to become, from 1.
    path
        Where the frame will stand, absolute; it bears the exposure id.
    """

    exposure_id: str
    attempt_id: str
    parent: str
    sequence: int
    path: str
    request: ObservationRequest


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen around an exposure.

    Parameters
    ----------
    asked_utc
        When it was asked for.
    before, after
        What the devices said when it began and when its frame was there.
    """

    asked_utc: datetime
    before: Sight
    after: Sight


class FrameKeeper(Protocol):
    """Journal and disk: ``frame_keeper.JournaledFrames`` in the service."""

    def plan(self, attempt: Attempt, number: int, sequence: int) -> ExposurePlan:
        """Name an exposure and its file."""
        ...

    def intend(self, plan: ExposurePlan) -> Future[None]:
        """Journal the INTENT; done when it is durable."""
        ...

    def keep(self, plan: ExposurePlan, raw: RawFrame, observed: Observed) -> Future[ExposureRecord]:
        """Complete and store the frame; done when file, row and DONE are durable."""
        ...

    def forget(self, plan: ExposurePlan, outcome: str) -> Future[None]:
        """Journal that the intended exposure gave no frame."""
        ...


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Elapsed seconds for what has no deadline of its own in a device file.

    Parameters
    ----------
    motion_s
        A last limit above the devices' own for any motion.
    frame_s
        From the end of an exposure to its frame.
    back_s, back_machine_s
        How long a lost device may take to come back; the longer of the two counts.
    hold_machine_s
        How long a hold may last before the verdict rules end the attempt; machine seconds.
    settle_s
        Between lamp on and the first flat.
    blame_machine_s
        How long it may take to hear that it was another client who spoiled a motion of ours.
    """

    motion_s: float = 600.0
    frame_s: float = 120.0
    back_s: float = 60.0
    back_machine_s: float = 45.0
    hold_machine_s: float = 60.0
    abort_s: float = 20.0
    store_machine_s: float = 60.0
    settle_s: float = 1.0
    blame_machine_s: float = 0.5


def fixed_place(request: ObservationRequest) -> tuple[float, float] | None:
    """Return where a target is that does not move; the stand-in for a site's own answer."""
    return request.fixed_place_deg


@dataclass(frozen=True, slots=True)
class Scene:
    """Handed to every step; all of it is used in the engine thread.

    Parameters
    ----------
    refusal
        Why nothing may start now (argument: needs a SAFE verdict), None when it may.
    is_held
        Whether to wait for another verdict before something new (argument: needs a SAFE verdict).
    observable
        Why the request cannot be observed from now until that many seconds later; empty when it
        can.
    place
        Where the target is now, ICRS degrees; None without a place. A mount follows the stars, so a
        target that moves among them is asked for again before each exposure.
    begin
        Called once, when the last look was passed: from then on it is an attempt.
    report
        Says what goes on: to Status, events and log.
    report_later
        The same for deeds that run in a thread of their own.
    is_suspicious
        Whether it is not known yet whose doing something was.
    """

    attempt: Attempt
    hands: Hands
    lamp: Lamp
    frames: FrameKeeper
    clock: Clock
    times: StepTimes
    refusal: Callable[[bool], SafetyError | None]
    is_held: Callable[[bool], bool]
    observable: Callable[[ObservationRequest, float], tuple[str, ...]]
    begin: Callable[[], None]
    report: Callable[[str], None]
    report_later: Callable[[str], None]
    is_suspicious: Callable[[], bool] = lambda: False
    place: Callable[[ObservationRequest], tuple[float, float] | None] = fixed_place

    @property
    def request(self) -> ObservationRequest:
        """What the order asks for."""
        return self.attempt.request


def permission(scene: Scene) -> Steps[None]:
    """Wait while the verdict is held, then go on or raise what forbids it.

    Raises
    ------
    SafetyError
        Unsafe, Locked or Stopped.
    """
    needs_safe = scene.request.frame_type.needs_sky
    if scene.is_held(needs_safe):
        scene.report("holding: waiting for another verdict")
        try:
            yield Until(
                lambda: not scene.is_held(needs_safe),
                0.0,
                "another verdict",
                scene.times.hold_machine_s,
            )
        except CommandTimeout:
            waited_s = scene.times.hold_machine_s
            why = scene.refusal(needs_safe)
            raise Unsafe(f"held for {waited_s:g} s: {why or 'no verdict of safety'}") from None
    error = scene.refusal(needs_safe)
    if error is not None:
        raise error


def needed_roles(request: ObservationRequest) -> frozenset[Role]:
    """Devices a request takes, as far as the profile has them."""
    if request.frame_type.needs_sky:
        return frozenset({Role.CAMERA, Role.MOUNT, Role.DOME, Role.FILTER_WHEEL})
    if request.frame_type is FrameType.FLAT:
        return frozenset({Role.CAMERA, Role.LIGHT_PANEL, Role.FILTER_WHEEL})
    return frozenset({Role.CAMERA})


def devices_there(scene: Scene) -> Steps[None]:
    """Wait until every device the request takes is there.

    Raises
    ------
    NotConnected
        Not in time; names what is missing.
    """
    needed = needed_roles(scene.request)

    def missing() -> list[str]:
        sight = scene.hands.sight()
        return sorted(needed & sight.lost) if sight.link_up else ["the INDI server"]

    if not missing():
        return
    scene.report(f"waiting for {', '.join(missing())}")
    try:
        yield Until(
            lambda: not missing(), scene.times.back_s, "devices", scene.times.back_machine_s
        )
    except CommandTimeout:
        raise NotConnected(f"not there in time: {', '.join(missing())}") from None


def whose_doing(scene: Scene) -> Steps[None]:
    """Wait, after a device failed us, for the news that somebody else was the cause.

    A stop by another client ends our slew, too, and the end may be heard before the stop. When it
    was somebody else, the attempt's :class:`Ending` is raised here.
    """
    end_machine_s = scene.clock.machine_s() + scene.times.blame_machine_s
    try:
        yield Until(
            lambda: scene.clock.machine_s() >= end_machine_s and not scene.is_suspicious(),
            0.0,
            "whose doing it was",
            scene.times.hold_machine_s,
        )
    except CommandTimeout:
        return


def do(scene: Scene, what: str, *deeds: Future[None]) -> Steps[None]:
    """Wait for deeds side by side."""
    yield All(tuple(deeds), scene.times.motion_s, what)

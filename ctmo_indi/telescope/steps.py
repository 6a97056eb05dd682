"""What an attempt does, in order: the table :data:`STEPS`.

Each step is a generator over a :class:`~ctmo_indi.telescope.scene.Scene`. Steps look before they
act, so running one again is harmless: after a lost driver or server the preparing ones are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from ctmo_indi.errors import CtmoError, DeviceError, Interlocked, NotConnected, Unsafe
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.telescope.attempt import Ending
from ctmo_indi.telescope.deed_times import DeedTimes
from ctmo_indi.telescope.expose import expose_all
from ctmo_indi.telescope.hands import Deed
from ctmo_indi.telescope.lamp import AWAY_MACHINE_S
from ctmo_indi.telescope.procedure import All, Steps, Until, afterwards, while_awaited
from ctmo_indi.telescope.scene import Scene, devices_there, do, permission, whose_doing

_log = logging.getLogger(__name__)

FLAT_SETTLE_WHAT = "the lamp settles"


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table.

    Parameters
    ----------
    applies
        To which requests.
    prepares
        True when it is run again before an exposure is repeated after a loss.
    """

    name: str
    applies: Callable[[ObservationRequest], bool]
    run: Callable[[Scene], Steps[None]]
    prepares: bool = True


def _always(_: ObservationRequest) -> bool:
    return True


def _sky(request: ObservationRequest) -> bool:
    return request.frame_type.needs_sky


def _flat(request: ObservationRequest) -> bool:
    return request.frame_type is FrameType.FLAT


def _no_flat(request: ObservationRequest) -> bool:
    return not _flat(request)


def last_look(scene: Scene) -> Steps[None]:
    """Check every limit, window, interlock and the verdict's age now.

    Raises
    ------
    SafetyError
        With every reason; nothing has moved.
    NotConnected
        A device is missing.
    """
    yield from permission(scene)
    yield from devices_there(scene)
    request = scene.request
    reasons = scene.observable(request, request.exposure_s)
    if reasons:
        raise Interlocked("; ".join(reasons))
    place = scene.place(request)
    if place is not None:
        scene.hands.check_target(*place, request.exposure_s)


def put_out_panel(scene: Scene) -> Steps[None]:
    """Have nothing but flats taken by the light of the panel, whoever has lit it.

    One of ours that is not connected is waited for, since it comes back a moment after the camera;
    not for ever: it may be without power, and then it is dark.
    """
    lamp = scene.lamp
    if lamp.is_ours and not lamp.is_there:
        scene.report("waiting for the flat-field panel, which may be lit")
        yield Until(
            lambda: lamp.is_there or lamp.is_away_long, 0.0, "the panel", 2.0 * AWAY_MACHINE_S
        )
    if lamp.must_go_out:
        yield from permission(scene)
        scene.report("putting out the flat-field panel")
        yield from lamp.put_out()


def be_open(scene: Scene) -> Steps[None]:
    """Open when it is not; wait for an opening under way; never out of a closing or an alarm.

    UNKNOWN with the devices there is a half-closed observatory (a shut dome over an unparked
    telescope): opening it properly ends that, and the interlocks look at every step.
    """
    state = scene.hands.sight().state
    if state is ObservatoryState.OPENING:
        scene.attempt.is_first_way = False
        yield Until(
            lambda: scene.hands.sight().state is not ObservatoryState.OPENING,
            scene.times.motion_s,
            "the opening under way",
        )
        state = scene.hands.sight().state
    if state in (ObservatoryState.CLOSED, ObservatoryState.UNKNOWN):
        yield from permission(scene)
        scene.attempt.is_first_way = False
        scene.report("opening the observatory")
        with while_awaited() as give_way:
            yield from do(scene, "opening", scene.hands.open(scene.report_later, give_way))
        state = scene.hands.sight().state
    if state is not ObservatoryState.OPEN:
        raise Unsafe(f"the observatory is {state}, expected OPEN")


def unpark(scene: Scene) -> Steps[None]:
    """Unpark the mount when it is parked."""
    if scene.hands.sight().parked is not False:
        yield from permission(scene)
        scene.attempt.is_first_way = False
        yield from do(scene, "unpark", scene.hands.unpark())


def track(scene: Scene) -> Steps[None]:
    """Track before the first slew: without it a slew ends off by the sky's own motion."""
    if scene.hands.sight().tracking is not True:
        yield from permission(scene)
        scene.attempt.is_first_way = False
        yield from do(scene, "tracking", scene.hands.track(True))


def point(scene: Scene) -> Steps[None]:
    """Slew, turn the dome and change the filter side by side."""
    yield from permission(scene)
    request, place = scene.request, scene.place(scene.request)
    if place is None:
        raise Interlocked("a sky frame without RA and Dec")
    scene.hands.check_target(*place, request.exposure_s)
    scene.report(f"slewing to RA {place[0]:.4f} Dec {place[1]:.4f} deg")
    is_planned, scene.attempt.is_first_way = scene.attempt.is_first_way, False
    times = DeedTimes(scene.clock)
    deeds = [times.follow("mount_s", scene.hands.slew(*place))]
    azimuth_deg = scene.hands.dome_azimuth_for(*place)
    if azimuth_deg is not None:
        deeds.append(times.follow("dome_s", scene.hands.dome_azimuth(azimuth_deg)))
    if request.filter_name is not None:
        deed = scene.hands.select_filter(request.filter_name)
        deeds.append(times.follow("filter_s", deed))
    yield from _stoppable(scene, "slew, dome and filter", *deeds)
    if is_planned:
        scene.attempt.took = replace(scene.attempt.took, **times.seconds())
    scene.attempt.pointed_deg = place


def choose_filter(scene: Scene) -> Steps[None]:
    """Turn the wheel for a panel flat."""
    if scene.request.filter_name is not None:
        yield from permission(scene)
        yield from do(scene, "filter", scene.hands.select_filter(scene.request.filter_name))


def lamp_on(scene: Scene) -> Steps[None]:
    """Light the panel and let it settle."""
    yield from permission(scene)
    yield from scene.lamp.intend(scene.attempt.attempt_id)
    yield from do(scene, "lamp on", scene.hands.lamp(True))
    end_s = scene.clock.elapsed_s() + scene.times.settle_s
    yield Until(
        lambda: scene.clock.elapsed_s() >= end_s, scene.times.settle_s + 60.0, FLAT_SETTLE_WHAT
    )


def expose(scene: Scene) -> Steps[None]:
    """Take the frames; a lost one is repeated once, after the preparing steps.

    A target that moves is pointed at again before each of them.
    """
    yield from expose_all(scene, prepare, point)


STEPS: tuple[Step, ...] = (
    Step("last look", _always, last_look, prepares=False),
    Step("panel", _no_flat, put_out_panel),
    Step("open", _sky, be_open),
    Step("unpark", _sky, unpark),
    Step("track", _sky, track),
    Step("point", _sky, point),
    Step("filter", _flat, choose_filter),
    Step("lamp", _flat, lamp_on),
    Step("expose", _always, expose, prepares=False),
)


def attempt_steps(scene: Scene) -> Steps[None]:
    """The whole attempt; a lamp that cannot be put out at its end is left to the engine."""
    steps = _blamed(scene)
    if scene.request.frame_type is FrameType.FLAT:
        steps = afterwards(steps, lambda: _lamp_off(scene))
    yield from steps


def _blamed(scene: Scene) -> Steps[None]:
    """The table; what another client has spoiled is no failure of ours."""
    try:
        yield from _table(scene)
    except DeviceError:
        yield from whose_doing(scene)
        raise


def _table(scene: Scene) -> Steps[None]:
    steps = [step for step in STEPS if step.applies(scene.request)]
    yield from _run(scene, *(step for step in steps if step.run is last_look))
    scene.begin()
    try:
        yield from prepare(scene)
    except NotConnected as error:
        # A driver or the server died under a motion: what it did is unknown, so look again.
        scene.report(f"lost a device ({error})")
        yield from devices_there(scene)
        yield from prepare(scene)
    yield from _run(scene, *(step for step in steps if step.run is expose))


def prepare(scene: Scene) -> Steps[None]:
    """Run the preparing steps; once more after a loss, since a new driver has forgotten all."""
    yield from _run(
        scene, *(step for step in STEPS if step.prepares and step.applies(scene.request))
    )


def _run(scene: Scene, *steps: Step) -> Steps[None]:
    for step in steps:
        scene.report(step.name)
        yield from step.run(scene)


def _lamp_off(scene: Scene) -> Steps[None]:
    if not scene.lamp.is_ours:
        return
    try:
        yield from scene.lamp.put_out()
    except CtmoError as error:
        _log.error("lamp_off_failed attempt=%s error=%s", scene.attempt.attempt_id, error)
        scene.report(f"the lamp could not be switched off: {error}")


def _stoppable(scene: Scene, what: str, *deeds: Deed) -> Steps[None]:
    """Wait for motions; when the wait ends otherwise, stop what still moves.

    Not when safety closes or somebody else took over: an abort of ours would stop *their* motion.
    """
    try:
        yield from do(scene, what, *deeds)
    except Ending as ending:
        if ending.stops_motion:
            yield from _stop(scene)
        raise
    except CtmoError:
        yield from whose_doing(scene)
        yield from _stop(scene)
        raise


def _stop(scene: Scene) -> Steps[None]:
    try:
        yield All((scene.hands.abort_motion(),), scene.times.abort_s, "abort of the motion")
    except CtmoError as error:
        _log.error("abort_failed attempt=%s error=%s", scene.attempt.attempt_id, error)

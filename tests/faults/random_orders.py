"""Random orders, verdicts and mishaps for :class:`~.interlock_world.World`."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ctmo_indi import profiles
from ctmo_indi.devices import description as descriptions
from ctmo_indi.devices.closing import close_observatory
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.devices.stopping import stop_everything
from ctmo_indi.errors import CtmoError
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models.states import FrameType
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.profiles import Limits, Role
from ctmo_indi.safety_policy import MountFailedPolicy
from ctmo_indi.testing.fake_instruments import CAMERA, DOME, MOUNT
from ctmo_indi.testing.verdicts import (
    LATCHED,
    MAINTENANCE_LOCK,
    OBSERVER_LOCK,
    SAFE,
    UNSAFE,
)

from .interlock_world import NIGHT, NOON, PLACES, World, breathe

STEPS = 14
_LONGEST_S = 20.0
HOLD = replace(SAFE, level=VerdictLevel.HOLD, reasons=("clouds come",))
VERDICTS: list[Verdict | None] = [
    *[SAFE] * 8, UNSAFE, HOLD, OBSERVER_LOCK, MAINTENANCE_LOCK, LATCHED, None,
]  # fmt: skip

_PROFILE = profiles.load("simulators")
_FILES = {
    role: descriptions.load(equipment.description) for role, equipment in _PROFILE.equipment.items()
}
_FILES.pop(Role.WEATHER)


@dataclass
class Outcome:
    """What one sequence came to."""

    seed: int
    violations: list[str]
    world: World
    trace: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)


class Sequence:
    """One random sequence; the same seed chooses the same steps."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = random.Random(seed)
        choose = self._random
        begin = NOON if choose.random() < 0.25 else NIGHT
        policy = choose.choice(list(MountFailedPolicy))
        # What one process told a device it knows at once, another only when the device says so.
        two_processes = choose.random() < 0.5
        self.world = World(
            begin,
            policy,
            answers_late=not two_processes and choose.random() < 0.5,
            closed_dome=choose.random() < 0.15,
        )
        self._policy = replace(_PROFILE.safety, mount_failed=policy, latched_close_notice_s=0.0)
        limits = Limits(horizon_deg=15.0, max_altitude_deg=80.0, max_hour_angle_h=5.0)
        profile = replace(_PROFILE, safety=self._policy, limits=limits)
        self._telescope, safety = (
            Observatory(profile, self.world, self.world.clock, _FILES) for _ in range(2)
        )
        self._closer = safety if two_processes else self._telescope
        self.world.is_closing = lambda: self._telescope.is_closing
        self._observatories = [self._telescope, safety]
        self._safety_lives = True
        self._motions: list[Motion[object]] = []
        self._threads: list[threading.Thread] = []
        self._light: Motion[object] | None = None
        self.trace: list[str] = []

    def run(self, steps: int = STEPS) -> Outcome:
        """Do it all, then let everything come to its end."""
        self._arrange()
        for _ in range(steps):
            self._step()
            if self.world.violations:
                break
        unfinished = self._finish()
        return Outcome(self.seed, list(self.world.violations), self.world, self.trace, unfinished)

    # -- the beginning -----------------------------------------------------------------------------

    def _arrange(self) -> None:
        world, choose = self.world, self._random
        self._hear(SAFE)
        how = choose.choice(["closed", "open", "observing", "observing", "half"])
        late, world.answers_late = world.answers_late, False
        if how != "closed":
            world.dome_parked, world.shutter = False, "open"
            world._say_dome()
        if how == "observing":
            name = choose.choice(["east", "north-east"])
            world.mount_parked, world.tracking, world.place = False, True, PLACES[name]
            world._say_mount()
            world.update(MOUNT, "EQUATORIAL_EOD_COORD", None, PropertyState.OK)
            world.dome_deg = world.place.azimuth_deg
            world._say_dome()
        if how == "half":
            world._move_shutter(choose.choice(["open", "closed"]))
        world.answers_late = late
        self.trace.append(f"{how}, {world.begin:%H:%M}, {world.policy}, late={late}")

    # -- one step ----------------------------------------------------------------------------------

    def _step(self) -> None:
        choose = self._random
        kind = choose.choices(
            [self._order, self._say_verdict, self._mishap, self._another_hand],
            weights=[66, 14, 13, 7],
        )[0]
        self.trace.append(kind())
        breathe()
        for _ in range(choose.choice([0, 0, 1, 2, 4, 8])):
            self._tick()

    def _tick(self, seconds: float = 1.0) -> None:
        self.world.tick(seconds)
        if self._safety_lives:
            self._hear(self.world.verdict)
        breathe()

    def _hear(self, verdict: Verdict | None) -> None:
        with self.world._lock:
            self.world.verdict = verdict
            self.world.verdict_since_s = self.world.clock.machine_s()
            for observatory in self._observatories:
                observatory.hear_verdict(verdict)

    def _say_verdict(self) -> str:
        if self._random.random() < 0.15:
            self._safety_lives = not self._safety_lives
            if not self._safety_lives:
                for _ in range(3):
                    self._tick(4.0)
            return f"safety lives: {self._safety_lives}"
        verdict = self._random.choice(VERDICTS)
        self._safety_lives = True
        self._hear(verdict)
        lock = verdict.lock.kind if verdict and verdict.lock else ""
        return f"verdict {verdict and verdict.level} {lock}"

    def _mishap(self) -> str:
        world, choose = self.world, self._random
        device = choose.choice([MOUNT, MOUNT, DOME, DOME, CAMERA])
        what = choose.choice(["mute", "stuck", "contrary", "lost", "back", "back", "back", "alert"])
        if what == "mute":
            world.silence(device)
        elif what == "stuck":
            world.stuck.add(device)
        elif what == "contrary":
            world.contrary.add(device)
        elif what == "lost":
            world.lose(device)
        elif what == "back":
            world.bring_back()
        elif device != CAMERA and not world.is_gone(device) and device not in world.mute:
            prop = "TELESCOPE_PARK" if device == MOUNT else "DOME_SHUTTER"
            with world._lock:
                world.update(device, prop, None, PropertyState.ALERT)
        return f"{what} {device}"

    def _another_hand(self) -> str:
        what = self._random.choice(
            ["unpark mount", "slew", "open shutter", "close shutter", "rotate dome", "abort mount",
             "park mount", "unpark dome", "expose by another"]
        )  # fmt: skip
        place = self._random.choice(list(PLACES))
        self.world.move_by_another_hand(what, place)
        return f"another hand: {what}"

    def _good_place(self) -> str:
        good = [name for name, place in PLACES.items() if not place.why_not and name != "Sun"]
        return self._random.choice(good)

    def _order(self) -> str:
        name = self._random.choices(list(_ORDERS), weights=[w for w, _ in _ORDERS.values()])[0]
        place = self._random.choice(list(PLACES))
        if self._random.random() < 0.5:
            place = self._good_place()
        if name == "expose light" and self._random.random() < 0.6:
            here = [n for n, p in PLACES.items() if p is self.world.place]
            place = here[0] if here else place
        _ORDERS[name][1](self, place)
        return f"{name} {place if name in ('slew', 'expose light', 'turn to', 'observe') else ''}"

    # -- orders ------------------------------------------------------------------------------------

    def begin(self, start: Callable[[], Motion[object]]) -> None:
        """Start a motion; a refusal is an answer."""
        try:
            self._motions.append(start())
        except CtmoError:
            return

    def in_thread(self, run: Callable[[], object]) -> None:
        """Run what blocks."""

        def body() -> None:
            try:
                run()
            except CtmoError:
                return

        thread = threading.Thread(target=body, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self, observatory: Observatory) -> None:
        """Close as safety or the telescope does."""

        def run() -> None:
            with self.world._lock:
                self.world.closings += 1
            try:
                close_observatory(
                    observatory,
                    self._policy,
                    self.world.clock,
                    report=lambda _line: None,
                    pause_s=0.0,
                )
            finally:
                with self.world._lock:
                    self.world.closings -= 1

        self.in_thread(run)

    def open(self) -> None:
        """Open as the telescope does."""
        self.in_thread(
            lambda: open_observatory(
                self._telescope, self._policy, self.world.clock, report=lambda _line: None
            )
        )

    def stop(self) -> None:
        """Press the red button."""
        self.in_thread(lambda: stop_everything(self._telescope))

    def expose(self, frame_type: FrameType, place: str) -> None:
        """Expose; a light exposure for a place."""
        target = None
        if frame_type is FrameType.LIGHT:
            if self._light is not None and not self._light.done():
                return
            target = self.world.icrs_deg(PLACES[place])
            self.world.exposure_place = PLACES[place]
        count = len(self._motions)
        other = self._random.random() < 0.15
        self.begin(lambda: self._telescope.camera.expose(3.0, frame_type, target_icrs_deg=target))
        if frame_type is FrameType.LIGHT and len(self._motions) > count:
            self._light = self._motions[-1]
        if other:
            breathe()
            self.world.move_by_another_hand("expose by another")

    def observe(self, name: str) -> None:
        """Slew and turn the slit there, and expose; the next steps may come between."""
        place = PLACES[name]
        _slew(self, name)
        self.begin(lambda: self._telescope.dome.goto(place.azimuth_deg))
        for _ in range(5):
            self._tick()
        self.expose(FrameType.LIGHT, name)

    # -- the end -----------------------------------------------------------------------------------

    def _finish(self) -> list[str]:
        if self._random.random() < 0.7:
            self.world.bring_back()
        end_s = time.monotonic() + _LONGEST_S
        while time.monotonic() < end_s:
            if all(motion.done() for motion in self._motions) and not any(
                thread.is_alive() for thread in self._threads
            ):
                return []
            self._tick()
        motions = [motion.label for motion in self._motions if not motion.done()]
        return motions + [thread.name for thread in self._threads if thread.is_alive()]


def _slew(run: Sequence, place: str) -> None:
    target = run.world.icrs_deg(PLACES[place])
    closed_dome = run.world.closed_dome
    run.begin(lambda: run._telescope.mount.start_slew(*target, closed_dome=closed_dome))


def _track(on: bool) -> Callable[[Sequence, str], None]:
    return lambda run, _: run.begin(
        lambda: run._telescope.mount.set_tracking(on, closed_dome=run.world.closed_dome)
    )


_ORDERS: dict[str, tuple[int, Callable[[Sequence, str], None]]] = {
    "slew": (12, _slew),
    "observe": (12, lambda run, place: run.observe(place)),
    "track": (4, _track(True)),
    "stop tracking": (2, _track(False)),
    "park": (5, lambda run, _: run.begin(run._telescope.mount.park)),
    "unpark": (
        6,
        lambda run, _: run.begin(
            lambda: run._telescope.mount.unpark(closed_dome=run.world.closed_dome)
        ),
    ),
    "abort mount": (2, lambda run, _: run.begin(run._telescope.mount.abort)),
    "open shutter": (6, lambda run, _: run.begin(run._telescope.dome.open_shutter)),
    "close shutter": (7, lambda run, _: run.begin(run._telescope.dome.close_shutter)),
    "turn": (5, lambda run, _: run.begin(lambda: run._telescope.dome.goto(200.0))),
    "turn to": (
        5,
        lambda run, place: run.begin(lambda: run._telescope.dome.goto(PLACES[place].azimuth_deg)),
    ),
    "park dome": (4, lambda run, _: run.begin(run._telescope.dome.park)),
    "unpark dome": (4, lambda run, _: run.begin(run._telescope.dome.unpark)),
    "abort dome": (1, lambda run, _: run.begin(run._telescope.dome.abort)),
    "expose light": (14, lambda run, place: run.expose(FrameType.LIGHT, place)),
    "expose dark": (4, lambda run, place: run.expose(FrameType.DARK, place)),
    "abort exposure": (1, lambda run, _: run.begin(run._telescope.camera.abort)),
    "filter": (2, lambda run, _: run.begin(lambda: run._telescope.filter_wheel.select("OIII"))),
    "focus": (2, lambda run, _: run.begin(lambda: run._telescope.focuser.goto(40000.0))),
    "lamp": (2, lambda run, _: run.begin(lambda: run._telescope.light_panel.set_light(True))),
    "switch": (1, lambda run, _: run.begin(lambda: run._telescope.switch("Blink01", True))),
    "open": (6, lambda run, _: run.open()),
    "close": (4, lambda run, _: run.close(run._telescope)),
    "safety closes": (5, lambda run, _: run.close(run._closer)),
    "stop": (1, lambda run, _: run.stop()),
}

"""Random orders to the real simulators while safety watches: judged by an observer on the wire.

The observer is an INDI client of its own that knows nothing of the interlocks: it hears what mount
and dome do and says what must not have happened.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.devices.closing import close_observatory
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.devices.stopping import stop_everything
from ctmo_indi.errors import CtmoError
from ctmo_indi.indi.events import DeviceRemoved, Event, PropertyDefined, PropertyUpdated
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState
from ctmo_indi.models.verdict import LockKind, Verdict
from ctmo_indi.testing.fake_instruments import DOME, MOUNT, WEATHER

from ..conftest import StartSimulators
from ..promises import Recorder, runs
from ..running_fleet import until
from .closing_rig import ClosingRig, closing_rig

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

SPEED = 60.0
STEPS = 8
DRIVERS = driver_executables(profiles.load("simulators"))
# Another process cannot know what was said a few milliseconds ago (seen: 3 ms). A telescope that
# was unparked within them stands where it was parked, and is parked again.
_UNKNOWABLE_S = 0.05
# A verdict may change between the sending and the observer's hearing of it.
_LAG_S = 1.0


class Judge:
    """Listens to the wire; ``found`` says what must not have happened.

    Parameters
    ----------
    verdict
        What the hands have last heard of safety.
    """

    def __init__(self, verdict: Callable[[], Verdict | None], now_s: Callable[[], float]) -> None:
        self._verdict, self._now_s = verdict, now_s
        self.found: list[str] = []
        self.moves: dict[str, int] = {}
        self.mount = "gone"
        self.shutter = "unknown"
        self.mount_failed = False
        self.races = 0
        self._has_moved = False
        self._out_since_s = 0.0
        self._told: list[tuple[float, Verdict | None]] = []

    def note_verdict(self) -> None:
        """Remember what is known now."""
        self._told.append((self._now_s(), self._verdict()))

    def on_event(self, event: Event) -> None:
        """Hear one word."""
        if isinstance(event, DeviceRemoved) and event.device == MOUNT:
            self.mount, self.mount_failed = "gone", True
        if not isinstance(event, PropertyUpdated | PropertyDefined):
            return
        word, is_news = event.snapshot, isinstance(event, PropertyUpdated)
        if word.name == "TELESCOPE_PARK":
            self._hear_mount(word, is_news)
        elif word.name == "DOME_SHUTTER" and word.device == DOME:
            self._hear_shutter(word, is_news)
        elif word.name == "TELESCOPE_TRACK_STATE" and is_news and word.switch("TRACK_ON"):
            self._has_moved = True
            self._goes_out("tracks")

    def _hear_mount(self, word: PropertySnapshot, is_news: bool) -> None:
        before = self.mount
        if word.state is PropertyState.ALERT:
            self.mount_failed = True
        is_parked = word.switch("PARK") and word.state is not PropertyState.BUSY
        self.mount = "parked" if is_parked else "out"
        if is_parked:
            self.mount_failed = False
            self._has_moved = False
        if is_news and before == "parked" and self.mount == "out" and word.switch("UNPARK"):
            self._out_since_s = self._now_s()
            self._goes_out("is unparked")

    def _hear_shutter(self, word: PropertySnapshot, is_news: bool) -> None:
        before = self.shutter
        goal = "open" if word.switch("SHUTTER_OPEN") else "closed"
        if word.state is PropertyState.BUSY:
            self.shutter = "opening" if goal == "open" else "closing"
        else:
            self.shutter = "unknown" if word.state is PropertyState.ALERT else goal
        if not is_news or self.shutter == before:
            return
        if self.shutter == "closing":
            self.moves["closes"] = self.moves.get("closes", 0) + 1
            # A dome closes its shutter again when it parks: nothing moves then.
            if before != "closed" and self.mount == "out" and not self.mount_failed:
                if self._has_moved or self._now_s() - self._out_since_s > _UNKNOWABLE_S:
                    self.found.append("the shutter closes over a telescope that is out")
                else:
                    self.races += 1
        elif self.shutter == "opening":
            self.moves["opens"] = self.moves.get("opens", 0) + 1
            if not self._was_free():
                self.found.append(f"the shutter opens under {self._verdict()}")

    def _goes_out(self, what: str) -> None:
        self.moves[what] = self.moves.get(what, 0) + 1
        if self.shutter != "open":
            self.found.append(f"the telescope {what} under a shutter that is {self.shutter}")
        if not self._was_free():
            self.found.append(f"the telescope {what} under {self._verdict()}")

    def _was_free(self) -> bool:
        recent = [v for at_s, v in self._told if self._now_s() - at_s < _LAG_S] + [self._verdict()]
        return any(v is not None and v.is_safe and not v.lock and not v.latch for v in recent)


class Hand:
    """Random orders, one after the other or at once."""

    def __init__(self, rig: ClosingRig, judge: Judge, seed: int) -> None:
        self._rig, self._judge = rig, judge
        self._random = random.Random(seed)
        self.trace: list[str] = []

    def play(self) -> None:
        """One sequence, beginning in fine weather and with nobody's hold."""
        holds = self._rig.safety._holds
        holds.release("test")
        holds.drop_lock("test")
        self._rig.be_safe()
        for _ in range(STEPS):
            name = self._random.choices(list(_DEEDS), [w for w, _ in _DEEDS.values()])[0]
            self.trace.append(name)
            try:
                _DEEDS[name][1](self._rig, self._random)
            except CtmoError:
                self.trace[-1] += " (refused)"
            self._wait()

    def _wait(self) -> None:
        """Sometimes at once, sometimes long enough for a shutter or a slew."""
        pause_s = self._random.choice([0.0, 0.01, 0.05, 0.1, 0.3, 0.6])
        pause = threading.Event()
        for _ in range(int(pause_s / 0.01)):
            self._judge.note_verdict()
            pause.wait(0.01)


def _close(rig: ClosingRig, _: random.Random) -> None:
    rig.in_thread(
        lambda: close_observatory(rig.hands, rig.profile.safety, rig.clock, report=lambda _l: None)
    )


def _kill_mount(rig: ClosingRig, _: random.Random) -> None:
    pid = rig.server.driver_pids().get("indi_simulator_telescope")
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def _slew(rig: ClosingRig, choose: random.Random) -> None:
    rig.hands.mount.start_slew(*rig.target(choose.uniform(-10.0, 80.0), choose.uniform(0, 360)))


_DEEDS: Mapping[str, tuple[int, Callable[[ClosingRig, random.Random], object]]] = {
    "open": (16, lambda rig, _: rig.in_thread(rig.open)),
    "close": (5, _close),
    "slew": (14, _slew),
    "park": (6, lambda rig, _: rig.hands.mount.park()),
    "unpark": (8, lambda rig, _: rig.hands.mount.unpark()),
    "track": (5, lambda rig, _: rig.hands.mount.set_tracking(True)),
    "stop tracking": (2, lambda rig, _: rig.hands.mount.set_tracking(False)),
    "open shutter": (6, lambda rig, _: rig.hands.dome.open_shutter()),
    "close shutter": (8, lambda rig, _: rig.hands.dome.close_shutter()),
    "turn": (5, lambda rig, choose: rig.hands.dome.goto(choose.uniform(0, 360))),
    "park dome": (4, lambda rig, _: rig.hands.dome.park()),
    "unpark dome": (6, lambda rig, _: rig.hands.dome.unpark()),
    "stop": (2, lambda rig, _: rig.in_thread(lambda: stop_everything(rig.hands))),
    "safety closes": (5, lambda rig, _: rig.safety._closer.demand("the test asks")),
    "storm": (3, lambda rig, _: rig.observer.keep(WEATHER, "WEATHER_CONTROL", {"Wind": 35.0})),
    "calm": (3, lambda rig, _: rig.observer.keep(WEATHER, "WEATHER_CONTROL", {"Wind": 1.0})),
    "latch": (2, lambda rig, _: rig.safety._holds.set_latch("test", "stop")),
    "lock": (
        2,
        lambda rig, choose: rig.safety._holds.take_lock(
            choose.choice(list(LockKind)), "test", "work", None
        ),
    ),
    "unlock": (
        4,
        lambda rig, _: (rig.safety._holds.drop_lock("t"), rig.safety._holds.release("t")),
    ),
    "mount driver dies": (1, _kill_mount),
}


@pytest.mark.timeout(3600)
def test_no_sequence_does_what_is_forbidden_on_the_simulators(
    indi_simulators: StartSimulators, tmp_path: Path, promise: Recorder
) -> None:
    count = runs(8, 200)
    bad: list[str] = []
    moves: dict[str, int] = {}
    with closing_rig(indi_simulators, DRIVERS, tmp_path / "data", speed=SPEED) as rig:
        judge = Judge(lambda: rig.hands.verdict, rig.clock.machine_s)
        rig.observer.subscribe(judge.on_event)
        until(lambda: rig.observer.get(DOME, "DOME_SHUTTER") is not None, "the dome")
        for word in list(rig.heard):
            judge.on_event(PropertyDefined(word.snapshot))
        for seed in range(count):
            hand = Hand(rig, judge, seed)
            hand.play()
            if judge.found:
                said = [f"{at_s - rig.said[-1][0]:.2f} s {text}" for at_s, text in rig.said[-12:]]
                bad.append(f"seed {seed}: {judge.found} {hand.trace}; safety: {said}")
                judge.found.clear()
        moves = dict(judge.moves)
    assert {"opens", "closes", "is unparked", "tracks"} <= set(moves), "the sequences get somewhere"
    promise(
        "interlocks_simulators",
        f"{len(bad)} in {count} sequences; an unpark and a closing of two processes met "
        f"{judge.races} x, nothing had moved; seen: "
        + ", ".join(f"{number} x {what}" for what, number in sorted(moves.items()))
        + "".join(f"; {text}" for text in bad[:3]),
        holds=not bad,
    )

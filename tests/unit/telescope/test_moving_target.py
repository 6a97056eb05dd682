"""A target that moves among the stars is pointed at again before each exposure."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.models.motions import BodyMotion, SolarSystemBody
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, ObservatoryState

from .rig import Rig
from .test_engine import raw

JUPITER = {"ra_deg": None, "dec_deg": None, "motion": BodyMotion(SolarSystemBody.JUPITER)}


@dataclass
class Mover:
    """A target that goes on by ``arcsec`` in declination each time it is asked for."""

    arcsec: float
    asked: int = 0

    def place(self, request: ObservationRequest) -> tuple[float, float]:
        assert request.motion is not None
        self.asked += 1
        return 10.0, 20.0 + round(self.asked * self.arcsec / 3600.0, 6)


def _slews(rig: Rig) -> list[str]:
    return [word for deed in rig.hands.done if (word := deed.split()[0]) in ("slew", "expose")]


def test_it_is_pointed_at_again_between_exposures():
    rig = Rig(ObservatoryState.OPEN, place=Mover(36.0).place)

    attempt = rig.submit(rig.attempt(count=3, **JUPITER))

    assert attempt.state is AttemptState.COMPLETED
    assert _slews(rig) == ["slew", "expose", "slew", "expose", "slew", "expose"]
    last = [deed for deed in rig.hands.done if deed.startswith("slew")][-1]
    assert last == "slew 10.0 20.07"  # asked for seven times, the last time for this slew


def test_a_frame_is_stored_while_the_mount_points_again():
    rig = Rig(ObservatoryState.OPEN, place=Mover(36.0).place)
    rig.hands.slow.add("expose")
    rig.submit(rig.attempt(count=2, **JUPITER))
    rig.hands.slow.add("slew")
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()

    assert rig.hands.is_waiting("slew")
    assert rig.frames.log[-1] == "keep A-1-001"


def test_one_that_has_hardly_moved_is_not():
    rig = Rig(ObservatoryState.OPEN, place=Mover(0.5).place)

    rig.submit(rig.attempt(count=3, **JUPITER))

    assert _slews(rig) == ["slew", "expose", "expose", "expose"]


def test_small_steps_add_up():
    rig = Rig(ObservatoryState.OPEN, place=Mover(2.0).place)

    rig.submit(rig.attempt(count=8, **JUPITER))

    assert _slews(rig).count("slew") == 1 + 2  # after each third step of 2 arcsec


def test_one_that_has_moved_out_of_the_limits_ends_the_attempt_with_what_it_has():
    mover = Mover(36.0)
    rig = Rig(ObservatoryState.OPEN, place=mover.place)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt(count=2, **JUPITER))

    rig.hands.forbidden = "altitude 14.9 deg, limit 15"
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()

    assert attempt.state is AttemptState.INTERRUPTED
    assert "altitude 14.9 deg" in attempt.reason
    assert len(attempt.exposures) == 1

from ctmo_indi.telescope.takeover import Takeover
from ctmo_indi.testing.fake_clock import FakeClock


def test_hands_are_off_for_a_while_after_a_foreign_motion():
    clock = FakeClock()
    takeover = Takeover(clock, 900.0)
    assert takeover.refusal() is None
    takeover.begin("mount slewed")
    assert "mount slewed" in str(takeover.refusal())
    assert "Hands Off Until" in takeover.to_wire()
    clock.advance(899.0)
    assert takeover.is_active
    clock.advance(1.0)
    assert takeover.refusal() is None
    assert takeover.to_wire()["What"] == "mount slewed"
    assert "Hands Off Until" not in takeover.to_wire()


def test_each_motion_counts_anew_and_a_release_ends_it():
    clock = FakeClock()
    takeover = Takeover(clock, 900.0)
    takeover.begin("mount slewed")
    clock.advance(800.0)
    takeover.begin("dome turned")
    clock.advance(800.0)
    assert "dome turned" in str(takeover.refusal())
    takeover.release()
    assert takeover.refusal() is None


def test_a_site_may_go_on_at_once():
    takeover = Takeover(FakeClock(), 0.0)
    takeover.begin("mount slewed")
    assert takeover.refusal() is None

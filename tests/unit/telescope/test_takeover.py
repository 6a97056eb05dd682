import pytest

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
    assert "mount slewed" in str(takeover.refusal())  # who began it
    takeover.release()
    assert takeover.refusal() is None


def test_without_a_time_only_the_release_ends_it():
    clock = FakeClock()
    takeover = Takeover(clock, None)
    wire = takeover.begin("mount slewed")
    clock.advance(1e6)
    assert takeover.is_active
    assert wire["Hands Off Until"] == "released"
    assert takeover.release() is True
    assert takeover.release() is False
    assert takeover.reason == ""


@pytest.mark.parametrize("hands_off_s", [None, 900.0])
def test_a_takeover_outlives_the_process_and_its_release_does_too(tmp_path, hands_off_s):
    clock, path = FakeClock(), tmp_path / "telescope" / "takeover.json"
    first = Takeover(clock, hands_off_s, path)
    first.begin("mount slewed")
    assert first.trouble(5.0) == ""
    again = Takeover(clock, hands_off_s, path)
    reason = again.reason
    again.release()
    assert again.trouble(5.0) == ""

    assert "mount slewed" in reason
    assert not Takeover(clock, hands_off_s, path).is_active


def test_a_takeover_with_a_time_ends_over_a_restart(tmp_path):
    clock, path = FakeClock(), tmp_path / "takeover.json"
    first = Takeover(clock, 900.0, path)
    first.begin("mount slewed")
    assert first.trouble(5.0) == ""
    clock.advance(901.0)
    assert not Takeover(clock, 900.0, path).is_active


@pytest.mark.parametrize("text", ["", "{", '{"is_active": 1}', "[]"])
def test_a_file_that_cannot_be_read_is_a_takeover(tmp_path, text):
    path = tmp_path / "takeover.json"
    path.write_text(text)
    takeover = Takeover(FakeClock(), None, path)
    assert "unknown" in takeover.reason
    takeover.release()
    assert takeover.trouble(5.0) == ""
    assert not Takeover(FakeClock(), None, path).is_active


def test_a_full_disk_does_not_keep_hands_on(tmp_path):
    takeover = Takeover(FakeClock(), None, tmp_path / "telescope" / "takeover.json")
    (tmp_path / "telescope").write_text("no folder can be made here")
    takeover.begin("mount slewed")
    assert takeover.is_active
    assert "takeover.json" in takeover.trouble(5.0)


def test_a_site_may_go_on_at_once():
    takeover = Takeover(FakeClock(), 0.0)
    takeover.begin("mount slewed")
    assert takeover.refusal() is None

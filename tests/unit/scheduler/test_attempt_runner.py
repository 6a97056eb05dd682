"""Attempts carried out by blocks of several scripts: withdrawn, canceled and failed as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi.errors import BadOrder, UnknownOrder, WrongState
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, FrameType, OrderState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.modes.queue_view import QueueView
from ctmo_indi.scheduler.orders.attempt_runner import AttemptRunner
from ctmo_indi.scheduling.errors import FailedToQueueTargetsError
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.script_queue.kinds import AttemptBinding
from ctmo_indi.script_queue.queueing import Sender
from ctmo_indi.script_queue.script import PlainScript, ScriptFailed, ScriptRun, Slot
from ctmo_indi.script_queue.scripts.observing import attempt_script
from ctmo_indi.script_queue.substitution import Values
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.work_orders.contract import Contract

from .mode_rig import Rig, World


class Step(PlainScript):
    """The step before the exposure: ends as it is told."""

    def __init__(self, failure: str | None) -> None:
        super().__init__("step", timeout_s=600.0)
        self._failure = failure

    def run(self, slot: Slot) -> None:
        if self._failure is None:
            slot.wait(20.0)
        else:
            raise ScriptFailed(self._failure)


class Blocks:
    """Every target: a step, then its attempt."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.failure: str | None = None
        self.refuses: Exception | None = None

    def of_program(self, program: str) -> str:
        return f"block of {program}" if program == "known" else ""

    def queue_target(self, name: str, binding: AttemptBinding, values: Values) -> ScriptRun:
        assert values["attempt"] == binding.attempt_id
        if self.refuses is not None:
            raise self.refuses
        observing = attempt_script(name, self.rig.world.telescope, binding, preparation_s=900.0)
        sender = Sender(block=name, group=binding.attempt_id)
        return self.rig.queue.add_all([Step(self.failure), observing], sender=sender)[-1]


@pytest.fixture
def rig(tmp_path: Path, profile: Profile) -> Iterator[Rig]:
    made = Rig(World(tmp_path, profile))
    made.runner = AttemptRunner(
        made.book, made.queue, made.world.telescope, made.clock, Blocks(made)
    )
    yield made
    made.end()


def blocks(rig: Rig) -> Blocks:
    found = rig.runner._blocks
    assert isinstance(found, Blocks)
    return found


def target(rig: Rig, name: str) -> DriverTarget:
    receipt = rig.order(name)
    request = rig.book.order(receipt).request
    return DriverTarget(request, EVENING, 80.0, count=2, receipt=receipt, target_id=receipt)


def test_a_block_of_which_nothing_has_begun_is_withdrawn_as_a_whole(rig: Rig) -> None:
    rig.runner.begin(target(rig, "first"))
    second = rig.runner.begin(target(rig, "second"))
    assert rig.runner.is_withdrawable(second)
    assert rig.runner.withdraw(second.subject, "replanned")
    assert [run.group for run in rig.queue.waiting] == [rig.queue.waiting[0].group]
    assert rig.order_state("O-second") is OrderState.PENDING
    assert rig.order_state("O-first") is OrderState.SCHEDULED


def test_an_attempt_whose_block_has_begun_is_not_withdrawn(rig: Rig) -> None:
    first = rig.runner.begin(target(rig, "first"))
    assert first.started_utc is None
    assert not rig.runner.is_withdrawable(first)
    assert not rig.runner.withdraw(first.subject, "replanned")


def test_canceling_an_order_stops_the_step_before_its_exposure(rig: Rig) -> None:
    run = rig.runner.begin(target(rig, "first"))
    rig.runner.cancel("O-first", "not needed")
    rig.run_until(lambda: rig.queue.is_idle)
    assert rig.order_state("O-first") is OrderState.CANCELED
    assert rig.attempt_rows() == [("O-first", "CANCELED", rig.attempt_rows()[0][2])]
    assert run.subject not in rig.world.telescope.attempts


def test_a_failed_step_fails_the_attempt_before_anything_is_exposed(rig: Rig) -> None:
    blocks(rig).failure = "the focuser does not move"
    rig.runner.begin(target(rig, "first"))
    rig.run_until(lambda: rig.queue.is_idle)
    ((_, state, reason),) = rig.attempt_rows()
    assert state == AttemptState.FAILED.value
    assert "the focuser does not move" in reason
    assert rig.world.telescope.attempts == {}


@pytest.mark.parametrize(
    ("block", "program", "carried_out_by"),
    [
        ("", "", "observe"),
        ("", "known", "block of known"),
        ("", "unheard of", "observe"),
        ("of the driver", "known", "of the driver"),
    ],
)
def test_the_block_of_a_target_is_the_drivers_then_its_programs_then_that_of_its_kind(
    rig: Rig, block: str, program: str, carried_out_by: str
) -> None:
    run = rig.runner.begin(replace(target(rig, "first"), block=block, program=program))
    assert run.block == carried_out_by


class EndsUnknown(PlainScript):
    """An attempt of which nobody learns how it ended, though all went well."""

    def __init__(self, attempt_id: str) -> None:
        super().__init__("observe", timeout_s=600.0, subject=attempt_id)

    def run(self, _slot: Slot) -> None:
        return


class StepBehind(Blocks):
    """Every target: its attempt, then a step."""

    def queue_target(self, name: str, binding: AttemptBinding, values: Values) -> ScriptRun:
        scripts = [EndsUnknown(binding.attempt_id), Step(None)]
        sender = Sender(block=name, group=binding.attempt_id)
        return self.rig.queue.add_all(scripts, sender=sender)[0]


def test_an_attempt_is_followed_as_long_as_a_step_of_its_block_runs(rig: Rig) -> None:
    rig.runner = AttemptRunner(rig.book, rig.queue, rig.world.telescope, rig.clock, StepBehind(rig))
    rig.runner.begin(target(rig, "first"))

    def current() -> str:
        return rig.queue.current.name if rig.queue.current is not None else ""

    rig.run_until(lambda: current() == "step")
    assert rig.book.open_attempts()
    assert not rig.runner.has_unfollowed
    rig.queue.stop_current("enough")
    rig.run_until(lambda: current() != "step")
    rig.run_until(lambda: rig.runner.is_idle)  # it was adopted, and is known by now
    ((_, state, _),) = rig.attempt_rows()
    assert state in ("NOT_ATTEMPTED", "INTERRUPTED")


def test_a_step_that_fails_after_the_exposures_takes_nothing_from_the_attempt(
    tmp_path: Path, profile: Profile
) -> None:
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks" / "after.yaml").write_text(
        "name: after\n"
        "scripts: [{name: observe}, {name: dome, parameters: {azimuth_deg: 90}}]\n"  # no dome there
    )
    rig = Rig(World(tmp_path, profile), blocks=tmp_path / "blocks")
    rig.runner.begin(replace(target(rig, "first"), block="after"))
    rig.run_until(lambda: rig.queue.is_idle)
    assert rig.attempt_rows() == [("O-first", "COMPLETED", "")]
    assert rig.order_state("O-first") is OrderState.COMPLETED
    assert [made.frames for made in rig.stored()] == [2]
    assert [data["Status"] for data in rig.published("blockStatus")][-1] == "ERROR"
    rig.end()


@pytest.mark.parametrize("error", [UnknownOrder("no such block"), BadOrder("no $focus")])
def test_a_block_that_cannot_be_queued_leaves_no_open_attempt(rig: Rig, error: Exception) -> None:
    blocks(rig).refuses = error
    with pytest.raises(FailedToQueueTargetsError, match=str(error).replace("$", r"\$")):
        rig.runner.begin(target(rig, "first"))
    assert rig.book.open_attempts() == ()
    (waiting,) = rig.book.pending()
    assert waiting.not_before_utc_s == 0.0


def test_a_target_asks_for_no_more_than_its_order_still_wants(rig: Rig) -> None:
    wanted = target(rig, "first")
    for count, sent in ((1, 1), (2, 2), (50, 2), (0, 1)):
        run = rig.runner.begin(replace(wanted, count=count))
        (attempt,) = rig.book.open_attempts()
        assert attempt.row.wire["Number of Exposures"] == sent
        rig.queue.stop_all("next")
        rig.run_until(lambda: rig.runner.is_idle)
        assert run.subject == attempt.row.attempt_id


def test_a_second_attempt_at_the_same_order_is_refused(rig: Rig) -> None:
    wanted = target(rig, "first")
    rig.runner.begin(wanted)
    with pytest.raises(WrongState, match="an attempt at it is open"):
        rig.runner.begin(wanted)


def test_an_own_target_out_of_the_contract_is_named(rig: Rig) -> None:
    request = ObservationRequest("f", "s", FrameType.LIGHT, 30.0, 1, 30.0, 20.0, "f", "violet")
    own = DriverTarget(request, EVENING, 40.0, target_id="field-x")
    with pytest.raises(FailedToQueueTargetsError, match=r"target 'field-x'.*violet"):
        rig.runner.begin(own, "fields")
    assert rig.book.open_attempts() == ()


def test_an_attempt_at_an_order_that_became_unreadable_is_followed_to_its_end(
    tmp_path: Path, profile: Profile
) -> None:
    world = World(tmp_path, profile)
    world.telescope.outcome = lambda _request: None
    rig = Rig(world)
    run = rig.runner.begin(target(rig, "first"))
    rig.run_until(lambda: bool(world.telescope.attempts))
    rig.end()
    with_v, world.contract = world.contract, Contract.load(_without_filter(profile, "V"))

    again = Rig(world)
    again.runner.reconcile()
    view = QueueView.look(again.queue, again.runner)
    world.telescope.finish(run.subject, AttemptState.COMPLETED, 1)
    again.run_until(lambda: again.runner.is_idle)

    assert [one.target for one in view.scripts] == [None]  # drivers and models never see it
    assert again.order_state("O-first") is OrderState.HELD
    again.end()
    world.contract = with_v
    last = Rig(world)
    (waiting,) = last.book.pending()
    assert waiting.missing_count == 1
    last.end()


def _without_filter(profile: Profile, name: str) -> Profile:
    kept = {one: slot for one, slot in profile.filters.items() if one != name}
    assert len(kept) < len(profile.filters)
    return replace(profile, filters=kept)

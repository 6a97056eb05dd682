"""The observe script against a telescope that is slow, silent, forgetful or refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import Deadline
from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import CtmoError, ServiceUnreachable, WrongState
from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.states import AttemptState
from ctmo_indi.script_queue import attempts, peer
from ctmo_indi.script_queue.attempts import AttemptProgress, AttemptResult, AttemptScript
from ctmo_indi.script_queue.controls import ControlScript
from ctmo_indi.script_queue.script import (
    ScriptFailed,
    ScriptState,
    ScriptStopped,
    ScriptTerminated,
    Slot,
)
from ctmo_indi.script_queue.scripts.park import park
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_desk import FakeTelescope

WIRE: dict[str, object] = {
    "WOType": "Observation",
    "User": "scheduler",
    "ID": "A-1",
    "Parent": "O-1",
    "RA": 10.0,
    "Dec": 20.0,
    "RA Unit": "deg",
    "Filter": "V",
    "Exposure Time": 30.0,
    "Number of Exposures": 2,
}


class Run:
    """A script in its own thread."""

    def __init__(self, script: AttemptScript | ControlScript, clock: FakeClock) -> None:
        self.script = script
        self.reports: list[object] = []
        self.slot = Slot(clock, Deadline(clock, 1e6), self.reports.append)
        self._future: Future[object] = Future()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            self._future.set_result(self.script.run(self.slot))
        except BaseException as error:
            self._future.set_exception(error)

    def stop(self) -> None:
        self.slot.stop("stopped by the test")
        self.script.stop("stopped by the test")

    def result(self) -> AttemptResult:
        result = self._future.result(10.0)
        assert isinstance(result, AttemptResult)
        return result

    def wait(self) -> None:
        self._future.result(10.0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def telescope(clock: FakeClock) -> FakeTelescope:
    return FakeTelescope(profiles.load("simulators"), clock)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "STOPPING_PATIENCE_S", 0.05)
    monkeypatch.setattr(peer, "BACK_OFF_FACTOR", 1.0)


@pytest.fixture
def start(telescope: FakeTelescope, clock: FakeClock) -> Callable[..., Run]:
    def run(*, adopt: bool = False) -> Run:
        script = AttemptScript(
            "observe", telescope, "A-1", "O-1", wire=None if adopt else WIRE, timeout_s=100.0
        )
        return Run(script, clock)

    return run


def test_a_completed_attempt_brings_its_exposures(
    start: Callable[..., Run], telescope: FakeTelescope
) -> None:
    telescope.took = {"Mount": 12.5, "Exposing": 61.0, "Tea": 300.0}
    result = start().result()
    assert result.took == StepDurations(mount_s=12.5, exposing_s=61.0)
    assert result.state is AttemptState.COMPLETED
    assert [frame.exposure_id for frame in result.exposures] == ["A-1-001", "A-1-002"]
    assert result.exposures[0].order_receipt == "O-1"
    assert result.exposures[0].s_ra_deg == 10.0


def test_progress_is_reported_while_the_attempt_goes_on(
    start: Callable[..., Run], telescope: FakeTelescope
) -> None:
    telescope.outcome = lambda request: None
    run = start()
    telescope.wait_for_attempts(1)
    telescope.finish("A-1", AttemptState.IN_PROGRESS, 1)
    telescope.finish("A-1", AttemptState.INTERRUPTED, 1, "clouds")
    result = run.result()
    assert (result.state, result.failure) == (AttemptState.INTERRUPTED, "clouds")
    assert len(result.exposures) == 1
    assert all(isinstance(report, AttemptProgress) for report in run.reports)


def test_a_lost_answer_is_followed_by_the_same_attempt_again(
    start: Callable[..., Run], telescope: FakeTelescope
) -> None:
    real = telescope.front_desk
    lost = iter([True, True])

    def answer_lost(order: dict[str, object]) -> dict[str, object]:
        reply = real(order)
        if order["WOType"] == "Observation" and next(lost, False):
            raise ServiceUnreachable("the connection broke before the answer")
        return reply

    script = AttemptScript("observe", _Desk(answer_lost), "A-1", "O-1", wire=WIRE, timeout_s=100.0)
    assert Run(script, FakeClock()).result().state is AttemptState.COMPLETED
    assert len(telescope.attempts) == 1


class _Desk:
    def __init__(self, answer: Callable[[dict[str, object]], dict[str, object]]) -> None:
        self.front_desk = answer


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (DeskFault(423, "unsafe: rain"), AttemptState.INTERRUPTED),
        (DeskFault(426, "stopped by ana"), AttemptState.INTERRUPTED),
        (DeskFault(412, "busy"), AttemptState.INTERRUPTED),
        (DeskFault(400, "Filter: unknown"), AttemptState.FAILED),
        (DeskFault(403, "role"), AttemptState.FAILED),
    ],
)
def test_a_refusal_is_a_failure_only_when_the_order_is_wrong(
    start: Callable[..., Run], telescope: FakeTelescope, fault: CtmoError, state: AttemptState
) -> None:
    telescope.faults.append(fault)
    result = start().result()
    assert result.state is state
    assert str(fault) in result.failure


def test_an_overloaded_telescope_is_asked_again(
    start: Callable[..., Run], telescope: FakeTelescope
) -> None:
    telescope.faults += [DeskFault(429, "too many"), DeskFault(503, "starting")]
    assert start().result().state is AttemptState.COMPLETED


def test_stopping_cancels_the_attempt_and_waits_for_its_end(
    start: Callable[..., Run], telescope: FakeTelescope
) -> None:
    telescope.outcome = lambda request: None
    run = start()
    telescope.wait_for_attempts(1)
    run.stop()
    result = run.result()
    assert (result.state, result.failure) == (AttemptState.ABORTED, "stopped by the test")


def test_an_attempt_whose_end_cannot_be_learned_stays_open(
    start: Callable[..., Run], telescope: FakeTelescope
) -> None:
    telescope.is_down = True
    run = start(adopt=True)
    run.slot.stop("service stops")
    assert run.result().state is None


def test_stopped_before_it_was_handed_over_is_not_attempted(
    telescope: FakeTelescope, clock: FakeClock
) -> None:
    script = AttemptScript("observe", telescope, "A-1", "O-1", wire=WIRE, timeout_s=100.0)
    slot = Slot(clock, Deadline(clock, 1e6), lambda report: None)
    slot.stop("scheduler stopped")
    result = script.run(slot)
    assert result.state is AttemptState.NOT_ATTEMPTED
    assert not telescope.attempts


def test_an_adopted_attempt_the_telescope_has_never_heard_of_was_not_begun(
    start: Callable[..., Run],
) -> None:
    result = start(adopt=True).result()
    assert (result.state, result.is_unheard_of) == (AttemptState.NOT_ATTEMPTED, True)
    assert result.failure.startswith("restart")


def test_an_attempt_that_comes_after_it_was_given_up_is_not_carried_out(
    start: Callable[..., Run], telescope: FakeTelescope
) -> None:
    start(adopt=True).result()
    assert telescope.front_desk(WIRE)["Status"] == "CANCELED"
    assert not telescope.attempts


def test_an_attempt_that_comes_while_it_is_given_up_is_followed_to_its_end(
    telescope: FakeTelescope, clock: FakeClock
) -> None:
    """Its order waited for its commit, and begins before the Cancel reaches it."""
    telescope.outcome = lambda _request: (AttemptState.IN_PROGRESS, 1)

    def slow(order: dict[str, object]) -> dict[str, object]:
        if order["WOType"] == "Cancel" and not telescope.attempts:
            telescope.front_desk(WIRE)
        return telescope.front_desk(order)

    script = AttemptScript("observe", _Desk(slow), "A-1", "O-1", wire=None, timeout_s=100.0)
    result = Run(script, clock).result()

    assert (result.state, result.is_unheard_of) == (AttemptState.ABORTED, False)
    assert len(result.exposures) == 1


def test_an_attempt_is_not_given_up_before_the_telescope_has_taken_its_cancel(
    telescope: FakeTelescope, clock: FakeClock
) -> None:
    lost = iter([ServiceUnreachable("connection refused"), DeskFault(429, "too many")])

    def silent(order: dict[str, object]) -> dict[str, object]:
        if order["WOType"] == "Cancel" and (error := next(lost, None)) is not None:
            raise error
        return telescope.front_desk(order)

    script = AttemptScript("observe", _Desk(silent), "A-1", "O-1", wire=None, timeout_s=100.0)
    assert Run(script, clock).result().is_unheard_of
    assert list(telescope.barred) == ["A-1"]


def test_an_attempt_that_the_telescope_took_and_forgot_was_interrupted(
    start: Callable[..., Run], telescope: FakeTelescope
) -> None:
    telescope.outcome = lambda _request: None
    run = start()
    telescope.wait_for_attempts(1)
    telescope.attempts.clear()
    result = run.result()
    assert (result.state, result.is_unheard_of) == (AttemptState.INTERRUPTED, False)


@pytest.mark.parametrize(
    ("state", "script"),
    [
        (AttemptState.COMPLETED, ScriptState.DONE),
        (AttemptState.FAILED, ScriptState.FAILED),
        (AttemptState.INTERRUPTED, ScriptState.STOPPED),
        (AttemptState.ABORTED, ScriptState.STOPPED),
        (AttemptState.NOT_ATTEMPTED, ScriptState.STOPPED),
        (None, ScriptState.STOPPED),
    ],
)
def test_only_a_completed_attempt_lets_its_script_be_done(
    state: AttemptState | None, script: ScriptState
) -> None:
    result = AttemptResult("A-1", state, failure="clouds")
    assert (result.script_state, result.script_reason) == (script, "clouds")


@pytest.mark.parametrize(
    ("is_failure", "state"),
    [(True, AttemptState.FAILED), (False, AttemptState.NOT_ATTEMPTED)],
)
def test_a_withdrawn_attempt_has_an_end_and_a_reason(
    telescope: FakeTelescope, is_failure: bool, state: AttemptState
) -> None:
    script = AttemptScript("observe", telescope, "A-1", "O-1", wire=WIRE, timeout_s=100.0)
    assert script.withdrawn("focus failed", is_failure) == AttemptResult(
        "A-1", state, failure="focus failed"
    )


def test_a_withdrawn_adoption_leaves_the_attempt_open(telescope: FakeTelescope) -> None:
    script = AttemptScript("observe", telescope, "A-1", "O-1", wire=None, timeout_s=100.0)
    assert script.withdrawn("standby", False) is None


def test_an_attempt_is_not_made_twice(telescope: FakeTelescope) -> None:
    script = AttemptScript("observe", telescope, "A-1", "O-1", wire=WIRE, timeout_s=100.0)
    with pytest.raises(WrongState, match="attempt A-1 is made once"):
        script.copy()


def test_a_terminated_attempt_is_cancelled_at_the_telescope(
    start: Callable[..., Run], telescope: FakeTelescope
) -> None:
    telescope.outcome = lambda request: None
    run = start()
    telescope.wait_for_attempts(1)
    run.slot.cut("it hangs")
    with pytest.raises(ScriptTerminated):
        run.wait()
    assert telescope.attempts["A-1"].state is AttemptState.ABORTED


def test_an_order_on_its_way_while_it_is_terminated_is_not_carried_out(
    telescope: FakeTelescope,
) -> None:
    """Cancel comes first; the order must not be observed for nobody."""
    telescope.outcome = lambda request: None
    on_its_way, cut = threading.Event(), threading.Event()

    def slow(order: dict[str, object]) -> dict[str, object]:
        if order["WOType"] == "Observation":
            on_its_way.set()
            assert cut.wait(10.0)
        return telescope.front_desk(order)

    script = AttemptScript("observe", _Desk(slow), "A-1", "O-1", wire=WIRE, timeout_s=100.0)
    run = Run(script, FakeClock())
    assert on_its_way.wait(10.0)
    run.slot.cut("it hangs")
    script.stop("it hangs")
    cut.set()
    with pytest.raises(ScriptTerminated):
        run.wait()
    assert not telescope.attempts
    assert telescope.barred["A-1"]["Status"] == "CANCELED"


def test_a_cancel_that_is_not_delivered_is_sent_again_after_the_script_was_terminated(
    telescope: FakeTelescope,
) -> None:
    telescope.outcome = lambda request: None
    telescope.front_desk(WIRE)
    real, lost = telescope.front_desk, iter([True, True])

    def silent(order: dict[str, object]) -> dict[str, object]:
        if order["WOType"] == "Cancel" and next(lost, False):
            raise ServiceUnreachable("connection refused")
        return real(order)

    script = AttemptScript("observe", _Desk(silent), "A-1", "O-1", wire=None, timeout_s=100.0)
    slot = Slot(FakeClock(), Deadline(FakeClock(), 1e6), lambda report: None)
    slot.cut("it hangs")
    with pytest.raises(ScriptTerminated):
        script.run(slot)
    assert telescope.attempts["A-1"].state is AttemptState.ABORTED


def test_park_closes_through_the_telescope(telescope: FakeTelescope, clock: FakeClock) -> None:
    Run(park(telescope, timeout_s=100.0), clock).wait()
    assert telescope.controls() == ["close"]


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        (DeskFault(425, "maintenance lock of ana"), ScriptStopped),
        (DeskFault(400, "maintenance lock of ana"), ScriptFailed),
    ],
)
def test_a_refused_control_order_ends_with_the_telescopes_words(
    telescope: FakeTelescope, clock: FakeClock, fault: DeskFault, ending: type[Exception]
) -> None:
    telescope.faults.append(fault)
    with pytest.raises(ending, match="maintenance lock of ana"):
        Run(park(telescope, timeout_s=100.0), clock).wait()

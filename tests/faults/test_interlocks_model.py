"""Random orders, verdicts and mishaps on a model of the world: nothing forbidden is ever sent.

The oracle (``interlock_world.forbidden``) knows nothing of the interlocks; that it can find fault
is shown by taking each rule away in turn.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ctmo_indi.devices import closing, device, interlocks, mount, observatory
from ctmo_indi.devices.interlocks import RULES, Rule
from ctmo_indi.devices.motion_kinds import MotionKind

from ..promises import Recorder, runs
from .random_orders import Outcome, Sequence

pytestmark = pytest.mark.faults

WORKERS = 6
# Enough for the rarest; the search ends with the first that is found.
SEARCH = 3000

EVERY_MOTION = {
    "slew", "track", "stop tracking", "park mount", "unpark mount", "abort mount", "open shutter",
    "close shutter", "rotate dome", "park dome", "unpark dome", "abort dome", "expose light",
    "expose calibration", "abort exposure", "filter", "focus", "lamp",
}  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The model's clock leaps: pauses of the machine would be hours of it. Logs say the same."""
    monkeypatch.setattr(closing, "_PAUSE_FLOOR_MACHINE_S", 0.001)
    monkeypatch.setattr(mount, "_TELL_MACHINE_S", 0.001)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def told(outcome: Outcome) -> str:
    steps = "\n  ".join(outcome.trace)
    return f"seed {outcome.seed}: {outcome.violations}\n  {steps}\n  sent: {outcome.world.told}"


def played(seeds: Iterable[int]) -> Iterator[Outcome]:
    """Play sequences side by side, as many at a time as there are workers."""
    with ThreadPoolExecutor(WORKERS) as pool:
        batch: list[int] = []
        for seed in seeds:
            batch.append(seed)
            if len(batch) == 5 * WORKERS:
                yield from pool.map(lambda one: Sequence(one).run(), batch)
                batch.clear()
        yield from pool.map(lambda one: Sequence(one).run(), batch)


@pytest.mark.promise
@pytest.mark.timeout(1800)
def test_no_sequence_does_what_is_forbidden(promise: Recorder) -> None:
    count = runs(1000, 10_000)
    done: Counter[str] = Counter()
    commands, bad, unfinished = 0, [], []
    for outcome in played(range(count)):
        done.update(outcome.world.done)
        commands += len(outcome.world.told)
        if outcome.violations:
            bad.append(told(outcome))
        if outcome.unfinished:
            unfinished.append(f"seed {outcome.seed}: {outcome.unfinished}")
    assert set(done) == EVERY_MOTION, "the sequences reach every motion"
    assert unfinished == []
    assert bad == [], "\n\n".join(bad[:5])
    promise(
        "interlocks_model",
        f"{len(bad)} in {count} sequences, {commands} commands sent",
        holds=not bad,
    )


def first_found(seeds: Iterable[int]) -> Outcome | None:
    return next((outcome for outcome in played(seeds) if outcome.violations), None)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_without_any_one_rule_the_model_finds_fault(
    rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = tuple(entry for entry in RULES if entry is not rule)
    monkeypatch.setattr(interlocks, "RULES", rest)
    assert first_found(range(SEARCH)) is not None, f"nobody misses {rule.name}"


def test_interlocks_asked_only_before_the_sending_are_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device.Device, "_send_guard", lambda _device, _request: lambda: None)
    assert first_found(range(SEARCH)) is not None


def test_an_answer_taken_for_granted_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observatory.Unanswered, "note", lambda _book, _request: None)
    assert first_found(range(SEARCH)) is not None


def test_an_emergency_declared_by_anybody_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    check = interlocks.check

    def trusting(motion: MotionKind, target: object, facts: interlocks.Facts) -> None:
        if motion is not MotionKind.CLOSE_SHUTTER:
            check(motion, target, facts)  # type: ignore[arg-type]

    monkeypatch.setattr(interlocks, "check", trusting)
    assert first_found(range(SEARCH)) is not None

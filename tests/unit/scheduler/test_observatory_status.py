"""The observatory's status words as a matrix of facts and of what operators said."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ctmo_indi.errors import BadOrder, WrongState
from ctmo_indi.models.states import SummaryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduler.component.observatory_status import (
    Facts,
    Kept,
    ObservatoryStatus,
    Status,
    after_update,
    labels,
    note_of,
    status_of,
)
from ctmo_indi.scheduler.component.service_status import facts_of

S = Status
NIGHT = Facts(is_alive=True, is_day=False, is_weather_bad=False)
DAY = Facts(is_alive=True, is_day=True, is_weather_bad=False)
SAID = (S.UNKNOWN, S.OPERATIONAL, S.WEATHER, S.DOWNTIME, S.FAULT, S.OPERATIONAL | S.DOWNTIME)


@pytest.mark.parametrize(
    ("is_day", "is_weather_bad", "in_fault", "were", "said"),
    list(
        itertools.product(
            (None, True, False), (True, False), ((), ("observatory",)), ((), ("scheduler",)), SAID
        )
    ),
)
def test_every_combination_keeps_the_rules(
    is_day: bool | None,
    is_weather_bad: bool,
    in_fault: tuple[str, ...],
    were: tuple[str, ...],
    said: Status,
) -> None:
    facts = Facts(True, is_day, is_weather_bad, in_fault)
    status = status_of(facts, Kept(int(said), "", were))
    assert (S.DAYTIME in status) is (is_day is True)
    assert (S.FAULT in status) is bool(in_fault or were or S.FAULT in said)
    assert (S.WEATHER in status) is (is_weather_bad or S.WEATHER in said)
    assert (S.DOWNTIME in status) is (S.DOWNTIME in said)
    excluded = status & (S.DAYTIME | S.FAULT | S.DOWNTIME)
    assert (S.OPERATIONAL in status) is (S.OPERATIONAL in said and not excluded)
    others = status & ~S.IDLE
    assert (S.IDLE in status) is (not others and is_day is False)


def test_nothing_is_known_in_standby() -> None:
    asleep = Facts(False, True, True, ("observatory",))
    assert status_of(asleep, Kept(int(S.DOWNTIME))) is S.UNKNOWN


@pytest.mark.parametrize(
    ("words", "facts", "error", "said"),
    [
        (("SLEEPY",), NIGHT, BadOrder, "came 'SLEEPY'"),
        (("UNKNOWN", "WEATHER"), NIGHT, BadOrder, "expected it alone"),
        (("OPERATIONAL", "DOWNTIME"), NIGHT, BadOrder, "OPERATIONAL with DOWNTIME"),
        (("OPERATIONAL", "FAULT"), NIGHT, BadOrder, "OPERATIONAL with FAULT"),
        (("OPERATIONAL", "DAYTIME"), DAY, BadOrder, "OPERATIONAL with DAYTIME"),
        (("IDLE", "WEATHER"), NIGHT, BadOrder, "IDLE with WEATHER"),
        (("DOWNTIME",), DAY, WrongState, "expected DAYTIME"),
        (("UNKNOWN",), DAY, WrongState, "expected DAYTIME"),
        (("DAYTIME",), NIGHT, WrongState, "it is night"),
        (("WEATHER",), Facts(True, False, False, ("dome",)), WrongState, "in fault: dome"),
    ],
)
def test_words_that_exclude_each_other_or_the_facts_are_refused(
    words: tuple[str, ...], facts: Facts, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        after_update(words, "", facts, Kept())


@pytest.mark.parametrize(
    ("words", "facts", "status"),
    [
        (("OPERATIONAL", "WEATHER"), NIGHT, S.OPERATIONAL | S.WEATHER),
        (("DOWNTIME", "DAYTIME"), DAY, S.DOWNTIME | S.DAYTIME),
        (("IDLE",), NIGHT, S.IDLE),
        (("UNKNOWN",), NIGHT, S.IDLE),  # nothing said, and it is night
        (("FAULT",), NIGHT, S.FAULT),
    ],
)
def test_what_operators_may_say_holds(words: tuple[str, ...], facts: Facts, status: Status) -> None:
    assert status_of(facts, after_update(words, "", facts, Kept())) == status


@pytest.fixture
def told() -> list[dict[str, object]]:
    return []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scheduler" / "observatory_status.json"


def make(path: Path, told: list[dict[str, object]]) -> ObservatoryStatus:
    return ObservatoryStatus(path, lambda _kind, _subject, data: told.append(data))


def test_a_fault_stays_listed_until_an_operator_clears_it_after_the_recovery(
    path: Path, told: list[dict[str, object]]
) -> None:
    status = make(path, told)
    status.look(Facts(True, False, False, ("observatory",)))
    with pytest.raises(WrongState, match="cannot be cleared"):
        status.update(("IDLE",), "")
    status.look(NIGHT)
    assert told[-1]["Labels"] == "FAULT"
    assert told[-1]["Note"] == "were in fault: observatory"
    status = make(path, told)  # not even a restart clears it
    status.look(NIGHT)
    assert told[-1]["Labels"] == "FAULT"
    status.update(("IDLE",), "looked at it")
    assert (told[-1]["Labels"], told[-1]["Note"]) == ("IDLE", "looked at it")


def test_the_operator_s_note_persists_and_ours_goes_with_its_reason() -> None:
    kept = Kept(0, "mirror washed", ("dome",))
    in_fault = Facts(True, False, False, ("dome",))
    assert note_of(in_fault, kept) == "mirror washed; in fault: dome"
    assert note_of(NIGHT, Kept(0, "mirror washed")) == "mirror washed"


def test_operational_comes_with_resume_goes_with_stop_and_not_over_a_restart(
    path: Path, told: list[dict[str, object]]
) -> None:
    status = make(path, told)
    status.look(NIGHT)
    status.set_operational(True)
    assert told[-1]["Words"] == ["OPERATIONAL"]
    status.look(DAY)
    assert told[-1]["Words"] == ["DAYTIME"]
    status.look(NIGHT)
    assert told[-1]["Words"] == ["OPERATIONAL"]
    again = make(path, told)
    again.look(NIGHT)
    assert told[-1]["Words"] == ["IDLE"]
    status.set_operational(False)
    assert status.to_wire()["Words"] == ["IDLE"]


def test_only_changes_are_told(path: Path, told: list[dict[str, object]]) -> None:
    status = make(path, told)
    for _ in range(3):
        status.look(NIGHT)
    assert len(told) == 1


def test_a_broken_file_is_no_reason_not_to_start(path: Path, told: list[dict[str, object]]) -> None:
    path.parent.mkdir()
    path.write_text("{")
    make(path, told).look(NIGHT)
    assert told[-1]["Words"] == ["IDLE"]


@pytest.mark.parametrize(
    ("summary", "reasons", "weather", "in_fault"),
    [
        (SummaryState.ENABLED, (), False, ()),
        (SummaryState.ENABLED, ("weather alert: rain",), True, ()),
        (SummaryState.ENABLED, ("the weather is unknown",), True, ()),
        (SummaryState.ENABLED, ("the Sun is at 5.0 deg, limit -6 deg",), False, ()),
        (SummaryState.DISABLED, ("ALARM: the shutter is open",), False, ("observatory",)),
        (SummaryState.FAULT, (), False, ("scheduler",)),
    ],
)
def test_what_the_verdict_and_the_summary_state_say(
    summary: SummaryState, reasons: tuple[str, ...], weather: bool, in_fault: tuple[str, ...]
) -> None:
    level = VerdictLevel.UNSAFE if reasons else VerdictLevel.SAFE
    verdict = Verdict(level, reasons, 1, "", 0.0)
    facts = facts_of(summary, verdict, is_day=None)
    assert (facts.is_weather_bad, facts.in_fault) == (weather, in_fault)


def test_labels_are_joined_as_with_rubin() -> None:
    assert labels(S.FAULT | S.DAYTIME) == "FAULT | DAYTIME"
    assert labels(S.UNKNOWN) == "UNKNOWN"

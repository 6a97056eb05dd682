"""Marks that are kept from call to call are those that are worked out anew."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ctmo_indi.models.motions import FixedHorizontal
from ctmo_indi.scheduling.candidates import Candidate, of_order
from ctmo_indi.scheduling.plan.candidate_marks import CandidateMarks

from .plan_world import NIGHT, drawn

MORNING_S = NIGHT.morning.timestamp()
POOL = [of_order(one) for one in drawn(8)]
STILL = replace(
    POOL[0],
    key="still",
    request=replace(
        POOL[0].request, ra_deg=None, dec_deg=None, motion=FixedHorizontal(60.0, 120.0)
    ),
)
VARIANTS = [
    *POOL,
    STILL,
    replace(POOL[1], count=7),
    replace(POOL[2], not_before_utc_s=MORNING_S - 60.0),
    replace(POOL[3], not_before_utc_s=MORNING_S + 60.0),
    replace(
        POOL[4],
        not_before_utc_s=MORNING_S + 60.0,
        request=replace(POOL[4].request, group="pair"),
    ),
]

some = st.lists(st.sampled_from(VARIANTS), unique_by=lambda one: one.key, max_size=9)
rests = st.dictionaries(
    st.sampled_from([one.key for one in POOL]),
    st.sampled_from([MORNING_S - 1000.0, MORNING_S + 1000.0]),
    max_size=2,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(some, rests), min_size=2, max_size=5))
def test_they_depend_on_the_last_question_only(
    questions: list[tuple[list[Candidate], dict[str, float]]],
) -> None:
    marks = CandidateMarks()
    for candidates, rest in questions:
        found = marks.of(candidates, rest, MORNING_S)
        fresh = CandidateMarks().of(candidates, rest, MORNING_S)
        assert found == fresh
        assert all(found.plannable[one.key] is one for one in candidates if one.key in found.marks)

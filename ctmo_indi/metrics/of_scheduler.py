"""What is told of the scheduler."""

from __future__ import annotations

from ctmo_indi.metrics.reading import (
    Source,
    age_at,
    any_at,
    at,
    count_at,
    counter,
    each_at,
    gauge,
    state_at,
    sum_at,
    unix_at,
    words_at,
)
from ctmo_indi.models.states import OrderState, SummaryState
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS

_WORDS = ("OPERATIONAL", "FAULT", "WEATHER", "DOWNTIME", "DAYTIME", "IDLE")
_OPEN = tuple(state for state in OrderState if state not in SETTLED_ORDERS)
_PLAN = Source.PLAN

METRICS = (
    gauge(
        "ctmo_scheduler_component_state",
        "1 for the component's summary state, 0 for the others.",
        state_at(tuple(SummaryState), "Summary State"),
        ("state",),
    ),
    gauge("ctmo_scheduler_running", "1 while targets are produced.", at("Running")),
    gauge("ctmo_scheduler_error_code", "Error code of the component; 0: none.", at("Error Code")),
    gauge(
        "ctmo_scheduler_observatory_status",
        "1 for each word of the observatory's status that holds, 0 for the others.",
        words_at(_WORDS, "Observatory Status", "Words"),
        ("word",),
    ),
    gauge("ctmo_scheduler_held", "1 while a human holds the observatory.", any_at("Held")),
    gauge(
        "ctmo_scheduler_orders",
        "Work Orders in each state.",
        each_at("Order Counts"),
        ("state",),
    ),
    gauge(
        "ctmo_scheduler_orders_open",
        "Work Orders that are not settled: received, pending, held, scheduled or in progress.",
        sum_at(_OPEN, "Order Counts"),
    ),
    gauge(
        "ctmo_scheduler_script_running",
        "1 while a script runs, such as an observation.",
        any_at("Current"),
    ),
    gauge("ctmo_scheduler_scripts_waiting", "Scripts on the queue.", count_at("Queue")),
    gauge("ctmo_scheduler_queue_paused", "1 while the script queue is paused.", at("Paused")),
    counter(
        "ctmo_scheduler_decisions_total",
        "Decisions of the scheduling driver that were taken since it was loaded.",
        at("Decisions", "Number"),
    ),
    gauge(
        "ctmo_scheduler_decision_seconds",
        "How long the last decision took, seconds of the machine.",
        at("Decisions", "Last (s)"),
    ),
    counter(
        "ctmo_scheduler_engine_failures_total",
        "Calls to the engine that failed: each is a bug of ours.",
        at("Engine", "Failures"),
    ),
    gauge(
        "ctmo_scheduler_verdict_age_seconds",
        "Age of safety's verdict as the scheduler knows it, seconds of the machine.",
        at("Verdict Age"),
    ),
    gauge(
        "ctmo_scheduler_cycles_canary_age_seconds",
        "Since the periodic cycles came round last, seconds of the machine.",
        at("Cycles", "Canary Age (s)"),
    ),
    counter(
        "ctmo_scheduler_cycles_restarts_total",
        "How often the periodic cycles were built anew.",
        at("Cycles", "Restarts"),
    ),
    counter(
        "ctmo_scheduler_clock_steps_total",
        "How often the computer's clock was set under the scheduler.",
        at("Cycles", "Clock Steps"),
    ),
    counter(
        "ctmo_scheduler_cycle_troubles_total",
        "Cycles that failed, were missed or overlapped.",
        each_at("Cycles", "Troubles"),
        ("cycle",),
    ),
    counter(
        "ctmo_scheduler_telemetry_rounds_total",
        "Rounds of the telemetry loop.",
        at("Telemetry", "Rounds"),
    ),
    counter(
        "ctmo_scheduler_telemetry_failures_total",
        "Rounds of the telemetry loop that failed.",
        at("Telemetry", "Failures"),
    ),
    gauge(
        "ctmo_scheduler_telemetry_age_seconds",
        "Age of the newest value of each telemetry stream, seconds of the sky's clock.",
        each_at("Telemetry", "Ages (s)"),
        ("stream",),
    ),
    counter(
        "ctmo_scheduler_events_stored_total",
        "Events written to the database.",
        each_at("Events", inner=("Stored",)),
        ("shelf",),
    ),
    counter(
        "ctmo_scheduler_events_dropped_total",
        "Events that could not be kept.",
        each_at("Events", inner=("Dropped",)),
        ("shelf",),
    ),
    gauge(
        "ctmo_scheduler_events_waiting",
        "Events that wait for the database.",
        each_at("Events", inner=("Waiting",)),
        ("shelf",),
    ),
    gauge("ctmo_plan_value", "What the plan of the night is worth.", at("Value"), source=_PLAN),
    gauge("ctmo_plan_bound", "No plan is worth more.", at("Bound"), source=_PLAN),
    gauge("ctmo_plan_gap_ratio", "(bound - value) / bound.", at("Gap"), source=_PLAN),
    gauge(
        "ctmo_plan_filled_ratio",
        "Part of the planned time that is exposed or read out.",
        at("Filled"),
        source=_PLAN,
    ),
    gauge("ctmo_plan_visits", "Visits that the plan has.", at("Number of Visits"), source=_PLAN),
    gauge("ctmo_plan_requests", "Requests it was made from.", at("Requests"), source=_PLAN),
    gauge(
        "ctmo_plan_preview",
        "1 while the plan told here is not followed yet.",
        any_at("Preview"),
        source=_PLAN,
    ),
    gauge(
        "ctmo_plan_refused",
        "1 while the night's plan is refused for a rule it breaks.",
        any_at("Refused"),
        source=_PLAN,
    ),
    gauge(
        "ctmo_plan_made_timestamp_seconds",
        "When the plan was made, Unix seconds of the sky's clock.",
        unix_at("Made"),
        source=_PLAN,
    ),
    gauge(
        "ctmo_plan_age_seconds",
        "Since the plan was made or changed, seconds of the sky's clock.",
        age_at(("Changed",), ("Made",)),
        source=_PLAN,
    ),
)

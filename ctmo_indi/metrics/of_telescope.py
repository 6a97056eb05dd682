"""What is told of the telescope service, which has the dome as well."""

from __future__ import annotations

from ctmo_indi.metrics import of_devices
from ctmo_indi.metrics.reading import Metric, any_at, at, counter, each_at, gauge, state_at
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import VerdictLevel

METRICS: tuple[Metric, ...] = (
    gauge(
        "ctmo_telescope_observatory_state",
        "1 for the state of dome and mount together, 0 for the others.",
        state_at(tuple(ObservatoryState), "Observatory"),
        ("state",),
    ),
    gauge(
        "ctmo_telescope_link_state",
        "1 for the state of the link to the INDI server, 0 for the other.",
        state_at(("UP", "DOWN"), "Link"),
        ("state",),
    ),
    gauge(
        "ctmo_telescope_verdict_level",
        "1 for the level of the verdict that the telescope obeys, 0 for the others.",
        state_at(tuple(VerdictLevel), "Verdict", "Level"),
        ("level",),
    ),
    gauge(
        "ctmo_telescope_verdict_age_seconds",
        "Age of that verdict, seconds of the machine; above 10 nothing begins, above 30 it closes.",
        at("Verdict", "Age"),
    ),
    gauge("ctmo_telescope_busy", "1 while an attempt, a hand's order or a closing is under way.",
          any_at("Busy")),
    gauge("ctmo_telescope_waiting", "Attempts that wait.", at("Waiting")),
    gauge(
        "ctmo_telescope_held",
        "1 while hands are kept off, since another INDI client took over.",
        any_at("Held"),
    ),
    gauge("ctmo_telescope_alarm", "1 while a closing has failed.", any_at("Alarm")),
    gauge(
        "ctmo_telescope_recovering",
        "1 while what a crash left in the journal is not settled.",
        any_at("Recovery", "Doing"),
    ),
    counter(
        "ctmo_telescope_frames_total",
        "Frames by what became of them: stored, or failed.",
        each_at("Frame Counts", "Count"),
        ("outcome",),
    ),
    counter(
        "ctmo_telescope_exposed_seconds_total",
        "Exposure time of the frames that were stored, of lights and calibrations.",
        at("Frame Counts", "Exposed (s)"),
    ),
    gauge(
        "ctmo_telescope_unwritten",
        "Facts that wait for the database: the disk is full or slow.",
        at("Frame Counts", "Unwritten"),
    ),
    counter(
        "ctmo_telescope_time_seconds_total",
        "What the telescope's time went to, seconds of the sky's clock.",
        each_at("Time Spent"),
        ("use",),
    ),
    *of_devices.METRICS,
)  # fmt: skip

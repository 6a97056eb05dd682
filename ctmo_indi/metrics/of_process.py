"""What is told of every service: its process, its front desk, its health."""

from __future__ import annotations

from ctmo_indi.metrics.reading import Metric, Source, at, counter, each_at, gauge, pairs_at

_DESK = Source.DESK

METRICS: tuple[Metric, ...] = (
    gauge(
        "ctmo_service_info",
        "1, with the service's name and version.",
        pairs_at("Info"),
        ("service", "version"),
        _DESK,
    ),
    gauge(
        "ctmo_service_alive",
        "1 while the service's own loops come round.",
        at("Alive"),
        source=_DESK,
    ),
    gauge(
        "ctmo_service_answers",
        "1 when the service gave its Status in time for this answer; else most is missing below.",
        at("Answers"),
        source=_DESK,
    ),
    gauge(
        "ctmo_clock_speed",
        "Seconds of the sky's clock for each second of the machine; 1 outside of rehearsals.",
        at("Speed"),
        source=_DESK,
    ),
    gauge(
        "ctmo_desk_connections", "Connections to the front desk.", at("Connections"), source=_DESK
    ),
    counter(
        "ctmo_desk_connections_cut_total",
        "Connections cut for being over their time, or to make room.",
        at("Cut"),
        source=_DESK,
    ),
    counter(
        "ctmo_desk_connections_refused_total",
        "Connections refused since too many were open.",
        at("Refused"),
        source=_DESK,
    ),
    counter(
        "ctmo_desk_orders_total",
        "Work Orders by kind and outcome: accepted, refused, or failed (a device, a peer, a bug).",
        pairs_at("Orders"),
        ("kind", "outcome"),
        _DESK,
    ),
    counter(
        "ctmo_metrics_unread_total",
        "Readings that failed, by metric: each is a bug of ours.",
        each_at("Unread"),
        ("metric",),
        _DESK,
    ),
    gauge(
        "ctmo_metrics_answer_seconds",
        "How long the last answer to Prometheus took, seconds of the machine.",
        at("Took (s)"),
        source=_DESK,
    ),
)

#: Of ``prometheus_client``, where the system has /proc: under the names that every board knows.
PROCESS = {
    "process_cpu_seconds_total": "User and system CPU time.",
    "process_virtual_memory_bytes": "Virtual memory.",
    "process_resident_memory_bytes": "Resident memory (RSS).",
    "process_start_time_seconds": "Start of the process, Unix seconds.",
    "process_open_fds": "Open file descriptors.",
    "process_max_fds": "How many it may have.",
}

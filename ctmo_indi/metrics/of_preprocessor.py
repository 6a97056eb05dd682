"""What is told of the preprocessor."""

from __future__ import annotations

from ctmo_indi.metrics.reading import (
    Metric,
    Source,
    any_at,
    at,
    count_at,
    each_at,
    gauge,
    sum_of_at,
)

METRICS: tuple[Metric, ...] = (
    gauge("ctmo_preprocessor_orders_open", "Orders that wait or are under way.", at("Open Orders")),
    gauge("ctmo_preprocessor_busy", "1 while a night is calibrated.", any_at("Busy")),
    gauge(
        "ctmo_preprocessor_progress_ratio",
        "How far the stage under way is.",
        at("Progress Ratio"),
    ),
    gauge(
        "ctmo_preprocessor_orders",
        "Calibration orders in each state.",
        each_at("Order Counts"),
        ("state",),
    ),
    gauge(
        "ctmo_preprocessor_debt_kinds",
        "Kinds of calibration frames that lights of the last nights lack.",
        count_at("Debt"),
        source=Source.DEBT,
    ),
    gauge(
        "ctmo_preprocessor_debt_frames",
        "Calibration frames that they lack.",
        sum_of_at("Number of Exposures", "Debt"),
        source=Source.DEBT,
    ),
    gauge(
        "ctmo_preprocessor_debt_lights",
        "Lights that wait for them; one may wait for several kinds.",
        sum_of_at("Lights", "Debt"),
        source=Source.DEBT,
    ),
)

"""Which metrics a service tells, and the table that the documents show."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.metrics import of_preprocessor, of_process, of_safety, of_scheduler, of_telescope
from ctmo_indi.metrics.reading import Metric

TABLES: Mapping[str, tuple[Metric, ...]] = {
    "scheduler": of_scheduler.METRICS,
    "telescope": of_telescope.METRICS,
    "safety": of_safety.METRICS,
    "preprocessor": of_preprocessor.METRICS,
}
EVERY = of_process.METRICS
PROCESS = of_process.PROCESS


def metrics_of(service: str) -> tuple[Metric, ...]:
    """Return what a service tells; of an unknown one only what all have."""
    return (*EVERY, *TABLES.get(service, ()))


def names() -> frozenset[str]:
    """Return every name under which a sample may come."""
    rows = (*EVERY, *(metric for table in TABLES.values() for metric in table))
    return frozenset(metric.name for metric in rows) | frozenset(PROCESS)


def listing() -> list[dict[str, str]]:
    """Return every metric as a row for people: Name, Service, Type, Labels, About."""
    rows = [
        _row(metric, service)
        for service, table in {"every": EVERY, **TABLES}.items()
        for metric in table
    ]
    return rows + [
        {
            "Name": name,
            "Service": "every",
            "Type": "counter" if name.endswith("_total") else "gauge",
            "Labels": "",
            "About": about,
        }
        for name, about in PROCESS.items()
    ]


def _row(metric: Metric, service: str) -> dict[str, str]:
    return {
        "Name": metric.name,
        "Service": service,
        "Type": metric.kind.value,
        "Labels": ", ".join(metric.labels),
        "About": metric.about,
    }

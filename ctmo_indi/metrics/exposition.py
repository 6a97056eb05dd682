"""From replies to the text that Prometheus reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from ctmo_indi.metrics.reading import Kind, Metric, Reply, Source

_process = ProcessCollector(registry=None)


class Exposition:
    """Reads the tables' metrics; one of each service, on one thread.

    Attributes
    ----------
    unread
        Metric -> how often its reply was not what the table expects.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)
        self.unread: Counter[str] = Counter()

    def families(self, replies: Mapping[Source, Reply]) -> Iterator[Family]:
        """Yield each metric that has a value, with its HELP text."""
        for metric in self._metrics:
            family = _family(metric)
            try:
                for labels, value in metric.read(replies.get(metric.source, {})):
                    family.add_metric(labels, value)
            except (ValueError, TypeError, KeyError, AttributeError):
                self.unread[metric.name] += 1  # one wrong key must not hide all other numbers
                continue
            if family.samples:
                yield family
        yield from _process.collect()

    def text(self, replies: Mapping[Source, Reply], accept: str) -> tuple[bytes, str]:
        """Return the body and its Content-Type, in the format that ``accept`` asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(_Collected(tuple(self.families(replies)))), content_type


class _Collected:
    """A registry of one scrape."""

    def __init__(self, families: tuple[Family, ...]) -> None:
        self._families = families

    def collect(self) -> tuple[Family, ...]:
        """Return what was read."""
        return self._families


def _family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    if metric.kind is Kind.COUNTER:
        return CounterMetricFamily(metric.name, metric.about, labels=metric.labels)
    return GaugeMetricFamily(metric.name, metric.about, labels=metric.labels)

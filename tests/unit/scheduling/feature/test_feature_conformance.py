"""The feature based driver keeps the contract of every scheduling driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.feature.driver import FeatureScheduler
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.target import PendingOrder
from ctmo_indi.testing.driver_conformance import DriverConformance

ORDERS: Mapping[str, Any] = {
    "type": "orders",
    "name": "orders",
    "basis_functions": [
        {"type": "priority", "weight": 10},
        {"type": "age"},
        {"type": "slew_time"},
        {"type": "filter_change"},
    ],
}
FIELDS: Mapping[str, Any] = {"sky": {"nside": 4}}
VISITS = [
    {"type": "fast_revisit", "least_s": 3600},
    {"type": "footprint"},
    {"type": "hour_angle", "weight": 2},
    {"type": "slew_time", "weight": 0.5},
]
GREEDY: Mapping[str, Any] = {
    "type": "greedy",
    "name": "wide",
    "fields": "sky",
    "filters": ["V", "R"],
    "exposure_s": 600,
    "basis_functions": VISITS,
    "detailers": [{"type": "dither"}, {"type": "rotation"}, {"type": "repeat", "times": 2}],
}
BLOB = {**GREEDY, "type": "blob", "name": "blocks", "radius_deg": 25.0, "most_fields": 5}
SEQUENCE: Mapping[str, Any] = {
    "type": "field",
    "name": "deep",
    "fields": "sky",
    "targets": ["00040", "00060"],
    "sequence": [
        {"filter": "R", "exposure_s": 300, "count": 2},
        {"filter": "V", "exposure_s": 300},
        {"filter": "R", "exposure_s": 300},
    ],
    "basis_functions": [{"type": "hour_angle"}, {"type": "fast_revisit", "least_s": 0}],
    "detailers": [{"type": "filter_order"}],
}


def driver_of(models: Models, *tiers: list[Mapping[str, Any]]) -> FeatureScheduler:
    driver = FeatureScheduler(models)
    driver.configure_scheduler({"fields": FIELDS, "tiers": [{"surveys": one} for one in tiers]})
    return driver


class TestFeatureWithOrders(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        return driver_of(models, [ORDERS])


class TestFeatureWithFields(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        return driver_of(models, [GREEDY])

    def make_orders(self) -> tuple[PendingOrder, ...]:
        return ()


class TestFeatureWithBlocks(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        return driver_of(models, [BLOB])

    def make_orders(self) -> tuple[PendingOrder, ...]:
        return ()


class TestFeatureWithASequence(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        return driver_of(models, [SEQUENCE])


class TestFeatureWithAllOfThem(DriverConformance):
    def make_driver(self, models: Models) -> Driver:
        return driver_of(models, [ORDERS, SEQUENCE], [BLOB, GREEDY])

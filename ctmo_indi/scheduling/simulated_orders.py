"""Orders for simulated nights: drawn by lot, or read from a file.

Drawn orders (:class:`DrawnOrders`), each night its own, repeatable by the seed:

* place: the order is at a random point of the sky above 30 degrees (and the site's own horizon)
  at a random instant of the night, so that every order could be observed at some time of it;
* exposure: logarithmically uniform from 10 to 180 s (median 42 s); one to three frames;
* filter: any of the profile's, alike; no filter where the profile has none;
* priority: normal around the profile's base with a standard deviation of 1.5, within 0 to 10;
* age: handed in during the day before, one after the other.

Three hundred of them fill about eleven hours with the simulators' kinematics. What is left at dawn
is dropped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from ctmo_indi import checked_yaml
from ctmo_indi.errors import BadOrder, ConfigError
from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.target import PendingOrder
from ctmo_indi.work_orders import priority
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.model import OrderKind

LOWEST_ALTITUDE_DEG = 30.0
SHORTEST_S, LONGEST_S = 10.0, 180.0
MOST_FRAMES = 3
PRIORITY_SPREAD = 1.5
USER = "simulation"
_HALF_DAY_S = 43200.0


class OrderSource(Protocol):
    """Where the orders of simulated nights come from."""

    def waiting(self, night: Night, number: int) -> Sequence[PendingOrder]:
        """Return what waits when the ``number``-th night (from 1) begins."""
        ...

    def left(self, orders: Sequence[PendingOrder]) -> None:
        """Take back what is left at dawn."""
        ...


class DrawnOrders:
    """Orders drawn by lot, ``per_night`` every night.

    Parameters
    ----------
    seed
        The same seed gives the same orders for the same night.
    """

    def __init__(self, profile: Profile, per_night: int, seed: int = 0) -> None:
        self._profile = profile
        self._per_night = per_night
        self._seed = seed

    def waiting(self, night: Night, number: int) -> list[PendingOrder]:
        """Draw the orders of a night."""
        lots = np.random.default_rng((self._seed, int(night.label)))
        count, profile = self._per_night, self._profile
        begin_s, end_s = night.evening.timestamp(), night.morning.timestamp()
        lowest_deg = max(LOWEST_ALTITUDE_DEG, profile.limits.horizon_deg)
        heights = lots.uniform(
            math.sin(math.radians(min(lowest_deg, profile.limits.max_altitude_deg))),
            math.sin(math.radians(profile.limits.max_altitude_deg)),
            count,
        )
        ra_deg, dec_deg = altaz_to_icrs(
            np.degrees(np.arcsin(heights)),
            lots.uniform(0.0, 360.0, count),
            profile.site,
            lots.uniform(begin_s, end_s, count),
        )
        exposures_s = np.exp(lots.uniform(math.log(SHORTEST_S), math.log(LONGEST_S), count))
        frames = lots.integers(1, MOST_FRAMES + 1, count)
        filters: Sequence[str | None] = list(profile.filters) or [None]
        chosen = lots.integers(0, len(filters), count)
        wishes = lots.normal(profile.priority.base, PRIORITY_SPREAD, count)
        ages_s = np.sort(lots.uniform(0.0, _HALF_DAY_S, count))
        return [
            PendingOrder(
                receipt=f"{night.label}-{index:05d}",
                request=ObservationRequest(
                    order_id=f"{night.label}-{index:05d}",
                    user=USER,
                    frame_type=FrameType.LIGHT,
                    exposure_s=round(float(exposures_s[index]), 1),
                    count=int(frames[index]),
                    ra_deg=float(ra_deg[index]),
                    dec_deg=float(dec_deg[index]),
                    object_name=f"field {index}",
                    filter_name=filters[chosen[index]],
                ),
                priority=round(float(np.clip(wishes[index], priority.LOWEST, priority.HIGHEST)), 3),
                created_utc_s=begin_s - _HALF_DAY_S + float(ages_s[index]),
                missing_count=int(frames[index]),
            )
            for index in range(count)
        ]

    def left(self, orders: Sequence[PendingOrder]) -> None:
        """Drop them."""


class OrdersOfFile:
    """Orders of a file; they wait, night after night, until they are observed.

    Parameters
    ----------
    path
        YAML or JSON: a list of Observation orders as they are sent, or one of them. They count as
        handed in before the first night, in the file's order.

    Raises
    ------
    ConfigError
        The file cannot be read, or everything that is wrong with its orders.
    """

    def __init__(self, path: Path, profile: Profile) -> None:
        self._waiting = _read(path, profile)

    def waiting(self, night: Night, number: int) -> list[PendingOrder]:
        """Return what has not been observed yet."""
        return self._waiting

    def left(self, orders: Sequence[PendingOrder]) -> None:
        """Keep them for the next night."""
        self._waiting = list(orders)


def _read(path: Path, profile: Profile) -> list[PendingOrder]:
    data = _plain(path)
    orders = data if isinstance(data, list) else [data]
    contract = Contract.load(profile)
    problems: list[str] = []
    pending: list[PendingOrder] = []
    for index, order in enumerate(orders):
        try:
            pending.append(_pending(order, index, contract, profile))
        except BadOrder as error:
            problems.append(f"{path}, order {index + 1}: {error}")
    if problems:
        raise ConfigError(problems)
    return pending


def _plain(path: Path) -> object:
    if path.suffix != ".json":
        return checked_yaml.read_any(path)[0]
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def _pending(order: object, index: int, contract: Contract, profile: Profile) -> PendingOrder:
    if not isinstance(order, Mapping):
        raise BadOrder(f"came {order!r}, expected the keys of an Observation order")
    plain = {"WOType": OrderKind.OBSERVATION.value, **order}
    kind = contract.kind_of(plain)
    if kind is not OrderKind.OBSERVATION:
        raise BadOrder(f"WOType: came {kind}, expected {OrderKind.OBSERVATION}")
    checked = contract.check(plain)
    assert isinstance(checked.request, ObservationRequest)  # an Observation's
    return PendingOrder(
        receipt=f"order-{index + 1:05d}",
        request=replace(checked.request, order_id=checked.id),
        priority=priority.assign(checked.request, checked.wish_priority, profile.priority),
        created_utc_s=float(index),
        missing_count=checked.request.count,
        visits_left=checked.request.visits,
    )

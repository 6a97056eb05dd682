"""The world of ``driver_conformance``: orders, what becomes of them, and spoilt snapshots."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.lookahead import simulated
from ctmo_indi.scheduling.target import DriverTarget, Observation, PendingOrder
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_sky import FakeSky

SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)
RAIN = Verdict(VerdictLevel.UNSAFE, ("rain",), 2, "", 0.0)


@dataclass
class Story:
    """What a driver was told, without what it was asked; and what is so in its world."""

    now: Conditions
    told: list[Conditions | Observation] = field(default_factory=list)
    observed: int = 0

    def tell(self, driver: Driver) -> None:
        """Tell it all to a driver that was never asked for anything."""
        for one in self.told:
            if isinstance(one, Observation):
                driver.register_observation(one)
            else:
                driver.update_conditions(one)


def usual_orders() -> tuple[PendingOrder, ...]:
    """Return some orders of the sky, and a bias; of some, :func:`usual_sky` knows more."""
    names = ("early", "late", "never", "low", "twin", "high", "north", "south")
    priorities = (5.0, 9.0, 10.0, 1.0, 5.0, 8.0, 5.0, 2.0)
    lights = [
        PendingOrder(
            receipt=f"O-{name}",
            request=request_of(name, place),
            priority=priority,
            created_utc_s=100.0 + place % 3,
            missing_count=1 + place % 3,
        )
        for place, (name, priority) in enumerate(zip(names, priorities, strict=True))
    ]
    bias = ObservationRequest("bias", "conformance", FrameType.BIAS, 0.0, 2)
    return (*lights, PendingOrder("O-bias", bias, 6.0, 50.0, 2))


def usual_sky() -> FakeSky:
    """Return a sky where "late" rises after an hour and "never" does not."""
    return FakeSky(rises={"late": EVENING + timedelta(hours=1)}, never={"never"})


def after_failure(now: Conditions, target: DriverTarget) -> Conditions:
    """Return what the scheduler says after an attempt that ended short."""
    later = now.utc + timedelta(minutes=1)
    until_s = later.timestamp() + 600.0
    if not target.receipt:
        paused = {**now.not_before_utc_s, target.target_id: until_s}
        return replace(now, utc=later, not_before_utc_s=paused)
    pending = tuple(
        replace(one, not_before_utc_s=until_s) if one.receipt == target.receipt else one
        for one in now.pending
    )
    return replace(now, utc=later, pending=pending)


def request_of(name: str, place: int) -> ObservationRequest:
    """Return a request for frames of a place that has that name."""
    return ObservationRequest(
        order_id=name,
        user="conformance",
        frame_type=FrameType.LIGHT,
        exposure_s=60.0,
        count=3,
        ra_deg=10.0 + 7.0 * place,
        dec_deg=20.0 - 5.0 * place,
        object_name=name,
        filter_name="R",
    )


def made_of(target: DriverTarget, number: int, utc: datetime = EVENING) -> Observation:
    """Return the observation that a target became."""
    attempt_id = f"A-{number}"
    return replace(simulated(target, utc.timestamp()), attempt_id=attempt_id, number=number)


def after_success(now: Conditions, target: DriverTarget) -> Conditions:
    """Return the world after an observation: its frames taken off, time gone on."""
    taken = [
        replace(one, missing_count=one.missing_count - target.count)
        if one.receipt == target.receipt
        else one
        for one in now.pending
    ]
    return replace(
        now,
        utc=now.utc + timedelta(seconds=target.duration_s + 30.0),
        pending=tuple(one for one in taken if one.missing_count > 0),
    )


def essence(target: DriverTarget | None) -> tuple[object, ...] | None:
    """What a decision is: what is observed, how often, for whom."""
    if target is None:
        return None
    return target.request, target.count, target.receipt, target.target_id


def told_until(
    told: Sequence[Conditions | Observation], known: int
) -> list[Conditions | Observation]:
    """Return what was told up to the ``known``-th observation."""
    found: list[Conditions | Observation] = []
    for one in told:
        if isinstance(one, Observation):
            if known == 0:
                break
            known -= 1
        found.append(one)
    return found


def spoil(snapshot: Path, fault: str) -> None:
    """Spoil a snapshot in one of the ways a file goes bad."""
    text = snapshot.read_text()
    outer = json.loads(text)

    def rewrite(**changes: object) -> None:
        snapshot.write_text(json.dumps({**outer, **changes}))

    faults: dict[str, Callable[[], object]] = {
        "missing": snapshot.unlink,
        "cut": lambda: snapshot.write_text(text[: len(text) // 2]),
        "altered": lambda: rewrite(state=outer["state"] + " "),
        "driver": lambda: rewrite(driver="another driver"),
        "version": lambda: rewrite(version=outer["version"] + 1),
        "no state": lambda: rewrite(**_sealed("[]")),
        "empty state": lambda: rewrite(**_sealed("{}")),
    }
    faults[fault]()


def _sealed(state: str) -> dict[str, str]:
    """Return a state with its right checksum."""
    return {"state": state, "sha256": hashlib.sha256(state.encode()).hexdigest()}


@contextmanager
def folder_of_its_own() -> Iterator[Path]:
    """Return a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)

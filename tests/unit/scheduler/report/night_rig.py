"""A scheduler's stores with a night in them, written as the scheduler writes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ctmo_indi import profiles
from ctmo_indi.config import Config
from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.models.event import Event
from ctmo_indi.models.observation import Observation, StepDurations
from ctmo_indi.models.orders import ExposureRecord, ObservationRequest
from ctmo_indi.models.states import AttemptState, FrameType, OrderState
from ctmo_indi.scheduler.event_store import open_event_log
from ctmo_indi.scheduler.report.making import MakerParts, Report, ReportMaker
from ctmo_indi.scheduler.report.night_data import NightEdges, NightReader
from ctmo_indi.scheduler.report.night_sky import NightSky
from ctmo_indi.store import attempts, exposures, observations, orders
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.receipts import new_receipt

PROFILE = profiles.load("simulators")
MORNING = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
"""After the dark of 21 November at the simulators' site, before noon."""

SPEED = 12.0
"""Of the clock: silence begins at 120 s then, which spares thousands of beats a test."""

BEATS_S = 60.0


class Preprocessor:
    """Answers Frames and Status with Debt, or nothing."""

    def __init__(self) -> None:
        self.frames: list[dict[str, object]] = []
        self.debt: list[dict[str, object]] = []
        self.is_down = False

    def front_desk(self, order: dict[str, object]) -> dict[str, object]:
        if self.is_down:
            raise ServiceUnreachable("http://preprocessor: connection refused")
        if order["WOType"] == "Frames":
            return {"Frames": self.frames, "Number of Frames": len(self.frames)}
        return {"Debt": self.debt}


class NightRig:
    """Stores in a folder; times are seconds after the dark begins."""

    def __init__(self, folder: Path, utc: datetime = MORNING, *, database_url: str) -> None:
        self.folder = folder
        self.clock = FakeClock(utc, SPEED)
        self.database = open_database("scheduler", database_url)
        self.writer = Writer(self.database)
        config = replace(Config(), data_dir=folder, database_url=database_url)
        self.log = open_event_log(config, self.database, self.writer, self.clock)
        self.preprocessor = Preprocessor()
        self.contract = Contract.load(PROFILE, self.clock)
        self.sky = NightSky(PROFILE, self.clock, self._read)
        self.reader = NightReader(self.database, self.log, self.clock)
        parts = MakerParts(PROFILE, self.clock, self.reader, self.sky, self.preprocessor)
        self.maker = ReportMaker(parts)
        self.edges: NightEdges = self.sky.of_label("20261121")
        assert self.edges.dark is not None
        self.dusk_s = self.edges.dark[0].timestamp()
        self.length_s = self.edges.dark[1].timestamp() - self.dusk_s
        self._revision = self.log.first

    def close(self) -> None:
        self.log.close(5.0)
        self.writer.close(5.0)
        self.database.close()

    def report(self) -> Report:
        return self.maker.make(self.edges)

    def seconds(self) -> dict[str, float]:
        """Seconds of the classes that have any."""
        rows = self.report()["Ledger"]
        assert isinstance(rows, list)
        return {row["Class"]: row["Seconds"] for row in rows if row["Seconds"]}

    def event(self, at_s: float, kind: str, subject: str = "", **data: object) -> None:
        """Publish; an underscore in a key is a space."""
        self._revision += 1
        utc = datetime.fromtimestamp(self.dusk_s + at_s, UTC).isoformat()
        named = {key.replace("_", " "): value for key, value in data.items()}
        self.log.append(Event(self._revision, kind, subject, utc, named))

    def alive(self, begin_s: float, end_s: float) -> None:
        """Beat for a while."""
        at_s = begin_s
        while at_s < end_s:
            self.event(at_s, "heartbeat")
            at_s += BEATS_S
        self.event(end_s, "heartbeat")

    def running(self, begin_s: float = -600.0, end_s: float | None = None) -> None:
        """A scheduler that has observed since before: SAFE, ENABLED, RUNNING, the dome open."""
        end_s = self.length_s if end_s is None else end_s
        self.event(begin_s, "softwareVersions")
        self.event(begin_s, "summaryState", Summary_State="ENABLED")
        self.event(begin_s, "detailedState", Detailed_State="RUNNING")
        self.verdict(begin_s)
        self.event(begin_s, "observatory", Observatory="OPEN", Link="UP", Answers=True)
        self.alive(begin_s, end_s)

    def verdict(self, at_s: float, rule: str = "", text: str = "", level: str = "UNSAFE") -> None:
        """SAFE without a rule."""
        rules = [{"Rule": rule, "Level": level, "Text": text or rule}] if rule else []
        self.event(at_s, "verdict", Level=level if rule else "SAFE", Rules=rules)

    def order(self, name: str, at_s: float = -3600.0, **keys: object) -> str:
        """Store an order that waits; return its receipt."""
        created_s = self.dusk_s + at_s
        receipt = new_receipt("O", datetime.fromtimestamp(created_s, UTC))
        wire: dict[str, object] = {
            "WOType": "Observation",
            "User": "ada",
            "ID": name,
            "Object": name,
            "RA": 60.0,
            "Dec": 40.0,
            "RA Unit": "deg",
            "Filter": "V",
            "Exposure Time": 60.0,
            "Number of Exposures": 3,
        }
        wire |= {key.replace("_", " "): value for key, value in keys.items()}
        row = OrderRow(
            receipt=receipt,
            user="ada",
            order_id=name,
            kind="Observation",
            state=OrderState.PENDING,
            priority=5.0,
            content_hash=receipt,
            wire=wire,
            created_utc_s=created_s,
            updated_utc_s=created_s,
            wanted_count=3,
        )
        self.writer.run(lambda connection: orders.insert_order(connection, row))
        return receipt

    def settle(self, receipt: str, state: OrderState, at_s: float, reason: str = "") -> None:
        self.writer.run(
            lambda connection: orders.transition(
                connection, receipt, list(OrderState), state, reason, self.dusk_s + at_s
            )
        )

    def attempt(
        self,
        receipt: str,
        begin_s: float,
        end_s: float | None,
        frames: list[tuple[float, float]],
        *,
        state: AttemptState = AttemptState.COMPLETED,
        reason: str = "",
        took: StepDurations | None = None,
        frame_type: FrameType = FrameType.LIGHT,
        filter_name: str = "V",
    ) -> str:
        """Store an attempt and its frames, each from when and how long."""
        began_s = self.dusk_s + begin_s
        attempt_id = new_receipt("A", datetime.fromtimestamp(began_s, UTC))
        row = AttemptRow(
            attempt_id=attempt_id,
            parent=receipt,
            user="scheduler",
            order_id=attempt_id,
            state=state,
            content_hash=attempt_id,
            wire={"ID": attempt_id, "Frame Type": frame_type.value, "Object": "m31"},
            created_utc_s=began_s - 300.0,  # it waited in the queue
            updated_utc_s=began_s,
            started_utc_s=began_s,
            ended_utc_s=None if end_s is None else self.dusk_s + end_s,
            reason=reason,
        )
        taken = [
            ExposureRecord(
                exposure_id=f"{attempt_id}-{number}",
                attempt_id=attempt_id,
                order_receipt=receipt,
                sequence=number,
                path=f"/data/nights/20261121/raw/{attempt_id}-{number}.fits",
                frame_type=frame_type,
                filter_name=filter_name,
                t_exptime_s=length_s,
                t_min_mjd=_mjd(self.dusk_s + at_s),
                t_max_mjd=_mjd(self.dusk_s + at_s + length_s),
                s_ra_deg=None,
                s_dec_deg=None,
                target_name="m31",
                sha256="",
            )
            for number, (at_s, length_s) in enumerate(frames, 1)
        ]
        self.writer.run(lambda connection: attempts.insert_attempt(connection, row))
        self.writer.run(lambda connection: exposures.record(connection, taken, is_good=True))
        if took is not None:
            seen = Observation(
                attempt_id, receipt, "m31", 1.0, 2.0, taken[0].t_min_mjd, 60.0, 3, took=took
            )
            self.writer.run(lambda connection: observations.record(connection, seen))
        return attempt_id

    def _read(self, row: OrderRow) -> ObservationRequest:
        request = self.contract.check(row.wire).request
        assert isinstance(request, ObservationRequest)
        return request


def _mjd(utc_s: float) -> float:
    return utc_s / 86400.0 + 40587.0

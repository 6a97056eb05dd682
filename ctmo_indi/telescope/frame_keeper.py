"""From the INTENT of an exposure to its durable frame and row: journal and disk together.

Each exposure has a name before it starts; the name is in the journal, in the header and in the file
name. So after a crash the question "was it made?" has an answer that does not depend on luck: the
frame of that name is there and whole, or it is not. Nothing is ever exposed again by itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

from ctmo_indi import __version__
from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError, StoreUnavailable
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.kill_points import passing
from ctmo_indi.models.frame_facts import FrameFacts
from ctmo_indi.models.moving_targets import place_icrs_deg
from ctmo_indi.models.nights import night_of
from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Profile, Role
from ctmo_indi.store import exposures, journal
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.journal import Effect, Outcome
from ctmo_indi.telescope import leftovers
from ctmo_indi.telescope.attempt import Attempt
from ctmo_indi.telescope.hands import RawFrame
from ctmo_indi.telescope.late_writes import LateWrites
from ctmo_indi.telescope.leftovers import Leftovers
from ctmo_indi.telescope.scene import ExposurePlan, Observed

_log = logging.getLogger(__name__)

EXPOSE = "expose"
STORE_S = 30.0
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_+-]+")


class JournaledFrames:
    """The :class:`~ctmo_indi.telescope.scene.FrameKeeper` of the service.

    Parameters
    ----------
    data_dir
        Frames go to ``nights/YYYYMMDD/raw`` below it.
    drivers
        Says which INDI drivers took part, for the header.
    late
        Takes what cannot be written now.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        profile: Profile,
        data_dir: Path,
        clock: Clock,
        drivers: Callable[[], str] = str,
        *,
        late: LateWrites,
    ) -> None:
        self._database = database
        self._writer = writer
        self._profile = profile
        self._data_dir = data_dir
        self._clock = clock
        self._drivers = drivers
        self._late = late
        self._effects: dict[str, Future[int]] = {}
        self._stored = self._failed = 0
        self._exposed_s = 0.0
        # One thread: frames are stored in the order they were taken, and do not compete.
        self._pool = ThreadPoolExecutor(1, "frame-writer")

    def plan(self, attempt: Attempt, number: int, sequence: int) -> ExposurePlan:
        """Name an exposure and its file."""
        exposure_id = f"{attempt.attempt_id}-{number:03d}"
        request = attempt.request
        words = [request.frame_type.value.lower()]
        if request.frame_type in (FrameType.LIGHT, FrameType.FLAT) and request.filter_name:
            words.append(request.filter_name)
        words.append(exposure_id)
        name = "_".join(_NOT_IN_NAMES.sub("-", word) for word in words) + ".fits"
        night = night_of(self._profile.site, self._clock.utc())
        path = self._data_dir.absolute() / "nights" / night / "raw" / name
        return ExposurePlan(
            exposure_id, attempt.attempt_id, attempt.parent, sequence, str(path), request
        )

    def intend(self, plan: ExposurePlan) -> Future[None]:
        """Journal the INTENT; done when it is durable."""
        target: dict[str, object] = {
            "exposure_id": plan.exposure_id,
            "path": plan.path,
            "sequence": plan.sequence,
            "frame_type": plan.request.frame_type.value,
            "exposure_s": plan.request.exposure_s,
        }
        now_utc_s = self._clock.utc().timestamp()

        def write(connection: Connection) -> int:
            effect_id = journal.intend(connection, plan.attempt_id, EXPOSE, target, now_utc_s)
            passing("telescope.expose.intent.inside")
            return effect_id

        passing("telescope.expose.intent.before")
        effect = self._writer.submit(write)
        self._effects[plan.exposure_id] = effect
        return _without_result(effect)

    def keep(self, plan: ExposurePlan, raw: RawFrame, observed: Observed) -> Future[ExposureRecord]:
        """Complete and store the frame; done when file, row and DONE are durable."""
        return self._pool.submit(self._keep, plan, raw, observed)

    def forget(self, plan: ExposurePlan, outcome: str) -> Future[None]:
        """Journal that the intended exposure gave no frame."""
        return self._pool.submit(self._settle, plan, Outcome.ABORTED, outcome)

    def warm_up(self) -> None:
        """Load what storing needs (astropy, 1 s) before the first frame; returns at once."""
        self._pool.submit(_frame_writer)

    def to_wire(self) -> dict[str, object]:
        """Frames since the start, for Status; any thread."""
        return {
            "Count": {"stored": self._stored, "failed": self._failed},
            "Exposed (s)": round(self._exposed_s, 3),
            "Unwritten": self._late.waiting,
        }

    def close(self) -> None:
        """Store what is waiting, then end; blocks."""
        self._pool.shutdown(wait=True)

    def _keep(self, plan: ExposurePlan, raw: RawFrame, observed: Observed) -> ExposureRecord:
        started_s = self._clock.machine_s()
        frame_writer = _frame_writer()
        try:
            written = frame_writer.write_frame(
                raw, Path(plan.path), self.facts(plan, raw, observed)
            )
        except (CtmoError, OSError) as error:
            _log.error("frame_not_stored exposure=%s error=%s", plan.exposure_id, error)
            self._failed += 1
            self._settle(plan, Outcome.FAILED, str(error))
            raise
        self._stored += 1
        self._exposed_s += plan.request.exposure_s
        record: ExposureRecord = frame_writer.exposure_record(
            written.header, written.path, written.sha256, frame_type=plan.request.frame_type
        )
        effect = self._effects.pop(plan.exposure_id)
        now_utc_s = self._clock.utc().timestamp()

        def done(connection: Connection) -> None:
            exposures.record(connection, [record], is_good=True)
            journal.settle(connection, effect.result(), Outcome.DONE, now_utc_s)
            passing("telescope.frame.done.inside")

        passing("telescope.frame.done.before")
        try:
            self._writer.run(done, STORE_S)
        except StoreUnavailable:
            self._late.submit(f"frame {plan.exposure_id}", done)
            raise
        passing("telescope.frame.done.after")
        spent_ms = 1000.0 * (self._clock.machine_s() - started_s)
        _log.info(
            "frame_stored exposure=%s path=%s spent_ms=%.0f", plan.exposure_id, plan.path, spent_ms
        )
        return record

    def _settle(self, plan: ExposurePlan, outcome: Outcome, detail: str) -> None:
        effect = self._effects.pop(plan.exposure_id, None)
        if effect is None or effect.exception() is not None:
            return  # never intended: its INTENT could not be written
        now_utc_s = self._clock.utc().timestamp()

        def write(connection: Connection) -> None:
            journal.settle(connection, effect.result(), outcome, now_utc_s, detail)
            passing("telescope.expose.forget.inside")

        passing("telescope.expose.forget.before")
        try:
            self._writer.run(write, STORE_S)
            passing("telescope.expose.forget.after")
        except StoreUnavailable as error:
            _log.error("journal_not_written exposure=%s error=%s", plan.exposure_id, error)
            self._late.submit(f"end of exposure {plan.exposure_id}", write)

    def facts(self, plan: ExposurePlan, raw: RawFrame, observed: Observed) -> FrameFacts:
        """Return what the manager knows about a frame."""
        request, profile, sight = plan.request, self._profile, observed.before
        started_utc = raw.started_utc or observed.asked_utc
        pointing = _pointing(observed)
        middle_utc_s = started_utc.timestamp() + request.exposure_s / 2.0
        target_deg: tuple[float | None, float | None] = (None, None)
        if request.has_place:
            target_deg = place_icrs_deg(request, profile.site, middle_utc_s)
        return FrameFacts(
            site=profile.site,
            frame_type=request.frame_type,
            exposure_s=request.exposure_s,
            start_utc_s=started_utc.timestamp(),
            telescope_name=profile.telescope_names[0],
            creator=f"ctmo-indi {__version__}",
            receipt=plan.parent or plan.attempt_id,
            order_id=request.parent_id or request.order_id,
            attempt_id=plan.attempt_id,
            exposure_id=plan.exposure_id,
            sequence=plan.sequence,
            count=request.count,
            user=request.parent_user or request.user,
            object_name=request.object_name,
            job_type=request.job_type,
            object_type=request.object_type,
            ra_deg=pointing[0],
            dec_deg=pointing[1],
            target_ra_deg=target_deg[0],
            target_dec_deg=target_deg[1],
            filter_name=request.filter_name,
            filter_slot=profile.filters.get(request.filter_name or "", ""),
            binning=request.binning,
            camera=profile.equipment[Role.CAMERA].device or "",
            focal_length_mm=profile.optics.focal_length_mm,
            aperture_mm=profile.optics.aperture_mm,
            gain_e_per_adu=profile.gain_e_per_adu,
            read_noise_e=profile.read_noise_e,
            dome_azimuth_deg=sight.dome_azimuth_deg,
            shutter=sight.shutter,
            focus_position=sight.focus_position,
            drivers=self._drivers(),
            written_utc_s=self._clock.utc().timestamp(),
        )

    # -- after a restart ---------------------------------------------------------------------------

    def open_exposures(self) -> list[Effect]:
        """Exposures that have an INTENT and no end, oldest first; at a start, before any other."""
        with self._database.read() as connection:
            return [one for one in journal.open_intents(connection) if one.kind == EXPOSE]

    def reconcile(self, effect: Effect) -> Outcome:
        """Settle an exposure cut off by a crash by asking the disk; blocks; imports astropy.

        A whole frame of that exposure id is FOUND_DONE and gets its row; anything else is NOT_DONE.
        """
        frame_writer = _frame_writer()
        record: ExposureRecord | None = frame_writer.find_frame(
            Path(str(effect.target["path"])), str(effect.target["exposure_id"])
        )
        outcome = Outcome.NOT_DONE if record is None else Outcome.FOUND_DONE
        now_utc_s = self._clock.utc().timestamp()

        def settle(connection: Connection) -> None:
            if record is not None:
                exposures.record(connection, [record], is_good=True)
            if any(one.effect_id == effect.effect_id for one in journal.open_intents(connection)):
                journal.settle(
                    connection, effect.effect_id, outcome, now_utc_s, "found after a restart"
                )
            passing("telescope.recovery.exposure.inside")

        passing("telescope.recovery.exposure.before")
        self._writer.run(settle, STORE_S)
        passing("telescope.recovery.exposure.after")
        _log.warning(
            "journal_reconciled attempt=%s effect=%s outcome=%s",
            effect.attempt_id,
            effect.target,
            outcome,
        )
        return outcome

    def look_around(self) -> Leftovers:
        """Compare the frames of the last nights with their rows; blocks; imports astropy.

        A whole frame of ours without a row is given one. Nothing is removed.
        """
        found = leftovers.newest_nights(self._data_dir.absolute() / "nights")
        with self._database.read() as connection:
            known = exposures.paths_below(connection, [str(night) for night in found.nights])
        records: list[ExposureRecord] = []
        unknown: list[str] = []
        for path in sorted(found.frames - known):
            record: ExposureRecord | None = _frame_writer().read_frame(Path(path))
            if record is None:
                unknown.append(path)
            else:
                records.append(record)
        if records:
            self._writer.run(
                lambda connection: exposures.record(connection, records, is_good=True), STORE_S
            )
        return Leftovers(
            adopted=tuple(one.path for one in records),
            unknown=tuple(unknown),
            missing=tuple(sorted(known - found.frames)),
            temporary=tuple(sorted(found.temporary)),
        )


def _frame_writer() -> ModuleType:
    """Import astropy when it is first needed: the desk comes up before."""
    with FIRST_IMPORT:
        from ctmo_indi.telescope import frame_writer

    return frame_writer


def _pointing(observed: Observed) -> tuple[float | None, float | None]:
    """Where the mount pointed in the middle: half-way, since tracking keeps both ends near."""
    before, after = observed.before, observed.after
    if before.ra_deg is None or before.dec_deg is None:
        return after.ra_deg, after.dec_deg
    if after.ra_deg is None or after.dec_deg is None:
        return before.ra_deg, before.dec_deg
    turn_deg = (after.ra_deg - before.ra_deg + 180.0) % 360.0 - 180.0
    return (before.ra_deg + turn_deg / 2.0) % 360.0, (before.dec_deg + after.dec_deg) / 2.0


def _without_result(effect: Future[int]) -> Future[None]:
    future: Future[None] = Future()

    def ended(_: Future[int]) -> None:
        error = effect.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(None)

    effect.add_done_callback(ended)
    return future

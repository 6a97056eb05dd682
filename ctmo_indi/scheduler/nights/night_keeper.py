"""Sees to it that nights that are over are calibrated, and that what they lack is taken.

A thread of its own, apart from the engine's: whatever the preprocessor does or does not, nothing
else waits for it. Its orders have IDs made of the night, so that the one that was sent before a
crash and the one that is sent after it are one order; what was reached is kept in a file. Frames
that lack become ordinary orders in the scheduler's own book, and are taken by its rules.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.durable_file import write_json
from ctmo_indi.errors import (
    BadOrder,
    ConflictingOrder,
    CtmoError,
    NeverObservable,
    ServiceUnreachable,
)
from ctmo_indi.models.states import AttemptState, FrameType
from ctmo_indi.scheduler.nights.night_facts import NightFacts, NightSpan
from ctmo_indi.scheduler.nights.record import NightRecord, Step, next_step
from ctmo_indi.script_queue.peer import BackOff, FrontDesk, Refusal, meaning
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS

_log = logging.getLogger(__name__)

USER = "calibration"
"""User of the orders for frames that lack, and of those that hand nights over."""

LOOK_MACHINE_S = 5.0
LOOK_BUSY_MACHINE_S = 1.0
LOOK_OLD_MACHINE_S = 600.0
"""The same for nights that ended before this one and of which nothing is under way."""

AGAIN_FIRST_S = 1.0
AGAIN_LAST_S = 60.0
"""Machine seconds until a preprocessor that does not answer is asked again; doubled each time."""

MOST_ORDERS = 100
NIGHTS_KEPT = 30
_IDLE = frozenset({Step.NOTHING, Step.DONE, Step.GIVEN_UP})
_FOR_CALIBRATION = frozenset(
    frame_type.value for frame_type in FrameType if not frame_type.needs_sky
)


@dataclass(frozen=True, slots=True)
class KeeperParts:
    """What the keeper works with.

    Parameters
    ----------
    preprocessor
        Its desk; calls block its thread up to the client's time-out.
    place
        Stores an order for frames in the scheduler's own book; blocks for the commit. Harmless when
        it is there already.
    file
        Where the records are kept.
    """

    facts: NightFacts
    preprocessor: FrontDesk
    place: Callable[[Mapping[str, object]], object]
    clock: Clock
    file: Path


class NightKeeper:
    """Does what is to be done for nights that are over, in its own thread.

    :meth:`start`, :meth:`stop` and :meth:`to_wire` are for any thread.
    """

    def __init__(self, parts: KeeperParts) -> None:
        self._parts = parts
        self._records: dict[str, NightRecord] = {}
        self._steps: Mapping[str, Step] = {}  # replaced, never changed
        self._old_until_machine_s: dict[str, float] = {}
        self._trouble = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="night-keeper", daemon=True)

    def start(self) -> None:
        """Take up what the file has and begin."""
        self.read()
        self._thread.start()

    def read(self) -> None:
        """Take up what the file has; before the first :meth:`look`."""
        self._records = _read(self._parts.file)

    def stop(self, timeout_s: float) -> None:
        """End; a call under way goes on and its answer is asked for again. Blocks."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def to_wire(self) -> list[dict[str, object]]:
        """Return what Status tells of the last nights, oldest first."""
        steps = self._steps
        oldest = min(steps, default="")  # those before it are not looked at any more
        return [
            {
                "Night": night,
                "Folder": record.folder,
                "State": steps.get(night, Step.DONE if night < oldest else Step.NOTHING).value,
                "Rounds": record.rounds,
                "Frames": record.frames,
                "Receipt": record.receipt,
                "Ordered": list(record.ordered),
                "Message": record.given_up or record.message,
                "Trouble": self._trouble,
            }
            for night, record in sorted(dict(self._records).items())
        ]

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        back_off = BackOff(AGAIN_FIRST_S, AGAIN_LAST_S)
        while not self._over.is_set():
            try:
                is_busy = self.look()
            except CtmoError as error:
                self._tell_trouble(str(error))
                wait_s = back_off.next_s()
            except Exception:  # noqa: BLE001 - outermost of the thread: told, and tried again
                _log.exception("nights are not looked after")
                wait_s = back_off.next_s()
            else:
                self._tell_trouble("")
                back_off.reset()
                wait_s = LOOK_BUSY_MACHINE_S if is_busy else LOOK_MACHINE_S
            self._over.wait(wait_s)

    def look(self) -> bool:
        """Do the next step of each of the last nights; whether there is more to do soon.

        Raises
        ------
        CtmoError
            The preprocessor does not answer, or the store cannot be read or written now.
        """
        steps: dict[str, Step] = {}
        trouble: CtmoError | None = None  # of one night; the others go on
        now_s = self._parts.clock.machine_s()
        for span in self._parts.facts.last_nights():
            if self._over.is_set():
                break
            if now_s < self._old_until_machine_s.get(span.night, now_s):
                steps[span.night] = self._steps[span.night]
                continue
            record = self._records.get(span.night, NightRecord(span.night))
            facts, folder = self._parts.facts.look(span, record)
            step = next_step(record, facts)
            steps[span.night] = step
            self._steps = {**self._steps, span.night: step}
            try:
                if step is Step.CALIBRATE:
                    self._calibrate(replace(record, folder=folder), facts.frames)
                elif step is Step.WATCH:
                    self._watch(record)
                elif step is Step.ASK_DEBT:
                    self._ask_debt(record, span)
                elif step in _IDLE and facts.is_noon_past:
                    self._old_until_machine_s[span.night] = now_s + LOOK_OLD_MACHINE_S
            except CtmoError as error:
                trouble = trouble or error
        self._steps = steps
        if trouble is not None:
            raise trouble
        return any(step not in _IDLE for step in steps.values())

    def _calibrate(self, record: NightRecord, frames: int) -> None:
        try:
            location = Path(record.folder).as_uri()
        except ValueError:
            self._give_up(record, f"{record.folder!r} is no absolute path")
            return
        is_first_try = not record.offered
        if is_first_try:
            record = replace(record, offered=frames)
            self._keep(record)
        order: dict[str, object] = {
            "Request": "Exposure Calibration",
            "User": USER,
            "ID": record.next_id,
            "File Location": location,
        }
        try:
            reply = self._ask(order)
        except DeskFault as fault:
            self._give_up(record, str(fault))
            return
        # Never sent, and yet it has ended: our file was lost. How many frames it was then, nobody
        # knows: the next round takes them all, and finds what was made.
        is_forgotten = is_first_try and reply.get("Status") in SETTLED_ATTEMPTS
        _log.info("night handed over night=%s id=%s frames=%d", record.night, order["ID"], frames)
        self._keep(
            replace(
                record,
                frames=0 if is_forgotten else record.offered,
                offered=0,
                rounds=record.rounds + 1,
                receipt=str(reply["Receipt"]),
                is_debt_told=False,
            )
        )

    def _watch(self, record: NightRecord) -> None:
        try:
            reply = self._ask({"WOType": "Status", "Receipt": record.receipt})
        except DeskFault as fault:
            if meaning(fault) is not Refusal.UNKNOWN:
                self._give_up(record, str(fault))
                return
            # Its database was lost: the same order again.
            _log.warning("the preprocessor has forgotten the night=%s", record.night)
            self._keep(replace(record, receipt="", frames=0, rounds=record.rounds - 1))
            return
        state = str(reply.get("Status"))
        if state not in SETTLED_ATTEMPTS:
            return
        reasons = [str(one) for one in reply.get("Reasons", [])]  # type: ignore[attr-defined]  # an array by the contract
        told = reasons[0] if reasons else state
        _log.info("night calibrated night=%s state=%s %s", record.night, state, told)
        ended = replace(record, receipt="", message=told)
        if state == AttemptState.COMPLETED:
            self._keep(ended)
        else:
            self._give_up(ended, f"{state}: {told}")

    def _ask_debt(self, record: NightRecord, span: NightSpan) -> None:
        try:
            reply = self._ask({"WOType": "Status", "User": USER, "Debt": record.night})
        except DeskFault as fault:
            self._give_up(record, str(fault))
            return
        debt = reply.get("Debt")
        listed = debt if isinstance(debt, list) else []
        entries = [one for one in listed if isinstance(one, Mapping)]
        placed: list[str] = []
        for order in (one["Order"] for one in entries if isinstance(one.get("Order"), Mapping)):
            if order.get("Frame Type") not in _FOR_CALIBRATION or len(placed) >= MOST_ORDERS:
                _log.warning("not ordered, no calibration frames or too many: %r", order)
                continue
            window = {"Start": span.noon.isoformat(), "End": span.next_noon.isoformat()}
            try:
                self._parts.place({**order, "User": USER, "Windows": [window]})
            except ConflictingOrder as error:
                _log.warning("asked for before, in other words: %s", error)
            except (BadOrder, NeverObservable) as error:
                _log.error("not ordered: %s", error)
                continue
            placed.append(str(order["ID"]))
        if entries:
            _log.info(
                "calibration frames lack night=%s kinds=%d ordered=%d",
                record.night, len(entries), len(placed),
            )  # fmt: skip
        ordered = tuple(dict.fromkeys((*record.ordered, *placed)))
        self._keep(replace(record, is_debt_told=True, ordered=ordered))

    def _ask(self, order: dict[str, object]) -> dict[str, object]:
        """Ask the preprocessor; ServiceUnreachable when it cannot take it now."""
        try:
            return self._parts.preprocessor.front_desk(order)
        except DeskFault as fault:
            refusal = meaning(fault)
            if refusal in (Refusal.ASK_AGAIN, Refusal.NOT_NOW) or not fault.is_senders:
                raise ServiceUnreachable(f"the preprocessor cannot now: {fault}") from fault
            raise

    def _give_up(self, record: NightRecord, why: str) -> None:
        _log.error("night not calibrated night=%s reason=%s", record.night, why)
        self._keep(replace(record, receipt="", given_up=why))

    def _keep(self, record: NightRecord) -> None:
        kept = {**self._records, record.night: record}
        newest = dict(sorted(kept.items())[-NIGHTS_KEPT:])
        try:
            write_json(self._parts.file, [one.to_json() for one in newest.values()])
        except OSError as error:
            # Asked again after a restart, by the same IDs.
            _log.warning("nights not kept file=%s error=%s", self._parts.file, error)
        self._records = newest

    def _tell_trouble(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            _log.warning("nights wait reason=%s", trouble)
        self._trouble = trouble


def _read(file: Path) -> dict[str, NightRecord]:
    try:
        kept = json.loads(file.read_text("utf-8"))
        records = [NightRecord.from_json(one) for one in kept]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError) as error:
        _log.error("nights begun anew file=%s error=%s", file, error)
        return {}
    return {one.night: one for one in records}

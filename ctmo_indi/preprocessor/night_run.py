"""One night from its folder to its products: scan, look, plan, make, commit. No pixel comes here.

Everything that opens a file is a task of an executor; this module decides what comes next and has
each product committed as soon as it is on disk. So it can be ended at any instant and run again:
what is whole is found by its id and not made anew. A product that fails, or a master that is not
good enough, is refused, and the night is planned again without it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ctmo_indi.errors import CtmoError, InternalError, StoreUnavailable
from ctmo_indi.models.frames import Frame, Master, NightBundle
from ctmo_indi.preprocessor import jobs
from ctmo_indi.preprocessor.executors import Executor, Outcome, Task
from ctmo_indi.preprocessor.masters import predecessor
from ctmo_indi.preprocessor.plan import plan_night
from ctmo_indi.preprocessor.planned import Parameters, Plan, Planned
from ctmo_indi.store.combinations import CombinationState

_log = logging.getLogger(__name__)

FRAMES_A_LOOK = 8
_POLL_S = 0.2
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

Stamp = tuple[str, int, int]
Seen = tuple[str, str]
"""SHA-256 of a file and why its pixels are of no use, as ``night.Seen``."""


class RunEnded(Exception):
    """The run was ended from outside; what was made is committed."""


class NoRoom(CtmoError):
    """There is no room for a product; the run goes on when there is."""


class Book(Protocol):
    """What is kept of nights and products; every call may block for a commit.

    A product or failure that could not be kept is told by a later call, at the latest by
    :meth:`flush`.
    """

    def masters(self) -> Iterable[Master]:
        """Return the good masters of all nights."""
        ...

    def seen(self, folder: Path) -> Mapping[Stamp, Seen]:
        """Return what was seen of the files of a folder before."""
        ...

    def keep_bundle(self, bundle: NightBundle) -> None:
        """Keep the frames of a night."""
        ...

    def keep_product(self, planned: Planned, answer: Mapping[str, Any]) -> None:
        """Keep a product that is on disk, with its inputs; harmless when it is kept already."""
        ...

    def keep_failure(
        self,
        planned: Planned,
        state: CombinationState,
        reason: str,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep why a product was not made, or is not to be used."""
        ...

    def flush(self) -> None:
        """Wait until all that was kept is durable."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    stage: str
    done: int = 0
    total: int = 0

    def __str__(self) -> str:
        return f"{self.stage}: {self.done} of {self.total}" if self.total else self.stage


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a night.

    Parameters
    ----------
    made, found
        Files of products that were made now, and that were whole already.
    not_made
        Name of a product -> why it was not made, or is not to be used.
    rejected
        Name of a raw file -> why it was not used.
    notes
        Groups of frames that nothing is made of, and why.
    """

    night: str
    folder: Path
    made: tuple[Path, ...] = ()
    found: tuple[Path, ...] = ()
    not_made: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every frame could be used and every product be made, and there was any."""
        return bool(self.made or self.found) and not self.not_made and not self.rejected

    def __str__(self) -> str:
        counts = [f"{len(self.made)} products made"]
        if self.found:
            counts.append(f"{len(self.found)} were there")
        if self.not_made:
            counts.append(f"{len(self.not_made)} not made")
        if self.rejected:
            counts.append(f"{len(self.rejected)} frames rejected")
        return f"night {self.night or self.folder}: " + ", ".join(counts)


@dataclass(frozen=True, slots=True)
class PixelTasks:
    """The tasks that open pixels; functions of a module, others in tests."""

    look: Callable[[jobs.LookJob], Mapping[str, Any]] = jobs.look_at
    make: Callable[[jobs.ProductJob], Mapping[str, Any]] = jobs.make
    check: Callable[[Master], Mapping[str, Any]] = jobs.check
    compress: Callable[[Path], Mapping[str, Any]] = jobs.compress


@dataclass(frozen=True, slots=True)
class RunParts:
    """What a run works with.

    Parameters
    ----------
    tell
        Told of progress; in the run's thread; must not block.
    is_ended
        Whether the run shall end; asked several times a second.
    """

    executor: Executor
    book: Book
    settings: jobs.Settings
    parameters: Parameters
    tell: Callable[[Progress], None] = lambda _: None
    is_ended: Callable[[], bool] = lambda: False
    tasks: PixelTasks = PixelTasks()


class NightRun:
    """One run over one folder; one use, one thread."""

    def __init__(self, folder: Path, products: Path, parts: RunParts) -> None:
        self._folder = folder
        self._products = products
        self._parts = parts
        self._files: dict[str, Path] = {}  # product id -> file that can be used
        self._done: set[str] = set()  # ids of the plan's products that were made or verified now
        self._checked: set[str] = set()  # ids of masters of other nights that are whole
        self._made: list[Path] = []
        self._found: list[Path] = []
        self._refused: dict[str, str] = {}
        self._names: dict[str, str] = {}  # product id -> name, of those that were refused

    def run(self) -> Report:
        """Make what can be made; blocks until then.

        Raises
        ------
        RunEnded
            ``is_ended`` said so.
        NoRoom
            The disk is full.
        CtmoError
            The folder cannot be read, its products or the store cannot be written.
        """
        try:
            bundle = self._bundle()
            known = [one for one in self._parts.book.masters() if one.path and one.path.is_file()]
            self._files |= {one.product_id: one.path for one in known if one.path}
            while True:
                plan = plan_night(bundle, known, self._parts.parameters, refused=self._refused)
                refused_before = len(self._refused)
                self._check(plan)
                if len(self._refused) > refused_before:
                    continue
                self._make(plan, known)
                if len(self._refused) == refused_before:
                    self._compress(plan)
                    self._parts.book.flush()
                    return self._report(bundle, plan)
        except BaseException:
            with contextlib.suppress(StoreUnavailable):  # its file is found by the next run
                self._parts.book.flush()
            raise
        finally:
            self._parts.executor.cancel()

    # -- frames ------------------------------------------------------------------------------------

    def _bundle(self) -> NightBundle:
        self._parts.tell(Progress("reading headers"))
        scanned: NightBundle = self._one(Task("scan", jobs.scan_folder, self._folder))["bundle"]
        seen = dict(self._parts.book.seen(self._folder))
        unseen = [one for one in scanned.frames if _stamp(one) not in seen]
        tasks = {}
        saturation_adu = self._parts.settings.saturation_adu
        for number in range(0, len(unseen), FRAMES_A_LOOK):
            some = tuple(unseen[number : number + FRAMES_A_LOOK])
            job = jobs.LookJob(some, saturation_adu)
            task = Task(f"look {number}", self._parts.tasks.look, job)
            tasks[task.key] = (task, some)
        looked = 0
        self._parts.tell(Progress("looking at frames", 0, len(unseen)))
        for outcome in self._outcomes(task for task, _ in tasks.values()):
            some = tasks[outcome.key][1]
            answers = _answer(outcome)["seen"]
            seen.update(zip(map(_stamp, some), answers, strict=True))
            looked += len(some)
            self._parts.tell(Progress("looking at frames", looked, len(unseen)))
        register = Task("register", jobs.register, jobs.RegisterJob(scanned, seen))
        bundle: NightBundle = self._one(register)["bundle"]
        self._parts.book.keep_bundle(bundle)
        return bundle

    # -- products ----------------------------------------------------------------------------------

    def _check(self, plan: Plan) -> None:
        """Refuse those masters of other nights whose files are not what they were."""
        here = {one.product_id for one in plan.products}
        used = {
            one.master.product_id: one.master for planned in plan.products for one in planned.used
        }
        wanted = {
            f"check {product_id}": master
            for product_id, master in used.items()
            if product_id not in here and product_id not in self._checked
        }
        tasks = [Task(key, self._parts.tasks.check, master) for key, master in wanted.items()]
        for outcome in self._outcomes(tasks):
            master = wanted[outcome.key]
            if _answer(outcome)["is_whole"]:
                self._checked.add(master.product_id)
                continue
            reason = f"{master.path}: not whole or changed, not used; calibrate its night again"
            _log.error("master_spoiled path=%s", master.path)
            self._refused[master.product_id] = reason
            self._names[master.product_id] = "" if master.path is None else master.path.name

    def _make(self, plan: Plan, known: list[Master]) -> None:
        """Make all that can be made of a plan; ends when nothing is under way."""
        names = {one.product_id: one for one in plan.products}
        total = len(plan.products) - len(plan.marked)
        submitted = set(self._done)
        under_way = 0
        for planned in plan.marked:
            self._parts.book.keep_failure(planned, CombinationState.MARKED, planned.marked)
        while True:
            for planned in plan.ready(self._done):
                if planned.product_id not in submitted:
                    submitted.add(planned.product_id)
                    self._parts.executor.submit(self._task(planned, known))
                    under_way += 1
            self._parts.tell(Progress("making products", len(self._done & names.keys()), total))
            if not under_way:
                return
            outcome = self._next()
            under_way -= 1
            planned = names[outcome.key]
            if self._take(planned, outcome):
                self._done.add(planned.product_id)

    def _compress(self, plan: Plan) -> None:
        """Compress the lights and stacks that are there, if it is wanted: nothing waits for them.

        One that cannot be compressed stays plain.
        """
        if not self._parts.settings.is_compressed:
            return
        wanted = [one for one in plan.products if not one.kind.is_master]
        wanted = [one for one in wanted if one.product_id in self._done]
        by_key = {f"compress {one.product_id}": one for one in wanted}
        tasks = [
            Task(key, self._parts.tasks.compress, self._files[one.product_id])
            for key, one in by_key.items()
        ]
        self._parts.tell(Progress("compressing", 0, len(tasks)))
        for done, outcome in enumerate(self._outcomes(tasks), 1):
            planned = by_key[outcome.key]
            if outcome.failure is not None:
                if outcome.failure.errno in _NO_ROOM:
                    raise NoRoom(f"{self._products}: {outcome.failure.reason}")
                _log.error("not_compressed name=%s %s", planned.name, outcome.failure.reason)
            elif outcome.answer is not None and not outcome.answer["was_compressed"]:
                self._parts.book.keep_product(planned, outcome.answer)
            self._parts.tell(Progress("compressing", done, len(tasks)))

    def _take(self, planned: Planned, outcome: Outcome) -> bool:
        """Commit what came; whether it can be used."""
        if outcome.failure is not None:
            if outcome.failure.errno in _NO_ROOM:
                raise NoRoom(f"{self._products}: {outcome.failure.reason}")
            if outcome.failure.errno is not None and not _can_be_written(self._products):
                raise RunFailed(f"no products can be written: {outcome.failure.reason}")
            if outcome.failure.trace:
                _log.error("product_failed name=%s\n%s", planned.name, outcome.failure.trace)
            self._refuse(planned, CombinationState.FAILED, outcome.failure.reason)
            return False
        answer = dict(outcome.answer or {})
        reason, path = str(answer.get("refused", "")), Path(str(answer["path"]))
        if reason:
            self._refuse(planned, CombinationState.REFUSED, f"{reason} (see {path})", answer)
            return False
        self._parts.book.keep_product(planned, answer)
        self._files[planned.product_id] = path
        (self._found if answer.get("was_there") else self._made).append(path)
        return True

    def _refuse(
        self,
        planned: Planned,
        state: CombinationState,
        reason: str,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        _log.warning("product_refused name=%s state=%s reason=%s", planned.name, state, reason)
        self._refused[planned.product_id] = reason
        self._names[planned.product_id] = planned.name
        self._parts.book.keep_failure(planned, state, reason, answer)

    def _task(self, planned: Planned, known: list[Master]) -> Task:
        limits = self._parts.parameters.limits
        is_master = planned.kind.is_master
        previous = predecessor(planned.as_master(), known, limits) if is_master else None
        job = jobs.ProductJob(
            planned=planned,
            folder=self._products,
            files={
                one: self._files[one]
                for one in (*(used.master.product_id for used in planned.used), *planned.lights)
            },
            previous=None if previous is None else previous.path,
            settings=self._parts.settings,
        )
        return Task(planned.product_id, self._parts.tasks.make, job)

    def _report(self, bundle: NightBundle, plan: Plan) -> Report:
        not_made = {self._names[one]: reason for one, reason in self._refused.items()}
        not_made |= {one.name: one.marked for one in plan.marked}
        notes = plan.notes
        if not bundle.frames and not bundle.rejected:
            notes = (f"no frames in {self._folder}, expected FITS files (.fits, .fit, .fts)",)
        return Report(
            night=bundle.night,
            folder=self._folder,
            made=tuple(self._made),
            found=tuple(self._found),
            not_made=not_made,
            rejected={one.path.name: one.reason for one in bundle.rejected},
            # of those that were refused the plan tells, too
            notes=tuple(note for note in notes if note.partition(": ")[0] not in not_made),
        )

    # -- the executor ------------------------------------------------------------------------------

    def _one(self, task: Task) -> dict[str, Any]:
        (outcome,) = self._outcomes([task])
        return _answer(outcome)

    def _outcomes(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        count = 0
        for task in tasks:
            self._parts.executor.submit(task)
            count += 1
        for _ in range(count):
            yield self._next()

    def _next(self) -> Outcome:
        while not self._parts.is_ended():
            outcome = self._parts.executor.next_outcome(_POLL_S)
            if outcome is not None:
                return outcome
        raise RunEnded


class RunFailed(CtmoError):
    """The night as a whole cannot be worked on."""


def _answer(outcome: Outcome) -> dict[str, Any]:
    if outcome.answer is None:
        failure = outcome.failure
        if failure is None:
            raise InternalError(f"task {outcome.key} has neither answer nor failure")
        if failure.trace:
            _log.error("task_failed key=%s\n%s", outcome.key, failure.trace)
        raise NoRoom(failure.reason) if failure.errno in _NO_ROOM else RunFailed(failure.reason)
    return dict(outcome.answer)


def _can_be_written(folder: Path) -> bool:
    """Whether files can be made there, or in the nearest folder above that there is."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _stamp(frame: Frame) -> Stamp:
    return str(frame.path), frame.size_bytes, frame.mtime_ns

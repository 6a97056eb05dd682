"""The thread that has new raw frames looked at while their night goes on, and pictures drawn.

One worker process of its own, of lower priority than those that calibrate, does all that opens a
file; between two looks it rests as long as the last one took. So the quick look takes half of a
processor at most where nothing else is to be done, a quarter of one beside a calibration, and is
not starved by it. Newest frames first; a picture that somebody waits for before any frame.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctmo_indi.clock import Clock
from ctmo_indi.errors import BadFrame, CtmoError, StoreUnavailable, UnknownOrder
from ctmo_indi.preprocessor import quick_tasks
from ctmo_indi.preprocessor.executors import Executor, Outcome, Task
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.quick_backlog import QuickBacklog
from ctmo_indi.preprocessor.quick_book import QuickBook, to_wire
from ctmo_indi.preprocessor.quick_folders import QuickFolders, RawFile
from ctmo_indi.preprocessor.quick_pictures import Key, Picture, PictureLine, not_now, uncancelable
from ctmo_indi.work_orders.revisions import RevisionBoard

_log = logging.getLogger(__name__)

LIST_PERIOD_MACHINE_S = 2.0
LOOK_DEADLINE_S = 60.0
PICTURE_DEADLINE_S = 30.0
#: The worker holds memory that others may want.
REST_AFTER_MACHINE_S = 180.0
TROUBLE_MACHINE_S = 10.0
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class QuickTasks:
    """The tasks that open files; functions of a module, others in tests."""

    look: Callable[[quick_tasks.QuickJob], Mapping[str, Any]] = quick_tasks.look_quickly
    draw: Callable[[Path], Mapping[str, Any]] = quick_tasks.draw


@dataclass(frozen=True, slots=True)
class QuickParts:
    """What the quick look works with.

    Parameters
    ----------
    executor
        Its own; nobody else uses it.
    board
        Told of every look as an event ``frame``, with the struct of a Frames reply.
    """

    folders: QuickFolders
    book: QuickBook
    executor: Executor
    settings: Settings
    board: RevisionBoard
    clock: Clock
    tasks: QuickTasks = QuickTasks()
    list_period_machine_s: float = LIST_PERIOD_MACHINE_S


class QuickLooker:
    """Looks at frames in its own thread; the methods are for any thread and do not block."""

    def __init__(self, parts: QuickParts) -> None:
        self._parts = parts
        self._backlog = QuickBacklog(parts.folders, parts.book, parts.clock)
        self._news = threading.Condition()
        self._stopping = False
        self._asked: list[tuple[str, Future[None]]] = []
        self._pictures = PictureLine()
        self._list_machine_s = self._look_machine_s = float("-inf")
        self._worked_machine_s: float | None = None
        #: Night -> files that were not looked at; replaced, never changed.
        self.waiting: Mapping[str, int] = {}
        #: The newest night with frames; "" before one was found.
        self.last_night = ""
        #: Why frames are not looked at now; "" when all is well.
        self.trouble = ""
        self._thread = threading.Thread(target=self._run, name="preprocessor-quick", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread and its worker; who waits for a picture is told. Blocks."""
        with self._news:
            self._stopping = True
            self._news.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._close("the preprocessor stops")

    def want(self, night: str) -> Future[None]:
        """Have a night looked at, too, if it has frames; done when its folder was read.

        Parameters
        ----------
        night
            "" for the last one.
        """
        listed: Future[None] = uncancelable()
        with self._news:
            if self._stopping:
                listed.set_result(None)
            else:
                self._asked.append((night, listed))
                self._news.notify()
        return listed

    def picture(self, night: str, name: str) -> Future[Picture]:
        """Have a file drawn.

        Returns
        -------
        Future
            ``picture`` and ``picture_type``; or UnknownOrder where there is no such file,
            BadFrame where it holds no frame, ServiceUnreachable when too many wait.
        """
        future = self._pictures.want((night, name))
        with self._news:
            self._news.notify()
        return future

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                try:
                    self._turn()
                except CtmoError as error:
                    self._in_trouble(str(error))
                except OSError as error:
                    self._in_trouble(f"a folder cannot be read: {error.strerror or error}")
                except Exception as error:  # noqa: BLE001 - outermost of the thread: told, tried again
                    _log.exception("quick_look_failed")
                    self._in_trouble(f"{type(error).__name__}: {error}")
        finally:
            self._parts.executor.close()
            self._close("the quick look has ended")

    def _turn(self) -> None:
        if self._draw_next():
            return
        now_s = self._parts.clock.machine_s()
        if self._asked or now_s >= self._list_machine_s:
            self._refresh()
        found = self._backlog.next_file() if now_s >= self._look_machine_s else None
        if found is not None:
            self._look(*found)
            return
        self._rest(now_s)

    def _refresh(self) -> None:
        with self._news:
            asked, self._asked = self._asked, []
        begun_s = self._parts.clock.machine_s()
        try:
            self._backlog.refresh([night for night, _ in asked])
        finally:
            took_s = self._parts.clock.machine_s() - begun_s
            # of a folder on a slow network no more than a tenth of the time
            period_s = max(self._parts.list_period_machine_s, 10.0 * took_s)
            self._list_machine_s = begun_s + period_s
            self.last_night = self._backlog.last_night
            self.waiting = self._backlog.waiting()
            for _, listed in asked:
                listed.set_result(None)
        self.trouble = ""

    def _look(self, night: str, file: RawFile) -> None:
        if file.refused:
            self._keep(night, file, {"problem": file.refused})
            return
        job = quick_tasks.QuickJob(file.path, self._parts.settings)
        key = f"look {night} {file.name}"
        begun_s = self._parts.clock.machine_s()
        outcome = self._outcome(Task(key, self._parts.tasks.look, job, LOOK_DEADLINE_S))
        if outcome is None:
            return
        now_s = self._parts.clock.machine_s()
        self._look_machine_s = now_s + min(now_s - begun_s, LOOK_DEADLINE_S)
        if outcome.failure is None:
            self._keep(night, file, dict(outcome.answer or {}))
            return
        if outcome.failure.trace:
            _log.error("quick_look_failed file=%s\n%s", file.name, outcome.failure.trace)
        is_final = self._backlog.failed(night, file)
        problem = {"problem": f"not looked at: {outcome.failure.reason}"}
        self._keep(night, file, problem, is_final=is_final)

    def _keep(
        self, night: str, file: RawFile, answer: Mapping[str, Any], *, is_final: bool = True
    ) -> None:
        try:
            look = self._parts.book.keep(night, file, answer, is_final=is_final)
        except StoreUnavailable:
            raise
        except Exception:
            self._backlog.done(night, file)  # others have their turn; told, and tried at a restart
            raise
        if is_final:
            self._backlog.done(night, file)
            self.waiting = self._backlog.waiting()
        if look.problem:
            _log.warning("frame_seen night=%s file=%s problem=%s", night, look.file, look.problem)
        self._parts.board.publish("frame", look.file, to_wire(look))

    def _draw_next(self) -> bool:
        key = self._pictures.first()
        if key is None:
            return False
        answer: Picture | Exception
        try:
            answer = self._picture_of(key)
        except CtmoError as error:
            answer = error
        except OSError as error:
            answer = not_now(f"the folder cannot be read: {error.strerror or error}")
        self._pictures.answer(key, answer)
        return True

    def _picture_of(self, key: Key) -> Picture:
        night, name = key
        file = self._parts.folders.file(night, name)
        if file is None:
            raise UnknownOrder(
                f"Picture: no frame {name!r:.80} in the night {night or '?'}; Night names another"
            )
        if file.refused:
            raise BadFrame(f"{file.name}: {file.refused}")
        kept = self._pictures.kept(key, file.stamp)
        if kept is not None:
            return kept
        task = Task(f"draw {night} {name}", self._parts.tasks.draw, file.path, PICTURE_DEADLINE_S)
        outcome = self._outcome(task)
        if outcome is None:
            raise not_now("the preprocessor stops")
        if outcome.failure is not None:
            reason = outcome.failure.reason.replace(f"{file.path}: ", "")
            raise BadFrame(f"{file.name} cannot be drawn: {reason}")
        picture = dict(outcome.answer or {})
        self._pictures.keep(key, file.stamp, picture)
        return picture

    def _outcome(self, task: Task) -> Outcome | None:
        """Have a task done; None when the thread is to end.

        Raises
        ------
        CtmoError
            No worker can be had now. Nothing of the task is left: its outcome would be taken for
            the next one's.
        """
        executor = self._parts.executor
        try:
            executor.submit(task)
            while not self._stopping:
                outcome = executor.next_outcome(_POLL_S)
                if outcome is not None and outcome.key == task.key:
                    self._worked_machine_s = self._parts.clock.machine_s()
                    return outcome
        except OSError as error:
            executor.cancel()
            raise not_now(f"no worker process now: {error.strerror or error}") from error
        except BaseException:
            executor.cancel()
            raise
        return None

    def _close(self, reason: str) -> None:
        self._pictures.close(reason)
        with self._news:
            asked, self._asked = self._asked, []
        for _, listed in asked:
            listed.set_result(None)

    def _rest(self, now_s: float) -> None:
        """Sleep until there is something to do; give the worker back after a while."""
        worked_s = self._worked_machine_s
        if worked_s is not None and now_s - worked_s > REST_AFTER_MACHINE_S:
            self._parts.executor.close()
            self._worked_machine_s = None
        until_s = self._list_machine_s
        if any(self.waiting.values()) and self._look_machine_s > now_s:
            until_s = min(until_s, self._look_machine_s)
        self._sleep(until_s - now_s)

    def _sleep(self, most_machine_s: float) -> None:
        with self._news:
            if not (self._stopping or self._pictures or self._asked):
                self._news.wait(max(0.0, most_machine_s))

    def _in_trouble(self, text: str) -> None:
        if text != self.trouble:
            _log.error("quick_look_waits error=%s", text)
        self.trouble = text
        with self._news:
            if not (self._stopping or self._pictures):
                self._news.wait(TROUBLE_MACHINE_S)

"""Observing blocks in the scheduler: carried out for targets, or alone by ``addBlock``.

However a block comes to be carried out, its scripts are one group of the script queue: consecutive
indices, and one that ends otherwise than DONE takes those that still wait with it. Engine thread
only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.errors import BadOrder, UnknownOrder, WrongState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.scheduler.blocks.record import STATUS_IDS, BlockCounts, BlockStatus
from ctmo_indi.scheduler.blocks.targets import target_scripts
from ctmo_indi.script_queue.block_library import BlockLibrary, Problems
from ctmo_indi.script_queue.kinds import AttemptBinding, ScriptParts
from ctmo_indi.script_queue.queueing import LAST, ScriptQueue, Sender
from ctmo_indi.script_queue.script import Script, ScriptRun, ScriptState
from ctmo_indi.script_queue.scripts.observing import RefusedAttempt
from ctmo_indi.script_queue.substitution import Values
from ctmo_indi.work_orders.receipts import new_receipt

_log = logging.getLogger(__name__)

OnEnd = Callable[[BlockStatus, str], None]
MakeParts = Callable[[AttemptBinding | None], ScriptParts]


@dataclass(slots=True)
class Execution:
    """One carrying out of a block.

    Parameters
    ----------
    uid
        Group of its scripts: the attempt's id for a target.
    open
        Indices of its scripts that have not ended.
    ending
        How it will end, as far as is known now.
    """

    uid: str
    block: str
    is_added: bool
    on_end: OnEnd | None = None
    status: BlockStatus = BlockStatus.STARTED
    total: int = 0
    open: set[int] = field(default_factory=set)
    ending: BlockStatus = BlockStatus.COMPLETED
    report: str = ""

    @property
    def progress(self) -> str:
        """How far it is, for people."""
        return f"block {self.block}: {self.total - len(self.open)} of {self.total} scripts ended"


class BlockBook:
    """Keeper of the observing blocks and of what is being carried out; engine thread only.

    Parameters
    ----------
    path
        File of the counts: ``scheduler/blocks.json`` of the data folder.
    publish
        Told of "blockInventory" and "blockStatus": kind, subject, data.
    make_parts
        What scripts are made from, for an attempt or for none.
    """

    def __init__(
        self,
        queue: ScriptQueue,
        clock: Clock,
        path: Path,
        publish: Callable[[str, str, dict[str, object]], object],
        make_parts: MakeParts,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._counts = BlockCounts(path)
        self._publish = publish
        self._make_parts = make_parts
        self._library: BlockLibrary | None = None
        self._executions: dict[str, Execution] = {}
        self._last: dict[str, BlockStatus] = {}
        self._programs_without: set[str] = set()

    @property
    def library(self) -> BlockLibrary:
        """The blocks of this start; WrongState before ``start``."""
        if self._library is None:
            raise WrongState("no observing blocks: the component has not been started")
        return self._library

    def use(self, library: BlockLibrary) -> None:
        """Take the blocks that were read at a start, and publish the inventory."""
        self._library = library
        self._last.clear()
        self._programs_without.clear()
        self._publish("blockInventory", "", self.inventory())

    def drop(self) -> None:
        """Forget the blocks, at STANDBY; the counts stay."""
        self._library = None
        self._last.clear()

    def inventory(self) -> dict[str, object]:
        """Keys of the event blockInventory."""
        blocks = self.library.blocks
        return {
            "Blocks": [block.name for block in blocks],
            "Statuses": [self.status(block.name).value for block in blocks],
        }

    def of_program(self, program: str) -> str:
        """Return the name of the block of a target's program; "" when there is none, said once.

        Raises
        ------
        WrongState
            The component was not started.
        """
        if not program:
            return ""
        if self.library.has(program):
            return self.library.get(program).name
        if program not in self._programs_without:
            self._programs_without.add(program)
            _log.info("no block of that program, the usual one is taken program=%r", program)
        return ""

    def queue_target(self, name: str, binding: AttemptBinding, values: Values) -> ScriptRun:
        """Queue the scripts of a target's block; its attempt must be stored already.

        A block that does not suit the target, or is not there, is no error here: the attempt's
        script then ends at once, NOT_ATTEMPTED or FAILED with the reason. The same becomes of it
        when a script of the block before it is stopped or fails.

        Returns
        -------
        ScriptRun
            Of the observing script, whose subject is the attempt.

        Raises
        ------
        WrongState
            The queue is full, or the component was not started. Nothing was queued: the caller
            settles the attempt.
        """
        try:
            block = self.library.get(name).name
            outside = self.library.outside(name, values)
            if outside:
                state, why = AttemptState.NOT_ATTEMPTED, f"block {block}: {'; '.join(outside)}"
                scripts: tuple[Script, ...] = (RefusedAttempt(binding, state, why),)
            else:
                scripts = target_scripts(self.library, name, self._make_parts(binding), values)
        except (UnknownOrder, BadOrder) as error:
            _log.error("block refused attempt=%s reason=%s", binding.attempt_id, error)
            block = name
            scripts = (RefusedAttempt(binding, AttemptState.FAILED, str(error)),)
        runs = self._queue.add_all(scripts, LAST, Sender(block=block, group=binding.attempt_id))
        return next(run for run in runs if run.subject == binding.attempt_id)

    def add(
        self,
        name: str,
        override: Mapping[str, object],
        *,
        user: str,
        on_end: OnEnd | None = None,
    ) -> Execution:
        """Carry a block out by itself: its scripts go to the end of the queue.

        Parameters
        ----------
        on_end
            Called once with how it ended and why.

        Raises
        ------
        UnknownOrder
            No such block; the message names those there are.
        WrongState
            It is not valid, or it is being carried out already, or it is one for targets.
        BadOrder
            ``override`` does not fit.
        """
        library = self.library
        block = library.get(name)
        problems = library.invalid(name)
        if problems:
            known = ", ".join(library.valid_names)
            raise WrongState(f"block {name} is not valid: {_text(problems)}; valid are {known}")
        if self._added(block.name) is not None:
            raise WrongState(f"block {name}: is being carried out already")
        if library.needs_target(name):
            raise WrongState(f"block {name}: it observes for orders, hand in an Observation")
        parts = self._make_parts(None)
        scripts = [script.make(parts) for script in library.render(name, {}, override)]
        execution = Execution(
            new_receipt("B", self._clock.utc()), block.name, is_added=True, on_end=on_end
        )
        self._executions[execution.uid] = execution
        try:
            sender = Sender(user=user, block=block.name, group=execution.uid)
            self._queue.add_all(scripts, LAST, sender)
        except (BadOrder, WrongState):
            del self._executions[execution.uid]
            raise
        return execution

    def remove(self, name: str, reason: str) -> Execution:
        """End what ``add`` began: waiting scripts are taken out, a running one is stopped.

        Raises
        ------
        UnknownOrder, WrongState
            No such block, or it is not being carried out by itself.
        """
        execution = self._added(self.library.get(name).name)
        if execution is None:
            raise WrongState(f"block {name}: nothing to remove, it was not added or has ended")
        self._queue.stop_group(execution.uid, reason)
        return execution

    def validate(self, name: str, override: Mapping[str, object]) -> dict[str, object]:
        """Keys of the answer to validateBlock: whether it is valid, and what is wrong if not."""
        library = self.library
        for_target = library.needs_target(name)
        problems = library.validate(name, override, for_target=for_target)
        return {
            "Block": library.get(name).name,
            "Valid": not problems,
            "Needs Target": for_target,
            "Problems": {step: list(texts) for step, texts in problems.items()},
        }

    def status(self, name: str) -> BlockStatus:
        """Return how a block stands; UnknownOrder when there is none of that name."""
        block = self.library.get(name).name
        stages = {one.status for one in self._executions.values() if one.block == block}
        for status in (BlockStatus.EXECUTING, BlockStatus.STARTED):
            if status in stages:
                return status
        if self.library.invalid(name):
            return BlockStatus.INVALID
        return self._last.get(block, BlockStatus.AVAILABLE)

    def status_wire(self, name: str) -> dict[str, object]:
        """Keys of the answer to getBlockStatus, and of the event blockStatus."""
        block = self.library.get(name)
        status = self.status(name)
        under_way = [one for one in self._executions.values() if one.block == block.name]
        return {
            "Block": block.name,
            "Program": block.program,
            "Status": status.value,
            "Status ID": STATUS_IDS[status],
            "Executions Completed": self._counts.completed(block.name),
            "Executions Failed": self._counts.ended(block.name, BlockStatus.ERROR),
            "Executions Interrupted": self._counts.ended(block.name, BlockStatus.INTERRUPTED),
            "Executions Total": self._counts.ended(block.name) + len(under_way),
            "Hash": block.uid,
            "Definition": block.definition,
            "Problems": {step: list(texts) for step, texts in self.library.invalid(name).items()},
        }

    def script_changed(self, run: ScriptRun) -> None:
        """Take a change of any script of the queue; call it with every one."""
        if not run.group:
            return
        execution = self._executions.get(run.group)
        if run.state is ScriptState.CONFIGURED:
            if execution is None:
                if self._library is None or not self._library.has(run.block):
                    return  # a driver asked for a block that is not there
                execution = Execution(run.group, run.block, is_added=False)
                self._executions[run.group] = execution
            execution.total += 1
            execution.open.add(run.index)
            if execution.total == 1:
                self._tell(execution)
            return
        if execution is None:
            return
        if run.is_final:
            self._script_ended(execution, run)
        elif execution.status is BlockStatus.STARTED:
            execution.status = BlockStatus.EXECUTING
            self._tell(execution)

    def _script_ended(self, execution: Execution, run: ScriptRun) -> None:
        execution.open.discard(run.index)
        if run.state is not ScriptState.DONE and execution.ending is BlockStatus.COMPLETED:
            failed = run.state is ScriptState.FAILED
            execution.ending = BlockStatus.ERROR if failed else BlockStatus.INTERRUPTED
            execution.report = f"script {run.index} {run.name}: {run.state}: {run.reason}"
        if execution.open:
            return
        del self._executions[execution.uid]
        execution.status = execution.ending
        self._last[execution.block] = execution.ending
        self._counts.count(execution.block, execution.ending)
        _log.info(
            "block ended block=%s uid=%s status=%s report=%r",
            execution.block,
            execution.uid,
            execution.ending,
            execution.report,
        )
        self._tell(execution)
        if execution.on_end is not None:
            execution.on_end(execution.ending, execution.report)

    def _added(self, block: str) -> Execution | None:
        return next(
            (one for one in self._executions.values() if one.is_added and one.block == block), None
        )

    def _tell(self, execution: Execution) -> None:
        if self._library is None or not self._library.has(execution.block):
            return  # it ends after STANDBY, or after a start with other blocks
        self._publish("blockStatus", execution.block, self.status_wire(execution.block))


def _text(problems: Problems) -> str:
    return "; ".join(f"{step}: {text}" for step, texts in problems.items() for text in texts)

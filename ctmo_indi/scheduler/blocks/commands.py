"""The commands about observing blocks, and the tickets of those that are being carried out.

``addBlock`` gives its ticket at once; the ticket ends with the block. Engine thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ctmo_indi.scheduler.blocks.book import BlockBook, Execution
from ctmo_indi.scheduler.blocks.record import BlockStatus
from ctmo_indi.scheduler.command_call import CommandCall
from ctmo_indi.scheduler.component.csc_parts import AtOnce, GoesOn
from ctmo_indi.scheduler.component.detailed import Detailed
from ctmo_indi.scheduler.states import Command
from ctmo_indi.scheduler.tickets import TicketBook, TicketState

OPERATOR = "operator"


class BlockCommands:
    """Carries the four commands out.

    Parameters
    ----------
    detailed
        RUNNING while a block is carried out by itself.
    """

    def __init__(
        self, blocks: BlockBook, tickets: TicketBook, detailed: Callable[[], Detailed]
    ) -> None:
        self._blocks = blocks
        self._tickets = tickets
        self._detailed = detailed
        self._under_way: dict[str, tuple[Execution, Callable[[], None]]] = {}

    def table(self) -> Mapping[Command, AtOnce]:
        """Return what carries out each command."""
        return {
            Command.ADD_BLOCK: self._add,
            Command.GET_BLOCK_STATUS: lambda call: self._blocks.status_wire(call.block),
            Command.REMOVE_BLOCK: self._remove,
            Command.VALIDATE_BLOCK: lambda call: self._blocks.validate(call.block, call.override),
        }

    def tell_progress(self) -> None:
        """Say on the tickets how far the blocks are."""
        for receipt, (execution, _) in self._under_way.items():
            self._tickets.tell(receipt, execution.progress)

    def _add(self, call: CommandCall) -> GoesOn:
        receipts: list[str] = []
        execution = self._blocks.add(
            call.block,
            call.override,
            user=OPERATOR,
            on_end=lambda status, report: self._end(receipts[0], status, report),
        )
        end_alone = self._detailed().begin_alone()

        def begun(receipt: str) -> None:
            receipts.append(receipt)
            self._under_way[receipt] = (execution, end_alone)
            self._tickets.tell(receipt, execution.progress)

        return GoesOn(begun)

    def _end(self, receipt: str, status: BlockStatus, report: str) -> None:
        execution, end_alone = self._under_way.pop(receipt)
        end_alone()
        is_good = status is BlockStatus.COMPLETED
        self._tickets.close(
            receipt,
            TicketState.COMPLETED if is_good else TicketState.FAILED,
            "" if is_good else f"block {execution.block}: {status}: {report}",
            {"Block": execution.block, "Execution": execution.uid},
        )

    def _remove(self, call: CommandCall) -> Mapping[str, object]:
        execution = self._blocks.remove(call.block, call.reason or "removed by removeBlock")
        return {"Block": execution.block, "Execution": execution.uid}

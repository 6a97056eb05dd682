"""One command to the component, with all that came with it; what the desk hands to the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ctmo_indi.scheduler.states import Command


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A command and its arguments; those of other commands are empty.

    Parameters
    ----------
    abort
        Of ``stop``: also end what is being observed.
    reason
        Why, in the sender's words.
    configuration
        Of ``start``: bare name of a configuration; "" takes the one of the configuration file.
    uri
        Of ``load``: ``file://`` address of what the scheduling driver shall read.
    block
        Of the block commands: name of an observing block.
    override
        Of ``addBlock``: values for parameters of the block, by name.
    level
        Of ``setLogLevel``: DEBUG, INFO, WARNING or ERROR.
    status
        Of ``updateObservatoryStatus``: the words that shall hold.
    note
        Of ``updateObservatoryStatus``: a remark of the operator.
    """

    command: Command
    abort: bool = False
    reason: str = ""
    configuration: str = ""
    uri: str = ""
    block: str = ""
    override: Mapping[str, object] = field(default_factory=dict)
    level: str = ""
    status: tuple[str, ...] = ()
    note: str = ""

"""The plans that the scheduler made in the demonstration night, as it told of them itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import typer

from ctmo_indi.cli.output import structs
from ctmo_indi.desk_client.client import DeskClient, DeskFault


@dataclass(frozen=True, slots=True)
class PlanReport:
    """One plan, with its figures of when it was made.

    Parameters
    ----------
    made_utc
        ISO 8601.
    visits
        To come when it was first seen.
    value, bound
        Of the plan, and what no plan can exceed.
    gap
        (bound - value) / bound.
    """

    made_utc: str
    visits: int
    value: float
    bound: float
    gap: float


@dataclass
class PlansSeen:
    """Every plan that was seen, oldest first."""

    reports: list[PlanReport] = field(default_factory=list)

    def look(self, scheduler: DeskClient) -> None:
        """Ask for the plan as it stands; nothing to note where there is none.

        Raises
        ------
        ServiceUnreachable
            No answer.
        """
        try:
            self.note(scheduler.front_desk({"WOType": "Plan", "User": "demo"}))
        except DeskFault:  # not in this state of the scheduler, or nothing is planned
            return

    def note(self, reply: Mapping[str, object]) -> None:
        """Keep the figures of a plan that is new."""
        made_utc, visits = str(reply.get("Made", "")), len(structs(reply.get("Visits")))
        visits = int(str(reply.get("Number of Visits", visits)))
        is_new = all(one.made_utc != made_utc for one in self.reports)
        if not visits or not is_new:
            return
        value, bound, gap = (float(str(reply[key])) for key in ("Value", "Bound", "Gap"))
        self.reports.append(PlanReport(made_utc, visits, value, bound, gap))


def print_plans(reports: list[PlanReport]) -> None:
    """Print the night's largest plan and how often it was planned."""
    if not reports:
        return
    one = max(reports, key=lambda report: report.visits)
    count = f"{len(reports)} plans" if len(reports) > 1 else "1 plan"
    typer.echo(
        f"{count} of the night; that of {one.made_utc[11:16]} UTC: {one.visits} visits, value "
        f"{one.value:.0f}, no plan exceeds {one.bound:.0f}: at most {100.0 * one.gap:.1f} % below "
        "the best possible"
    )

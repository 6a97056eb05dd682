"""What is planned, and why an order is not: plan, explain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli import named_order
from ctmo_indi.cli.options import (
    ConfigOption,
    DataOption,
    JsonOption,
    ProfileOption,
    UserOption,
    client,
    load_config,
)
from ctmo_indi.cli.output import print_json, print_table, structs

if TYPE_CHECKING:
    from ctmo_indi.cli.plan_check import CheckedReply

_COLUMNS = ("Start", "End", "Target", "Filter", "Altitude", "Setup", "Value", "Receipt")
_CONSTRAINT_COLUMNS = ("Constraint", "Value", "", "Limit", "Met", "Asked By")
_OVERHEAD_COLUMNS = ("Overhead", "Samples", "Factor", "Constant", "By the Profile")
_ANSWER_S = 30.0
_MOST_VISITS = 500


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(explain)
    app.command()(plan)


def explain(
    order_id: Annotated[
        str, typer.Argument(metavar="ID", help="Receipt of an order, or its own ID.")
    ],
    at: Annotated[
        str | None,
        typer.Option("--at", help="The minute to explain, ISO 8601, UTC; now.", metavar="UTC"),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="Whose order, where several have that ID.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why an order is observed or not, and when it can be."""
    order: dict[str, object] = {"WOType": "Explain"}
    if at is not None:
        order["At"] = at
    with client(load_config(config, data), "scheduler", timeout_s=_ANSWER_S) as desk:
        reply = named_order.ask(desk, order, order_id, user, command="ctmo-indi explain")
    if as_json:
        print_json(reply)
    else:
        _print_explanation(reply)


def _print_explanation(reply: Mapping[str, object]) -> None:
    """Print it in words, then every constraint."""
    words = reply.get("Words")
    for line in words if isinstance(words, list) else [reply.get("Message", "")]:
        typer.echo(str(line))
    if reply.get("Driver"):
        typer.echo(f"Nothing is said of a plan: {reply['Driver']}.")
    rewards = reply.get("Rewards")
    for line in rewards if isinstance(rewards, list) else []:
        typer.echo(str(line))
    rows = [_constraint_row(one) for one in structs(reply.get("Constraints"))]
    if rows:
        print_table(_CONSTRAINT_COLUMNS, rows, left_out_first=("Asked By",))


def _constraint_row(one: Mapping[str, object]) -> tuple[object, ...]:
    met = "yes" if one.get("Met") else "no"
    if "Value" not in one:
        return one.get("Name"), str(one.get("Text", "")), "", "", met, one.get("Asked By", "")
    unit = one.get("Unit", "")
    value, limit = (f"{_number(one.get(key)):.2f} {unit}".rstrip() for key in ("Value", "Limit"))
    return one.get("Name"), value, one.get("Sense"), limit, met, one.get("Asked By", "")


def plan(
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            help="Draw altitude against time into a .png, .svg or .pdf.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", help="Visits to show at most.", min=1, max=500)
    ] = 250,
    overheads: Annotated[
        bool,
        typer.Option(
            "--overheads", help="Show what slews, readouts and the like are planned with, instead."
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Go through it with the independent checker (astropy), too; exit code 1 when it"
            " breaks a rule.",
        ),
    ] = False,
    user: UserOption = "cli",
    config: ConfigOption = None,
    profile: ProfileOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the plan of the night as it stands, and how far it is from the best possible."""
    settings = load_config(config, data)
    limit = _MOST_VISITS if check else limit
    with client(settings, "scheduler", timeout_s=_ANSWER_S, user=user) as desk:
        reply = desk.front_desk({"WOType": "Plan", "User": user, "Limit": limit})
    checked = _checked(reply, profile or settings.profile) if check else None
    if plot is not None:
        from ctmo_indi.planner.plan_chart import draw_plan

        draw_plan(reply, plot)
    if as_json:
        found = {} if checked is None else {"Violations": list(checked.violations)}
        print_json({**reply, **found})
    elif overheads:
        _print_overheads(reply)
    else:
        _print_plan(reply)
        if plot is not None:
            typer.echo(f"drawn: {plot}")
        for line in () if checked is None else checked.words():
            typer.echo(line)
    if checked is not None and checked.violations:
        raise typer.Exit(1)


def _checked(reply: Mapping[str, object], profile_name: str) -> CheckedReply:
    from ctmo_indi import profiles
    from ctmo_indi.cli.plan_check import check_reply

    return check_reply(reply, profiles.load(profile_name))


def _print_plan(reply: Mapping[str, object]) -> None:
    begin, end = (str(reply.get(key, ""))[:16].replace("T", " ") for key in ("Begin", "End"))
    typer.echo(f"Night of {reply.get('Night', '')}, planned from {begin} to {end} UTC")
    if reply.get("Preview"):
        typer.echo(
            f"Not followed yet: {reply['Preview']}. This is the plan that would be made now."
        )
    if reply.get("Refused"):
        typer.echo(
            "The plan that was made is not followed, it breaks rules; orders are chosen one at a"
            f" time: {reply['Refused']}."
        )
    rows = [
        (
            _time(one.get("Start")),
            _time(one.get("End")),
            _target(one),
            one.get("Filter", ""),
            f"{_number(one['Altitude']):.1f} deg" if "Altitude" in one else "",
            f"{_number(one.get('Setup')):.0f} s",
            f"{_number(one.get('Value')):.0f}",
            one.get("Receipt"),
        )
        for one in structs(reply.get("Visits"))
    ]
    if rows:
        print_table(_COLUMNS, rows, left_out_first=("Receipt", "Setup"))
    more = int(_number(reply.get("Number of Visits"))) - len(rows)
    if more > 0:
        typer.echo(f"and {more} more")
    typer.echo(gap_in_words(reply))


def _target(one: Mapping[str, object]) -> str:
    """Return what a visit is of, and what is special about it."""
    name = str(one.get("Object") or one.get("ID") or one.get("Receipt"))
    more = ["alert"] if one.get("Alert") else []
    if "Missing" in one:
        more.append(f"{one.get('Count')} of {one['Missing']} frames")
    return f"{name} ({', '.join(more)})" if more else name


def _print_overheads(reply: Mapping[str, object]) -> None:
    rows = [
        (
            one.get("Name"),
            int(_number(one.get("Samples"))),
            f"{_number(one.get('Factor')):.2f}",
            f"{_number(one.get('Constant')):.1f} s",
            f"{_number(one.get('Profile Constant')):.1f} s",
        )
        for one in structs(reply.get("Overheads"))
    ]
    if rows:
        print_table(_OVERHEAD_COLUMNS, rows)
    else:
        typer.echo("The scheduling driver learns nothing of overheads: the profile stands.")


def gap_in_words(reply: Mapping[str, object]) -> str:
    """Say how good a plan is: what of the time is used, and what the best possible could add."""
    count = int(_number(reply.get("Number of Visits")))
    if not count:
        return (
            "Nothing is planned: no order that waits can be observed in what is left of the night."
        )
    gap, filled = 100.0 * _number(reply.get("Gap")), 100.0 * _number(reply.get("Filled"))
    visits = "visit" if count == 1 else "visits"
    cost, bound = _number(reply.get("Time Critical Cost")), _number(reply.get("Bound"))
    words = (
        f"{count} {visits} of {int(_number(reply.get('Requests')))} requests, {filled:.0f} % of the"
        f" time observed; within {gap:.2g} % of the best possible"
    )
    if cost > 0.0 and bound > 0.0:
        words += f" ({100.0 * cost / bound:.2g} % of it for what is time-critical)"
    return words + "."


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _time(instant: object) -> str:
    return str(instant or "")[11:19]

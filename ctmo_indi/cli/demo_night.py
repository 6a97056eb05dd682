"""Run the demonstration night and say what came of it."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

import typer

from ctmo_indi import config as config_file
from ctmo_indi import profiles
from ctmo_indi.cli import kept_sky_clock
from ctmo_indi.cli.demo_lights import LightReport, light_reports, print_lights
from ctmo_indi.cli.demo_plan import PlanReport, PlansSeen, print_plans
from ctmo_indi.cli.demo_view import NightView, TextNotices
from ctmo_indi.cli.output import print_json, print_table, structs
from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.desk_client.client import DeskClient, DeskFault
from ctmo_indi.errors import ConfigError, ConflictingOrder, CtmoError
from ctmo_indi.fleet_ports import on_free_ports
from ctmo_indi.logs import quiet_log
from ctmo_indi.simulator.gsc import star_catalogue
from ctmo_indi.simulator.rehearsal import Night, coming_night, demo_orders
from ctmo_indi.supervisor import (
    Fleet,
    Supervisor,
)
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS

_log = logging.getLogger(__name__)

_POLL_S = 0.5  # machine seconds between two looks
# Machine seconds after dawn in which the observatory must be closed.
_CLOSING_TIMEOUT_S = 60.0
# More of them, in which the calibration frames must be taken and the lights calibrated.
_CALIBRATING_TIMEOUT_S = 240.0
_FASTEST = 400.0
"""Sky seconds per second of the longest night in five minutes."""

_NIGHT_ENDED = ("DONE", "GIVEN_UP")
MIN_COMPLETED = 6
CALIBRATION_USER = "calibration"
"""User of the orders for calibration frames, see ``scheduler/nights``."""


@dataclass
class Summary:
    """What a demonstration night brought.

    Parameters
    ----------
    orders
        The scheduler's final Status of each order.
    frames
        Path and verification result of each frame.
    plans
        What the scheduler planned, each plan once.
    lights
        What became of each light.
    calibration
        How the preprocessor ended with the night, and what it could not use or make.
    time_s
        Sky seconds by kind of activity.
    """

    site: str
    speed: float
    dusk_utc: str
    dawn_utc: str
    data_dir: str
    orders: list[Mapping[str, object]] = field(default_factory=list)
    frames: list[dict[str, object]] = field(default_factory=list)
    time_s: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    plans: list[PlanReport] = field(default_factory=list)
    lights: list[LightReport] = field(default_factory=list)
    calibration: list[str] = field(default_factory=list)
    final_state: str = "UNKNOWN"

    @property
    def completed(self) -> int:
        """Number of orders COMPLETED."""
        return sum(order.get("Status") == "COMPLETED" for order in self.orders)

    @property
    def is_success(self) -> bool:
        """At least six orders done, every frame verified, every light calibrated, closed."""
        return (
            self.completed >= MIN_COMPLETED
            and bool(self.frames)
            and all(frame["Verified"] for frame in self.frames)
            and all(light.product for light in self.lights)
            and self.final_state == "CLOSED"
        )


def run(
    *, profile_name: str | None, data_dir: Path, speed: float | None, frames: int, quiet: bool
) -> Summary:
    """Run the night; returns when the observatory is closed and the night is calibrated.

    Raises
    ------
    CtmoError
        The services could not be started or an order was refused.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    profile = profiles.load(profile_name or "simulators")
    if not profile.indiserver.start:
        raise ConfigError(
            f"profile {profile.name}: the demo runs simulators only, expected "
            "indiserver: {start: true}"
        )
    quiet_log("demo", data_dir)
    now = SystemClock().utc()
    begins = kept_sky_clock.begin(data_dir, now, speed or _FASTEST) or now
    try:
        night = coming_night(profile, begins)
    except ValueError as error:  # polar summer
        raise ConfigError(str(error)) from error
    settings = on_free_ports(
        replace(config_file.Config(), profile=profile_name or "simulators", data_dir=data_dir)
    )
    notices = TextNotices(quiet=quiet)
    stars = star_catalogue(data_dir / "run" / "gsc", notices.say)
    fleet = Fleet(
        settings,
        profile,
        speed=speed or night.speed_for_five_minutes,
        start_utc=night.start_utc,
        path_prefix=(stars,) if stars else (),
        notice=notices.say,
    )
    summary = Summary(
        site=profile.site.name,
        speed=fleet.speed,
        dusk_utc=night.dusk_utc.isoformat(timespec="seconds"),
        dawn_utc=night.dawn_utc.isoformat(timespec="seconds"),
        data_dir=str(data_dir),
    )
    supervisor = Supervisor(fleet)
    with ExitStack() as stack:
        # last of all: closing takes its time, too
        stack.callback(lambda: kept_sky_clock.keep(data_dir, supervisor.clock.utc()))
        stack.enter_context(supervisor)
        supervisor.start()
        kept_sky_clock.keep(data_dir, supervisor.clock.utc())
        notices.say(f"in a browser: {supervisor.config.scheduler.http}/")
        with supervisor.client("scheduler", timeout_s=30.0) as desk:
            receipts = {
                _submit(desk, order) for order in demo_orders(profile, night, frames=frames)
            }
        supervisor.resume_scheduler()
        with NightView(notices, night, fleet.speed, receipts, quiet=quiet) as view:
            summary.plans = _watch(supervisor, night, view, receipts, data_dir)
        _collect(supervisor, summary, receipts, night)
    _verify_frames(summary)
    summary.lights = light_reports(summary.frames)
    return summary


def _submit(desk: DeskClient, order: Mapping[str, object]) -> str:
    """Hand in an order; return its receipt.

    What an earlier demo in the same data folder left undone goes on; what it has done, or asked for
    with other content, is asked for again under a new ID.
    """
    for number in itertools.count(1):
        name = str(order["ID"]) if number == 1 else f"{order['ID']}-{number}"
        try:
            reply = desk.front_desk({**order, "ID": name})
        except DeskFault as fault:
            if fault.code != ConflictingOrder.fault_code:
                raise
        else:
            if reply["Status"] not in SETTLED_ORDERS:
                return str(reply["Receipt"])
    raise AssertionError("unreachable")


def _watch(
    supervisor: Supervisor, night: Night, view: NightView, receipts: set[str], data_dir: Path
) -> list[PlanReport]:
    """Look until the observatory is closed after dawn and the night is calibrated.

    The orders for calibration frames that the scheduler makes join ``receipts``.

    Returns
    -------
    list of PlanReport
        The plans that were seen meanwhile.
    """
    clock: Clock = supervisor.clock
    plans = PlansSeen()
    preprocessor = supervisor.client("preprocessor", timeout_s=10.0)
    scheduler = supervisor.client("scheduler", timeout_s=10.0)
    telescope = supervisor.client("telescope", timeout_s=10.0)
    dawn_machine_s: float | None = None
    is_closed = False
    pause = threading.Event()
    while True:
        kept_sky_clock.keep(data_dir, clock.utc())
        try:
            orders = scheduler.front_desk({"WOType": "Status", "User": "demo", "All": True})
            state = scheduler.front_desk({"WOType": "Status", "User": "demo"})
            telescope_state = telescope.front_desk({"WOType": "Status", "User": "demo"})
            work = preprocessor.front_desk({"WOType": "Status", "User": "demo"})
            if clock.utc() < night.end_utc:
                plans.look(scheduler)
        except CtmoError as error:  # a service that is being started again
            view.notice(str(error))
        else:
            receipts |= {
                str(row["Receipt"])
                for row in structs(orders.get("Orders"))
                if row.get("User") == CALIBRATION_USER
            }
            state["Calibrating"] = work.get("Progress", "")
            view.show(clock.utc(), orders, state, telescope_state)
            is_closed = observatory_state(telescope_state) == "CLOSED"
            if clock.utc() > night.end_utc and is_closed and _is_calibrated(state, night):
                return plans.reports
        if clock.utc() > night.end_utc:
            timeout_s = _CALIBRATING_TIMEOUT_S if is_closed else _CLOSING_TIMEOUT_S
            dawn_machine_s = dawn_machine_s or SystemClock().machine_s()
            if SystemClock().machine_s() > dawn_machine_s + timeout_s:
                what = "calibrated" if is_closed else "closed"
                view.notice(f"not {what} {timeout_s:g} s after dawn")
                return plans.reports
        pause.wait(_POLL_S)


def _is_calibrated(scheduler_status: Mapping[str, object], night: Night) -> bool:
    """Whether nothing more is to be done for the night, as the scheduler sees it."""
    states = {
        str(one.get("Night")): str(one.get("State"))
        for one in structs(scheduler_status.get("Nights"))
    }
    return states.get(night.label, "") in _NIGHT_ENDED


def observatory_state(telescope_status: Mapping[str, object]) -> str:
    """Read the observatory's state from the telescope's Status."""
    observatory = telescope_status.get("Observatory")
    if isinstance(observatory, Mapping):
        return str(observatory.get("State", "UNKNOWN"))
    return str(observatory or "UNKNOWN")


def _collect(
    supervisor: Supervisor, summary: Summary, receipts: Collection[str], night: Night
) -> None:
    """Ask for each of our orders, its frames and the time spent."""
    scheduler = supervisor.client("scheduler", timeout_s=30.0)
    telescope = supervisor.client("telescope", timeout_s=30.0)
    listing = scheduler.front_desk({"WOType": "Status", "User": "demo", "All": True})
    for entry in structs(listing.get("Orders")):
        if entry["Receipt"] not in receipts:
            continue
        order = scheduler.front_desk(
            {"WOType": "Status", "User": "demo", "Receipt": str(entry["Receipt"])}
        )
        summary.orders.append(order)
        for exposure in structs(order.get("Exposures")):
            summary.frames.append(
                {"Order": order.get("ID"), "Path": exposure.get("Path"), "Verified": False}
            )
        if order.get("Status") != "COMPLETED":
            summary.problems.append(f"{order.get('ID')}: {order.get('Status')}: {_why(order)}")
    summary.calibration = _calibration(supervisor, night)
    status = telescope.front_desk({"WOType": "Status", "User": "demo"})
    summary.final_state = observatory_state(status)
    ledger = status.get("Time Spent")
    if isinstance(ledger, Mapping):
        summary.time_s = {str(kind): float(str(value)) for kind, value in ledger.items()}
    summary.problems += [
        f"{name} was started again {count} times" for name, count in supervisor.restarts.items()
    ]


def _calibration(supervisor: Supervisor, night: Night) -> list[str]:
    """Return how the preprocessor ended with the night, and what it could not use or make."""
    scheduler = supervisor.client("scheduler", timeout_s=30.0)
    preprocessor = supervisor.client("preprocessor", timeout_s=30.0)
    told = scheduler.front_desk({"WOType": "Status", "User": "demo"})
    for one in structs(told.get("Nights")):
        if one.get("Night") != night.label or not one.get("Rounds"):
            continue
        last = {"ID": f"night-{night.label}-{one['Rounds']}", "User": CALIBRATION_USER}
        reasons = preprocessor.front_desk({"WOType": "Status", **last}).get("Reasons")
        return [str(reason) for reason in reasons] if isinstance(reasons, list) else []
    return []


def _why(order: Mapping[str, object]) -> str:
    reasons = order.get("Reasons")
    texts = [str(reason) for reason in reasons] if isinstance(reasons, list) else []
    return "; ".join(texts) or str(order.get("Message", "")) or "no reason was given"


def _verify_frames(summary: Summary) -> None:
    """Check each frame's CHECKSUM and DATASUM as ``fitscheck`` does."""
    import warnings

    from astropy.io import fits

    for frame in summary.frames:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with fits.open(str(frame["Path"]), checksum=True) as hdus:
                    hdus.verify("exception")
                    frame["Verified"] = "CHECKSUM" in hdus[0].header
        except (OSError, Warning, fits.VerifyError) as error:
            frame["Problem"] = str(error)
            summary.problems.append(f"{frame['Path']}: {error}")


def print_summary(summary: Summary, *, as_json: bool) -> None:
    """Print orders, frames, time spent and what failed."""
    if as_json:
        print_json({**asdict(summary), "completed": summary.completed})
        return
    typer.echo(
        f"\n{summary.site}, dusk {_minute(summary.dusk_utc)} UTC, dawn "
        f"{_minute(summary.dawn_utc)} UTC, {summary.speed:g} times too fast"
    )
    print_table(
        ("Order", "Object", "Filter", "Status", "Frames"),
        [
            (
                order.get("ID"),
                order.get("Object"),
                order.get("Filter"),
                order.get("Status"),
                f"{order.get('Good Exposures', 0)}/{order.get('Number of Exposures', '?')}",
            )
            for order in reversed(summary.orders)
        ],
    )
    print_plans(summary.plans)
    _print_frames(summary.frames)
    print_lights(summary.lights)
    for folder in sorted({Path(str(frame["Path"])).parent.parent for frame in summary.frames}):
        typer.echo(f"Masters, calibrated lights and stacks are in {folder / 'products'}")
    for line in summary.calibration:
        typer.echo(f"  {line}")
    if summary.time_s:
        print_table(
            ("Time spent on", "Sky minutes"),
            [(kind, f"{seconds / 60:.1f}") for kind, seconds in summary.time_s.items()],
        )
    for problem in summary.problems:
        typer.echo(f"  ! {problem}")
    verified = sum(bool(frame["Verified"]) for frame in summary.frames)
    typer.echo(
        f"{summary.completed} of {len(summary.orders)} orders COMPLETED, {verified} of "
        f"{len(summary.frames)} frames verified, observatory {summary.final_state}, "
        f"data and logs in {summary.data_dir}"
    )


def _print_frames(frames: list[dict[str, object]]) -> None:
    """Print each folder once, then its verified frames, those of one attempt on one line."""
    runs: dict[tuple[Path, str], list[str]] = {}
    for frame in reversed(frames):
        if frame["Verified"]:
            path = Path(str(frame["Path"]))
            attempt, _, number = path.stem.rpartition("-")
            runs.setdefault((path.parent, attempt), []).append(number)
    folder: Path | None = None
    for (parent, attempt), numbers in runs.items():
        if parent != folder:
            folder = parent
            typer.echo(f"Frames with right CHECKSUM and DATASUM in {folder}:")
        typer.echo(f"  {attempt}-{_span(sorted(numbers))}.fits")


def _span(numbers: list[str]) -> str:
    """Write the numbers of a run of frames as a shell would find them: {001..004}."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return first
    is_whole = int(last) - int(first) + 1 == len(numbers)
    return "{" + (f"{first}..{last}" if is_whole else ",".join(numbers)) + "}"


def _minute(utc: str) -> str:
    return datetime.fromisoformat(utc).strftime("%Y-%m-%d %H:%M")

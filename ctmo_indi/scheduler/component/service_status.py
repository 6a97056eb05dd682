"""What the scheduler says about itself: the keys of Status, and the facts for its status words."""

from __future__ import annotations

from datetime import datetime

from ctmo_indi.models.states import SummaryState
from ctmo_indi.models.verdict import Verdict
from ctmo_indi.scheduler.component.csc import SchedulerCsc
from ctmo_indi.scheduler.component.observatory_status import Facts, ObservatoryStatus
from ctmo_indi.scheduler.safety_link import SafetyLink
from ctmo_indi.script_queue.queueing import ScriptQueue

HISTORY_SHOWN = 20
_ALARM = "ALARM"


def service_status(
    csc: SchedulerCsc,
    queue: ScriptQueue,
    safety: SafetyLink,
    status: ObservatoryStatus,
    utc: datetime,
) -> dict[str, object]:
    """Return the keys of the service's Status; engine thread."""
    current, started, news = queue.current, csc.started, safety.news
    mode_report = csc.mode.report() if csc.mode is not None else {}
    return {
        "Kind": "Service",
        "Service": "scheduler",
        "Status": csc.summary.value,
        "Summary State": csc.summary.value,
        "Detailed State": csc.detailed.state.value,
        "Running": csc.is_running,
        "Configuration": started.configuration.name if started is not None else "",
        "Mode": started.configuration.parameters.mode.value if started is not None else "",
        "Recalled": started.recalled if started is not None else "",
        "Error Code": int(csc.error_code),
        "Error Report": csc.error_report,
        "Message": f"{csc.summary.value}, {csc.detailed.state.value}",
        "UTC": utc.isoformat(timespec="milliseconds"),
        "Observatory Status": status.to_wire(),
        "Verdict": news.verdict.to_wire() if news is not None else {},
        "Verdict Age": min(safety.verdict_age_s(), 1e9),
        "Held": "; ".join(news.held) if news is not None else "",
        "Paused": queue.is_paused,
        "Pause Reason": queue.pause_reason,
        "Current": current.to_wire() if current is not None else {},
        "Queue": [run.to_wire() for run in queue.waiting],
        "History": [run.to_wire() for run in queue.history[-HISTORY_SHOWN:]],
        **mode_report,
    }


def facts_of(
    summary: SummaryState,
    verdict: Verdict | None,
    *,
    is_day: bool | None,
    held: tuple[str, ...] = (),
) -> Facts:
    """Return what is known for the observatory's status words.

    Parameters
    ----------
    verdict
        The last one; its reasons tell of weather and of a closing that failed.
    held
        Which humans hold the observatory.
    """
    reasons = verdict.reasons if verdict is not None else ()
    in_fault = []
    if any(reason.startswith(_ALARM) for reason in reasons):
        in_fault.append("observatory")
    if summary is SummaryState.FAULT:
        in_fault.append("scheduler")
    return Facts(
        is_alive=summary not in (SummaryState.STANDBY, SummaryState.OFFLINE),
        is_day=is_day,
        is_weather_bad=any("weather" in reason for reason in reasons),
        in_fault=tuple(in_fault),
        held=held,
    )

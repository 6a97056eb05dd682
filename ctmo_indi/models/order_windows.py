"""What an order's windows leave of it, whatever the sky does: how much of them is still to come.

Costs microseconds and imports nothing large: a desk asks before it looks at the sky.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ctmo_indi.models.orders import ROUNDED_S, ObservationRequest, Window


def coming(windows: Sequence[Window], now_s: float | None) -> list[Window]:
    """Return what of some windows is still to come; all of them without a now (Unix seconds)."""
    if now_s is None:
        return list(windows)
    return [
        Window(max(window.start_utc_s, now_s), window.end_utc_s)
        for window in windows
        if window.end_utc_s > now_s
    ]


def why_none_serves(request: ObservationRequest, now_s: float | None) -> str:
    """Say why no window of an order has room for an exposure any more, "" when one has, or is none.

    Parameters
    ----------
    now_s
        Unix seconds. None: the windows count from their own beginning.
    """
    left = coming(request.windows, now_s)
    if request.windows and not left:
        last_s = max(window.end_utc_s for window in request.windows)
        return f"every window has ended, the last at {_clock(last_s)}"
    latest_s = request.latest_start_utc_s
    if latest_s is not None and now_s is not None and now_s > latest_s:
        return f"its start is missed: expected by {_clock(latest_s)}"
    longest_s = max((one.end_utc_s - one.start_utc_s for one in left), default=request.exposure_s)
    if longest_s < request.exposure_s - ROUNDED_S:
        return (
            f"no window is long enough: one exposure takes {request.exposure_s:g} s,"
            f" at best {longest_s:.0f} s are left of one"
        )
    return ""


def _clock(utc_s: float) -> str:
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%dT%H:%M:%SZ}"

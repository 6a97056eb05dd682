"""When an order can be observed at a site, and if not, why.

Reasons name the value and the limit; the rules are those of ``observing_rules``.

Measured costs: :func:`observable_now` 0.1 ms; :func:`observable_span` 0.2 ms with a :class:`Skies`
of the night (made in 0.4 ms, serves every order); :func:`ever_observable` 0.5 ms, 4 ms with a Moon
limit, 11 ms before it refuses, up to 30 ms near a limit and 0.3 s with the Moon's; of a moving
target 10 ms, 0.13 s before it refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.close_look import close_instants, closely_excluded_by
from ctmo_indi.models.coordinates import Array, Instant, from_unix_s, unix_s
from ctmo_indi.models.observing_rules import Rule, Skies, rules
from ctmo_indi.models.order_windows import coming, why_none_serves
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.profiles import Limits, NightPolicy, Site

_DAY_S = 86400.0
_SHORTEST_STEP_S = 60.0
_EVER_STEP_S = 900.0
_FEW_INSTANTS, _MANY_INSTANTS = 1500, 30_000  # of all windows, unless the steps are the longest
_EVER_NIGHTS = 14
_EVER_YEAR_S = 366.0 * _DAY_S
_EVER_GRACE = 0.1  # degrees, hours or airmasses: what passes with it is looked at closely
_J2000_UNIX_S = 946728000.0


def observable_now(
    request: ObservationRequest, site: Site, limits: Limits, utc: Instant, night: NightPolicy
) -> tuple[bool, tuple[str, ...]]:
    """Tell whether an order may be observed at one instant.

    Returns
    -------
    is_observable
    reasons
        Every limit that is broken, with value and limit; empty when observable.
    """
    now_s = float(unix_s(utc))
    reasons = _window_reasons(request, now_s)
    if request.frame_type.needs_sky:
        checked = rules(request, Skies.at(site, now_s), limits, night)
        reasons += [rule.reason() for rule in checked if not rule.slack[0] >= 0.0]
    return not reasons, tuple(reasons)


def observable_span(
    request: ObservationRequest,
    site: Site,
    limits: Limits,
    night: NightPolicy,
    utc: Instant,
    *,
    skies: Skies | None = None,
    min_length_s: float = 0.0,
) -> Window | None:
    """Return the span of this night that contains ``utc``, or the next one after it.

    Parameters
    ----------
    skies
        :meth:`Skies.of_night`, to be shared among orders; made when None.
    min_length_s
        Shorter spans are passed over.

    Returns
    -------
    Window or None
        In steps of the skies' grid (a minute), never too long; not before ``utc``. None: not any
        more in the night (noon to noon) ``utc`` belongs to.
    """
    now_s = float(unix_s(utc))
    if skies is None:
        skies = Skies.of_night(site, now_s)
    times_s = skies.times_s
    is_good = times_s >= now_s - (times_s[1] - times_s[0])
    is_good &= _in_windows(request, times_s)
    if request.frame_type.needs_sky:
        for rule in rules(request, skies, limits, night):
            is_good &= rule.slack >= 0.0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_good, [False])).astype(np.int8)))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        start_s, end_s = max(float(times_s[first]), now_s), float(times_s[after - 1])
        if end_s > start_s and end_s - start_s >= min_length_s:
            return Window(start_s, end_s)
    return None


def ever_observable(
    request: ObservationRequest,
    site: Site,
    limits: Limits,
    night: NightPolicy,
    *,
    utc: Instant | None = None,
    visit_s: float = 0.0,
) -> tuple[bool, str]:
    """Tell whether any instant of the coming year (or of the order's windows) serves an order.

    Parameters
    ----------
    utc
        Now. None: the windows count from their own beginning, without windows any year serves.
    visit_s
        Of an order with a fixed start: what of its visit has to be observed in one go. Of others
        one exposure has to be.

    Returns
    -------
    is_observable
        True also when windows of more than a year with gaps leave it open.
    reason
        Which limit excludes it, with the best value it reaches; "" when observable.
    """
    now_s = None if utc is None else float(unix_s(utc))
    latest_s = request.latest_start_utc_s
    missed = why_none_serves(request, now_s)
    if missed:
        return False, missed
    if not request.frame_type.needs_sky:
        return True, ""
    spans, is_all = _at_most_a_year(_coming(request.windows, now_s))
    needed_s = request.exposure_s if latest_s is None else max(request.exposure_s, visit_s)
    for times_s in _instants(spans):
        skies = Skies.over(site, times_s[_in_spans(spans, times_s)])
        if request.motion is not None:
            skies = _when_dark(skies, night)
        checked = rules(request, skies, limits, night)
        reason = _excluded_by(checked, request, skies.times_s)
        is_open = not reason and (latest_s is None or visit_s <= 0.0)
        if is_open and (request.motion is not None or _has_room(checked, skies.times_s, needed_s)):
            return True, ""
    if not reason and (request.motion is None or latest_s is not None):
        close = Skies.over(site, _close_times_s(checked, skies.times_s, spans))
        reason = closely_excluded_by(
            rules(request, close, limits, night), request, close.times_s, needed_s
        )
    return (False, reason) if reason and is_all else (True, "")


def _has_room(checked: Sequence[Rule], times_s: Array, needed_s: float) -> bool:
    """Whether instants within all limits, without any grace, are so far apart in one stay."""
    is_good = np.all([rule.slack >= 0.0 for rule in checked], axis=0)
    return bool(is_good.any()) and _longest_s(is_good, times_s, 0.0) >= needed_s


def _close_times_s(checked: Sequence[Rule], times_s: Array, spans: Sequence[Window]) -> Array:
    """Return the instants at which an order that nearly never can be is looked at closely."""
    together = np.all([rule.slack >= -_EVER_GRACE for rule in checked], axis=0)
    edges_s = [edge for one in spans for edge in (one.start_utc_s, one.end_utc_s)]
    close_s = np.unique(np.append(close_instants(together, times_s), edges_s))
    found: Array = close_s[_in_spans(spans, close_s)]
    return found


def _when_dark(skies: Skies, night: NightPolicy) -> Skies:
    """Leave the daylight out where there is night: following a body costs 20 us an instant."""
    is_dark = skies.sun_altitude_deg <= night.sun_max_altitude_deg + _EVER_GRACE
    return Skies.over(skies.site, skies.times_s[is_dark]) if is_dark.any() else skies


def _excluded_by(checked: Sequence[Rule], request: ObservationRequest, times_s: Array) -> str:
    """Return why no span passes all rules that one exposure fits in, "" when one does."""
    where = "in the order's windows" if request.windows else "at this site"
    alone = [rule.reason() for rule in checked if not np.any(rule.slack >= -_EVER_GRACE)]
    if alone:
        return f"never {where}: at best " + "; ".join(alone)
    together = np.all([rule.slack >= -_EVER_GRACE for rule in checked], axis=0)
    if np.any(together):
        best_s = _longest_s(together, times_s)
        if best_s >= request.exposure_s:
            return ""
        return (
            f"never {where} for long enough: one exposure takes {request.exposure_s:g} s,"
            f" at best {best_s:.0f} s are within all limits"
        )
    # The instant that breaks the limits least says best what stands against it.
    worst = np.min([rule.slack for rule in checked], axis=0)
    best = int(np.argmax(worst))
    broken = [
        replace(rule, values=rule.values[best : best + 1], bounds=rule.bounds[best : best + 1])
        for rule in checked
        if rule.slack[best] < 0.0
    ]
    return f"never {where} within all limits at once: at best " + "; ".join(
        rule.reason() for rule in broken
    )


def _longest_s(is_good: NDArray[np.bool_], times_s: Array, steps_more: float = 2.0) -> float:
    """Return the length of the longest good span, at most two steps too long; or too short."""
    if times_s.size < 2:
        return math.inf
    steps_s = np.diff(times_s)
    step_s = float(np.median(steps_s))
    is_joined = np.concatenate([[False], steps_s <= 1.5 * step_s])
    starts = np.flatnonzero(is_good & ~(is_joined & np.concatenate([[False], is_good[:-1]])))
    ends = np.flatnonzero(is_good & ~np.concatenate([is_joined[1:] & is_good[1:], [False]]))
    return float(np.max(times_s[ends] - times_s[starts])) + steps_more * step_s


def _coming(windows: Sequence[Window], now_s: float | None) -> list[Window]:
    """Return what of the windows is still to come; the coming year when there are none."""
    if not windows:
        start_s = _J2000_UNIX_S if now_s is None else now_s
        return [Window(start_s, start_s + _EVER_YEAR_S)]
    return coming(windows, now_s)


def _at_most_a_year(windows: Sequence[Window]) -> tuple[list[Window], bool]:
    """Return what of some windows is to be looked at: a window to the year 9999 must not cost more.

    Returns
    -------
    spans
        In order, apart from each other, a year together at most.
    is_all
        Whether what they exclude is excluded: they are all of the windows, or a year without a gap.
    """
    spans: list[Window] = []
    for window in sorted(windows, key=lambda one: one.start_utc_s):
        if spans and window.start_utc_s <= spans[-1].end_utc_s:
            last = spans.pop()
            window = Window(last.start_utc_s, max(last.end_utc_s, window.end_utc_s))
        spans.append(window)
    left_s, chosen = _EVER_YEAR_S, []
    for span in spans:
        if span.end_utc_s - span.start_utc_s >= _EVER_YEAR_S:
            return [Window(span.start_utc_s, span.start_utc_s + _EVER_YEAR_S)], True
        length_s = min(left_s, span.end_utc_s - span.start_utc_s)
        if length_s > 0.0:
            chosen.append(Window(span.start_utc_s, span.start_utc_s + length_s))
            left_s -= length_s
    return chosen, left_s > 0.0


def _instants(spans: Sequence[Window]) -> Iterator[Array]:
    """Yield instants of spans, Unix seconds in order: few at first, then many.

    All spans have the same step, so that it can be told which instants are of one stay.
    """
    length_s = sum(map(_length_s, spans))
    few_step_s, many_step_s = _step_s(length_s, _FEW_INSTANTS), _step_s(length_s, _MANY_INSTANTS)
    is_long = any(_length_s(span) > _EVER_NIGHTS * _DAY_S for span in spans)
    if is_long or many_step_s < few_step_s:
        yield np.unique(np.concatenate([_few_samples(span, few_step_s) for span in spans]))
    yield np.unique(np.concatenate([_samples(span, many_step_s) for span in spans]))


def _step_s(length_s: float, instants: int) -> float:
    return min(_EVER_STEP_S, max(_SHORTEST_STEP_S, length_s / instants))


def _length_s(span: Window) -> float:
    return span.end_utc_s - span.start_utc_s


def _samples(span: Window, step_s: float) -> Array:
    return np.append(np.arange(span.start_utc_s, span.end_utc_s, step_s), span.end_utc_s)


def _few_samples(span: Window, step_s: float) -> Array:
    """Return instants of a span: of a long one only of some of its days."""
    if _length_s(span) <= _EVER_NIGHTS * _DAY_S:
        return _samples(span, step_s)
    days_s = np.linspace(span.start_utc_s, span.end_utc_s - _DAY_S, _EVER_NIGHTS)
    times_s: Array = (days_s[:, np.newaxis] + np.arange(0.0, _DAY_S, _EVER_STEP_S)).ravel()
    return times_s


def _in_windows(request: ObservationRequest, times_s: Array) -> NDArray[np.bool_]:
    if not request.windows:
        return np.ones(times_s.shape, dtype=np.bool_)
    return _in_spans(request.windows, times_s)


def _in_spans(spans: Sequence[Window], times_s: Array) -> NDArray[np.bool_]:
    inside = np.zeros(times_s.shape, dtype=np.bool_)
    for span in spans:
        inside |= (times_s >= span.start_utc_s) & (times_s <= span.end_utc_s)
    return inside


def _window_reasons(request: ObservationRequest, now_s: float) -> list[str]:
    windows = request.windows
    if not windows or any(one.start_utc_s <= now_s <= one.end_utc_s for one in windows):
        return []
    later_s = [one.start_utc_s for one in windows if one.start_utc_s > now_s]
    if later_s:
        return [f"outside its windows, the next begins at {_clock(min(later_s))}"]
    return [f"every window has ended, the last at {_clock(max(o.end_utc_s for o in windows))}"]


def _clock(seconds: float) -> str:
    return from_unix_s(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")

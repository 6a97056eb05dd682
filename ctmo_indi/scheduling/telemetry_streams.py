"""Telemetry streams: the mean of INDI elements over a window, by name, for scheduling drivers.

Pure: whoever has read the elements hands them in (:meth:`TelemetryStreamHandler.update`) with the
instant, and asks for the values of an instant. What is not known is the stream's fill value, NaN
when it has none; a value too old is not known. Names follow the Rubin Scheduler's developer guide.

The mean is over time: an element counts as long as it stands. A station that reports every minute
and one that reports every second give the same mean for the same weather.
"""

from __future__ import annotations

import cmath
import logging
import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from ctmo_indi.errors import ConfigError

if TYPE_CHECKING:
    from ctmo_indi.scheduling.driver import Value

_log = logging.getLogger(__name__)

MOST_SAMPLES = 1000
"""Kept of an element: within a window, samples nearer to each other are not taken."""

_NAME = re.compile("[a-z][a-z0-9_]*")
_ELEMENT = re.compile(r"[^.].*\.[^.]+\.[^.]+")
_UNDIRECTED = 1e-6  # length of a mean of unit vectors below which it has no direction


@dataclass(frozen=True, slots=True)
class KnownStream:
    """What drivers expect behind a name."""

    meaning: str
    is_angle: bool = False


KNOWN_STREAMS: Mapping[str, KnownStream] = MappingProxyType(
    {
        "seeing": KnownStream("full width at half maximum of a star, arcsec"),
        "bulk_cloud": KnownStream("part of the sky that is covered, 0 to 1"),
        "wind_speed": KnownStream("as the station gives it, m/s with INDI's simulator"),
        "wind_direction": KnownStream("where it comes from, degrees from north to east", True),
    }
)
"""Names that scheduling drivers look for; others are handed on as well."""


@dataclass(frozen=True, slots=True)
class StreamParameters:
    """One telemetry stream.

    Parameters
    ----------
    properties
        INDI elements, "device.PROPERTY.ELEMENT"; one gives a number, several a tuple. The device
        is a role of the profile, such as ``weather``, or an INDI device.
    window_s, max_age_s
        Sky seconds: what the mean is over, and how old the newest measurement may be.
    fill_value
        While there is no sample in the window; None stands for NaN.
    is_angle
        Degrees that wrap at 360: the mean of 350 and 10 is 0. None: as its known name says.
    """

    name: str
    properties: tuple[str, ...]
    window_s: float = 300.0
    max_age_s: float = 600.0
    fill_value: float | None = None
    is_angle: bool | None = None

    @property
    def wraps(self) -> bool:
        """Whether its mean is one of directions."""
        known = KNOWN_STREAMS.get(self.name)
        return bool(known and known.is_angle) if self.is_angle is None else self.is_angle


@dataclass(frozen=True, slots=True)
class Sample:
    """One element as it was read.

    Parameters
    ----------
    age_s
        Sky seconds since the device told it.
    """

    value: float
    age_s: float


def check_streams(streams: Sequence[StreamParameters]) -> None:
    """Raise ConfigError that names everything that is wrong with ``streams``."""
    problems = [problem for stream in streams for problem in _problems(stream)]
    names = [stream.name for stream in streams]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"stream {name!r}: came {names.count(name)} times, expected once")
    if problems:
        raise ConfigError("telemetry: " + "; ".join(problems))


def _problems(stream: StreamParameters) -> list[str]:
    expectations = {
        "name": (bool(_NAME.fullmatch(stream.name)), "small letters, digits and _"),
        "properties": (
            bool(stream.properties) and all(map(_ELEMENT.fullmatch, stream.properties)),
            "device.PROPERTY.ELEMENT, at least one",
        ),
        "window_s": (0.0 < stream.window_s < math.inf, "seconds > 0"),
        "max_age_s": (0.0 < stream.max_age_s < math.inf, "seconds > 0"),
        "fill_value": (math.isfinite(stream.fill_value or 0.0), "a finite number or null"),
    }
    return [
        f"stream {stream.name!r}: {key}: came {getattr(stream, key)!r}, expected {expected}"
        for key, (is_right, expected) in expectations.items()
        if not is_right
    ]


class TelemetryStreamHandler:
    """Keeps the windows of all streams; one thread at a time, no clock of its own.

    Instants are sky seconds of one monotonic clock (``Clock.elapsed_s``).

    Raises
    ------
    ConfigError
        As :func:`check_streams`.
    """

    def __init__(
        self, streams: Sequence[StreamParameters], log: logging.Logger | None = None
    ) -> None:
        check_streams(streams)
        self._streams = {stream.name: stream for stream in streams}
        self._log = log if log is not None else _log
        self._windows = {
            stream.name: tuple(_Window(stream) for _ in stream.properties) for stream in streams
        }
        self._is_known = dict.fromkeys(self._windows, True)

    @property
    def properties(self) -> tuple[str, ...]:
        """Every element to be read, each once."""
        streams = self._streams.values()
        return tuple(dict.fromkeys(name for stream in streams for name in stream.properties))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each stream."""
        return tuple(self._streams)

    def update(self, samples: Mapping[str, Sample], now_s: float) -> None:
        """Take what was read of the elements; what is missing, not finite or too old is not taken.

        The first update that leaves a stream without a value, and the first that gives it one
        again, are logged.
        """
        for stream in self._streams.values():
            windows = self._windows[stream.name]
            for element, window in zip(stream.properties, windows, strict=True):
                if element in samples:
                    window.add(samples[element], now_s)
            self._tell(stream, now_s)

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Value of each stream at an instant: a number, or a tuple of one for each element."""
        return {name: self.value(name, now_s) for name in self._streams}

    def ages(self, now_s: float) -> Mapping[str, float]:
        """Sky seconds since the oldest of each stream's elements was measured; inf before that."""
        return {
            name: max(window.age_s(now_s) for window in windows)
            for name, windows in self._windows.items()
        }

    def is_known(self, name: str, now_s: float) -> bool:
        """Whether every element of a stream has a mean, so that no fill value stands for it."""
        return all(window.mean(now_s) is not None for window in self._windows[name])

    def value(self, name: str, now_s: float) -> Value:
        """Value of one stream; KeyError when there is none of that name."""
        stream = self._streams[name]
        fill = math.nan if stream.fill_value is None else stream.fill_value
        means = [window.mean(now_s) for window in self._windows[stream.name]]
        values = tuple(fill if mean is None else mean for mean in means)
        return values[0] if len(values) == 1 else values

    def _tell(self, stream: StreamParameters, now_s: float) -> None:
        name, is_known = stream.name, self.is_known(stream.name, now_s)
        if is_known is self._is_known[name]:
            return
        self._is_known[name] = is_known
        if is_known:
            self._log.info("telemetry stream known again stream=%s", name)
        else:
            age_s, value = self.ages(now_s)[name], self.value(name, now_s)
            self._log.warning(
                "telemetry stream unknown stream=%s age_s=%.0f value=%s", name, age_s, value
            )


class _Window:
    """Samples of one element, oldest first."""

    def __init__(self, stream: StreamParameters) -> None:
        self._stream = stream
        self._samples: deque[tuple[float, float]] = deque()
        self._measured_s = -math.inf

    def add(self, sample: Sample, now_s: float) -> None:
        """Take a sample that is neither odd, nor too old, nor too near to the last one."""
        if not math.isfinite(sample.value) or not 0.0 <= sample.age_s <= self._stream.max_age_s:
            return
        self._measured_s = now_s - sample.age_s
        self._forget(now_s)
        spacing_s = self._stream.window_s / MOST_SAMPLES
        if not self._samples or now_s - self._samples[-1][0] >= spacing_s:
            self._samples.append((now_s, sample.value))

    def age_s(self, now_s: float) -> float:
        """Sky seconds since the newest measurement."""
        return now_s - self._measured_s

    def mean(self, now_s: float) -> float | None:
        """Mean over the window; None when nothing is known now."""
        if self.age_s(now_s) > self._stream.max_age_s:
            return None
        since_s = now_s - self._stream.window_s
        values = [value for taken_s, value in self._samples if taken_s >= since_s]
        if not values:
            return None
        return _direction_deg(values) if self._stream.wraps else math.fsum(values) / len(values)

    def _forget(self, now_s: float) -> None:
        while self._samples and self._samples[0][0] < now_s - self._stream.window_s:
            self._samples.popleft()


def _direction_deg(angles_deg: Sequence[float]) -> float | None:
    """Mean direction: that of the sum of unit vectors; None when they cancel each other.

    Mardia and Jupp, Directional Statistics (2000), 2.2.1.
    """
    whole = sum(cmath.rect(1.0, math.radians(angle)) for angle in angles_deg) / len(angles_deg)
    if abs(whole) < _UNDIRECTED:
        return None
    return math.degrees(cmath.phase(whole)) % 360.0 % 360.0  # the first gives 360.0 for -1e-15

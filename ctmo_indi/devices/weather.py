"""The weather station: readings with their state and age. Whether it is safe, safety decides."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.devices.device import Device
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState


@dataclass(frozen=True, slots=True)
class WeatherReading:
    """One parameter.

    Parameters
    ----------
    name
        INDI element, for example WEATHER_WIND_SPEED; its unit is the driver's.
    state
        Ok, Busy (warning zone) or Alert; None when the driver does not hold it critical.
    """

    name: str
    value: float
    state: PropertyState | None


@dataclass(frozen=True, slots=True)
class WeatherStatus:
    """What the station says now.

    Parameters
    ----------
    state
        Worst of all: Alert is danger, Busy the warning zone; None when nothing is known.
    age_s
        Elapsed seconds since the station was last read, not since its driver last spoke: one whose
        sensor or network is gone repeats its old readings every 5 s, in Alert, and leaves the zones
        as they were. None when it never was.
    """

    connected: bool
    state: PropertyState | None = None
    readings: tuple[WeatherReading, ...] = ()
    age_s: float | None = None

    @property
    def dangers(self) -> tuple[str, ...]:
        """Names of the readings in the danger zone."""
        return tuple(r.name for r in self.readings if r.state is PropertyState.ALERT)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Names of the readings in the warning zone."""
        return tuple(r.name for r in self.readings if r.state is PropertyState.BUSY)

    def value(self, name: str) -> float | None:
        """Return a reading by its INDI element; None when there is none."""
        return next((r.value for r in self.readings if r.name == name), None)


class Weather(Device):
    """A weather station; any thread."""

    def status(self) -> WeatherStatus:
        """Return what is known now; does not ask the driver."""
        if not self.is_connected:
            return WeatherStatus(connected=False)
        lights, numbers = self.snapshot("status"), self.snapshot("parameters")
        zones = {} if lights is None else dict(lights.values)
        values = {} if numbers is None else dict(numbers.values)
        return WeatherStatus(
            connected=True,
            state=None if lights is None else lights.state,
            readings=tuple(
                WeatherReading(name, value, _zone(zones.get(name)))
                for name, value in values.items()
                if isinstance(value, float)
            ),
            age_s=self._renewed_s_ago(numbers),
        )

    def _renewed_s_ago(self, numbers: PropertySnapshot | None) -> float | None:
        if numbers is None or numbers.renewed_elapsed_s is None:
            return None
        return max(0.0, self._clock.elapsed_s() - numbers.renewed_elapsed_s)


def _zone(word: object) -> PropertyState | None:
    return PropertyState(word) if isinstance(word, str) else None

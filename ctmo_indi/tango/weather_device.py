"""Table of the device Weather: the station's readings, and safety's verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ctmo_indi.profiles import Profile, Role
from ctmo_indi.tango.picture import Seen
from ctmo_indi.tango.spec import AttributeSpec, Bounds, DeviceSpec, Kind, Mood

LEVELS = ("SAFE", "HOLD", "UNSAFE")

# INDI element -> attribute, unit as INDI 1.9's drivers have it, what it is.
_USUAL = {
    "WEATHER_TEMPERATURE": ("Temperature", "degC", "Of the air outside."),
    "WEATHER_HUMIDITY": ("Humidity", "%", "Relative humidity outside."),
    "WEATHER_PRESSURE": ("Pressure", "hPa", "Of the air."),
    "WEATHER_WIND_SPEED": ("WindSpeed", "km/h", "Mean wind."),
    "WEATHER_WIND_GUST": ("WindGust", "km/h", "Gusts."),
    "WEATHER_RAIN_HOUR": ("RainHour", "mm", "Rain of the last hour."),
}


def verdict_mood(_seen: Seen, _profile: Profile, value: object) -> Mood:
    """Return how a verdict's level is to be taken."""
    return {"UNSAFE": Mood.ALARM, "HOLD": Mood.WARNING}.get(str(value), Mood.VALID)


def _bounds(element: str) -> Callable[[Profile], Bounds]:
    def of_profile(profile: Profile) -> Bounds:
        limits = profile.safety.weather_limits.get(element)
        return Bounds() if limits is None else Bounds(limits.min, limits.max)

    return of_profile


def _zone(element: str) -> Callable[[Seen, Profile, object], Mood]:
    def of_reading(seen: Seen, profile: Profile, value: object) -> Mood:
        station = seen.part("Weather")
        if element in station.get("Dangers", ()):
            return Mood.ALARM
        if element in station.get("Warnings", ()):
            return Mood.WARNING
        return _bounds(element)(profile).mood(value)

    return of_reading


def _reading(element: str, name: str, unit: str, doc: str) -> AttributeSpec:
    return AttributeSpec(
        name=name, kind=Kind.NUMBER, path=("Devices", "Weather", "Readings", element),
        unit=unit, shown="%.2f", least_change=0.01, alarm=_bounds(element), mood=_zone(element),
        max_age_s=lambda profile: profile.safety.weather_max_age_s,
        doc=f"{doc} The station's {element}; ALARM and WARNING in its zones and the profile's.",
    )  # fmt: skip


def _further(profile: Profile) -> tuple[AttributeSpec, ...]:
    """Return the readings that only this site has limits for."""
    elements = [name for name in profile.safety.weather_limits if name not in _USUAL]
    return tuple(
        _reading(element, _camel(element), "", "As the station tells it.") for element in elements
    )


def _camel(element: str) -> str:
    words = [word for word in element.removeprefix("WEATHER_").split("_") if word]
    return "".join(word.capitalize() for word in words)


def _names(seen: Seen) -> object:
    readings = seen.part("Weather").get("Readings")
    return list(readings) if isinstance(readings, Mapping) else None


def _values(seen: Seen) -> object:
    readings = seen.part("Weather").get("Readings")
    return list(readings.values()) if isinstance(readings, Mapping) else None


WEATHER = DeviceSpec(
    name="Weather",
    doc="The weather station as safety reads it, and whether the observatory may be open.",
    service="safety",
    part="Weather",
    role=Role.WEATHER,
    attributes=(
        AttributeSpec(
            name="Verdict", kind=Kind.CHOICE, path=("Verdict", "Level"),
            labels=lambda _: LEVELS, mood=verdict_mood,
            doc="SAFE: may be open. HOLD: nothing new. UNSAFE: must be closed.",
        ),
        AttributeSpec(
            name="Reasons", kind=Kind.TEXTS, path=("Verdict", "Reasons"),
            doc="Why it is not SAFE.",
        ),
        AttributeSpec(
            name="StationState", kind=Kind.CHOICE, path=("Devices", "Weather", "State"),
            label="Station", labels=lambda _: ("Idle", "Ok", "Busy", "Alert"),
            mood=lambda _seen, _profile, value: {
                "Alert": Mood.ALARM, "Busy": Mood.WARNING,
            }.get(str(value), Mood.VALID),
            doc="Worst of its zones: Busy is the warning zone, Alert danger.",
        ),
        *(_reading(element, *words) for element, words in _USUAL.items()),
        AttributeSpec(
            name="ReadingNames", kind=Kind.TEXTS, read=_names, label="Names of readings",
            doc="INDI elements of everything that the station tells.",
        ),
        AttributeSpec(
            name="Readings", kind=Kind.NUMBERS, read=_values,
            max_age_s=lambda profile: profile.safety.weather_max_age_s,
            doc="Their values, in the driver's units and the order of ReadingNames.",
        ),
        AttributeSpec(
            name="Age", kind=Kind.NUMBER, path=("Devices", "Weather", "Age (s)"), unit="s",
            shown="%.1f", has_events=False, doc="Of the readings, when they were asked for.",
        ),
    ),
    more=_further,
)  # fmt: skip

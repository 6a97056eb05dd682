"""Keys declared on the fields of a record are read in one place."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.driver import DriverParameters


@dataclass(frozen=True, slots=True)
class Tea(DriverParameters):
    """What a driver that makes tea can be told."""

    minutes: float = settings.number(1.0, 10.0, 3.0)
    cups: int = settings.number(0, 12, 2, whole=True)
    kinds: tuple[str, ...] = settings.texts(("Assam",))


def test_keys_that_are_missing_stay_as_they_are() -> None:
    given = Tea(night_boundary=-15.0, minutes=5.0)
    found = settings.changed(given, {"cups": 4, "night_boundary": None}, "tea driver")
    assert found == Tea(night_boundary=None, minutes=5.0, cups=4)


def test_every_wrong_key_is_named_with_its_driver() -> None:
    wrong = {"cups": 1.5, "minutes": None, "kinds": ["Assam", ""], "night_boundary": 3, "cup": 1}
    with pytest.raises(ConfigError) as caught:
        settings.changed(Tea(), wrong, "tea driver")
    problems = list(caught.value.problems)
    assert problems == [
        "tea driver: cups: came 1.5, expected a whole number from 0 to 12",
        "tea driver: minutes: came nothing, expected a number from 1 to 10",
        "tea driver: kinds: came ['Assam', ''], expected a list of texts, none empty",
        "tea driver: night_boundary: came 3, expected a number from -90 to 0",
        "tea driver: cup: unknown key (did you mean 'cups'?), expected one of cups, kinds, minutes,"
        " new_moon_phase_threshold, night_boundary",
    ]

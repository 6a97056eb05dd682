"""Every name of the Driver API is found in one place, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ctmo_indi.scheduling as api


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_is_what_its_module_defines(name: str) -> None:
    found = getattr(api, name)
    assert found.__name__ == name
    assert found.__module__.startswith("ctmo_indi.")
    assert name in dir(api)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="FeatureSchedular"):
        _ = api.FeatureSchedular


def test_importing_the_package_is_light() -> None:
    code = "import sys, ctmo_indi.scheduling; print('numpy' in sys.modules, 'erfa' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]

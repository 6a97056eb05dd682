from __future__ import annotations

import math

import pytest

from ctmo_indi.pixels.sampling import stride


@pytest.mark.parametrize("width", [1, 5, 1280, 2048, 4095, 4096, 6144])
@pytest.mark.parametrize("height", [1, 3, 1024, 4096])
def test_a_sample_has_about_the_wanted_size_and_every_column(width: int, height: int) -> None:
    every = stride(width * height, width, 10_000)
    assert math.gcd(every, width) == 1
    assert width * height / every <= 20_000
    assert every <= max(1, width * height // 10_000) + 12

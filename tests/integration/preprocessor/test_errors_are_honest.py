"""Errors against the truth: many nights of one sensor, each with its own noise in every frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.pixels.calibrate import Detector, calibrate
from ctmo_indi.pixels.combine import Combined, Preparation, combine, median_levels
from ctmo_indi.testing.night_frames import Sensor

SHAPE, NIGHTS, FRAMES = (32, 32), 15, 5
DARK_S, FLAT_S = 30.0, 2.0
HOT_E_PER_S = 5.0


class Nights:
    """One sensor, exposed anew each night."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sensor = Sensor.of(5, SHAPE)
        self.flat = self.sensor.flat("V")
        self.rng = np.random.default_rng(1)

    def frames(self, exposure_s: float, level_e: float = 0.0) -> list[Path]:
        paths = [self.folder / f"{number}.fits" for number in range(FRAMES)]
        for path in paths:
            light_e = self.flat * level_e * self.rng.uniform(0.9, 1.1)
            pixels = self.sensor.expose(self.rng, exposure_s, light_e)
            fits.writeto(path, pixels, overwrite=True)
        return paths

    def masters(self) -> tuple[Combined, Combined, Combined]:
        bias = combine(self.frames(0.0), method="clipped_mean")
        of_dark = Preparation(bias=bias.data, bias_error=bias.error)
        dark = combine(self.frames(DARK_S), method="clipped_mean", prepare=of_dark)
        flats = self.frames(FLAT_S, 33000.0)
        of_flat = replace(
            of_dark, dark=dark.data, dark_error=dark.error, dark_scales=(FLAT_S / DARK_S,)
        )
        of_flat = replace(of_flat, scales=median_levels(flats, of_flat))
        flat = combine(flats, method="clipped_mean", prepare=of_flat)
        mean = np.float32(flat.data.mean())
        return bias, dark, replace(flat, data=flat.data / mean, error=flat.error / mean)

    def pulls(self, sky_e: float, scale: float) -> np.ndarray:
        """Return (calibrated - truth) / error of every pixel but the hot ones."""
        bias, dark, flat = self.masters()
        raw = self.sensor.expose(self.rng, DARK_S * scale, self.flat * sky_e)
        made = calibrate(raw, Detector(1.5, 8.0), bias=bias, dark=dark, dark_scale=scale, flat=flat)
        is_good = self.sensor.dark_e_per_s < HOT_E_PER_S
        return ((made.data - sky_e) / made.error)[is_good]


@pytest.mark.parametrize(
    ("sky_e", "scale", "least", "most"),
    [
        (3000.0, 1.0, 0.98, 1.02),
        (300.0, 0.25, 0.98, 1.02),
        # The bias in the dark takes that of the light away, which errors that count as independent
        # (ours, and ccdproc's) do not know: they are a little too large, never too small.
        (300.0, 1.0, 0.95, 1.0),
        (300.0, 2.0, 0.95, 1.0),
    ],
)
def test_the_error_is_the_scatter_about_the_truth(tmp_path, sky_e, scale, least, most):
    nights = Nights(tmp_path)
    pulls = np.concatenate([nights.pulls(sky_e, scale) for _ in range(NIGHTS)])
    statistical = 3.0 / np.sqrt(2.0 * pulls.size)
    assert least - statistical < pulls.std() < most + statistical
    assert abs(pulls.mean()) < 0.06
    assert np.mean(np.abs(pulls) > 3.0) < 0.006  # 0.0027 of a normal distribution

"""Synthetic frames of one night, as an INDI camera would write them, with the truth behind them.

For tests and benchmarks of the preprocessor: 16-bit FITS of biases, darks, flats and lights from
one :class:`Sensor`, whose planes are known, so that a master or a calibrated light can be compared
with what went in. A seed gives the same files, byte for byte.

The model of a pixel, in ADU: ``offset + (t x dark_rate + Poisson(flat x light)) / gain + noise``,
then rounded and cut at 65535. Headers are spelled like those of INDI 1.9.9: "Light Frame", a FILTER
on every frame, GAIN as a setting of the camera, 0.01 s for a bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zlib import crc32

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

FloatPlane = NDArray[np.float64]
EVENING = datetime(2026, 11, 21, 22, 0, 0)  # noqa: DTZ001  FITS writes UTC without a zone


@dataclass(frozen=True, slots=True)
class Sensor:
    """A camera of which everything is known; planes have the shape (ny, nx).

    Attributes
    ----------
    offset_adu
        Level of every pixel without light and without exposure: level, gradient, column pattern.
    dark_e_per_s
        Dark current; about one pixel in a thousand is hot.
    """

    seed: int
    offset_adu: FloatPlane
    dark_e_per_s: FloatPlane
    gain_e_per_adu: float = 1.5
    read_noise_e: float = 8.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ny, nx = self.offset_adu.shape
        return ny, nx

    @classmethod
    def of(cls, seed: int, shape: tuple[int, int]) -> Sensor:
        """Draw a camera."""
        rng = np.random.default_rng((seed, 1))
        y, _ = np.mgrid[0 : shape[0], 0 : shape[1]] / max(shape)
        offset = 500.0 + 20.0 * y + rng.normal(0.0, 2.0, shape[1])
        dark = rng.gamma(4.0, 0.025, shape)
        hot = rng.random(shape) < 0.001
        dark[hot] += rng.uniform(20.0, 200.0, int(hot.sum()))
        return cls(seed, offset, dark)

    def flat(self, filter_name: str) -> FloatPlane:
        """Return how sensitive each pixel is in a filter, about 1: vignetting, dust, pixels."""
        rng = np.random.default_rng((self.seed, 2, crc32(filter_name.encode())))
        ny, nx = self.shape
        y, x = np.mgrid[0:ny, 0:nx]
        radius = np.hypot((y - ny / 2) / ny, (x - nx / 2) / nx)
        plane = 1.05 - 0.5 * radius**2
        for _ in range(5):
            cy, cx, size = rng.uniform(0, ny), rng.uniform(0, nx), rng.uniform(4, 0.04 * nx + 5)
            ring = np.hypot(y - cy, x - cx) / size
            plane *= 1.0 - 0.08 * np.exp(-(ring**2))
        plane *= rng.normal(1.0, 0.01, self.shape)
        return np.asarray(plane / plane.mean())

    def expose(
        self,
        rng: np.random.Generator,
        exposure_s: float,
        light_e: FloatPlane | float = 0.0,
        rays_e: FloatPlane | float = 0.0,
    ) -> NDArray[np.uint16]:
        """Expose once.

        Parameters
        ----------
        light_e
            Electrons expected of light in each pixel, the flat already in it.
        rays_e
            Electrons of cosmic rays, without noise of their own.
        """
        expected = self.dark_e_per_s * exposure_s + light_e
        electrons = rng.poisson(expected) + rays_e + rng.normal(0.0, self.read_noise_e, self.shape)
        adu = self.offset_adu + electrons / self.gain_e_per_adu
        return np.clip(np.rint(adu), 0, 65535).astype(np.uint16)


def star_field(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    stars: int,
    fwhm_px: float = 3.0,
    brightest_e: float = 2e5,
) -> FloatPlane:
    """Return electrons of Gaussian stars, twice as faint ones about twice as many, no sky."""
    field = np.zeros(shape)
    sigma = fwhm_px / 2.3548
    half = int(np.ceil(5 * sigma))
    flux = brightest_e * np.minimum(1.0, 0.002 / np.maximum(rng.random(stars), 1e-6))
    for x, y, total in zip(
        rng.uniform(0, shape[1], stars), rng.uniform(0, shape[0], stars), flux, strict=True
    ):
        y0, x0 = max(0, int(y) - half), max(0, int(x) - half)
        rows, columns = slice(y0, int(y) + half + 1), slice(x0, int(x) + half + 1)
        ny, nx = field[rows, columns].shape
        profile_y = np.exp(-((np.arange(y0, y0 + ny) - y) ** 2) / (2 * sigma**2))
        profile_x = np.exp(-((np.arange(x0, x0 + nx) - x) ** 2) / (2 * sigma**2))
        field[rows, columns] += (
            total / (2 * np.pi * sigma**2) * profile_y[:, None] * profile_x[None, :]
        )
    return field


def cosmic_rays(rng: np.random.Generator, shape: tuple[int, int], count: int) -> FloatPlane:
    """Return electrons of straight tracks, 1 to 15 pixels long, some of them faint."""
    rays = np.zeros(shape)
    for _ in range(count):
        length = int(rng.integers(1, 16))
        angle = rng.uniform(0, 2 * np.pi)
        steps = np.arange(length)
        y = np.rint(rng.uniform(0, shape[0]) + steps * np.sin(angle)).astype(int)
        x = np.rint(rng.uniform(0, shape[1]) + steps * np.cos(angle)).astype(int)
        inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        rays[y[inside], x[inside]] += 10 ** rng.uniform(2.0, 4.0) * rng.uniform(0.5, 1.5)
    return rays


def write_night(
    folder: Path | str,
    *,
    seed: int,
    shape: tuple[int, int] = (256, 256),
    biases: int = 5,
    darks: Mapping[float, int] | None = None,
    flats: Mapping[str, int] | None = None,
    lights: Mapping[tuple[str, str], int] | None = None,
    exposure_s: float = 30.0,
    temperature_c: float = -10.0,
    camera: str = "CCD Simulator",
    sky_e: float = 300.0,
) -> list[Path]:
    """Write a night of frames and return their paths in the order of exposure.

    Parameters
    ----------
    shape
        Rows and columns.
    darks
        How many for each exposure time in seconds.
    flats
        How many for each filter; about 22000 ADU, each frame a little different.
    lights
        How many for each (target, filter), of ``exposure_s``. Stars, sky and cosmic rays.
    sky_e
        Electrons of sky in each pixel of a light.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sensor = Sensor.of(seed, shape)
    night = _Night(folder, sensor, temperature_c, camera)
    for number in range(biases):
        night.write(f"bias_{number:03d}", "Bias", 0.01, "L", sensor.expose(night.rng, 0.0))
    for dark_s, count in (darks or {}).items():
        for number in range(count):
            name = f"dark_{dark_s:g}s_{number:03d}"
            night.write(name, "Dark", dark_s, "L", sensor.expose(night.rng, dark_s))
    for filter_name, count in (flats or {}).items():
        plane = sensor.flat(filter_name)
        for number in range(count):
            level_e = 33000.0 * night.rng.uniform(0.9, 1.1)
            pixels = sensor.expose(night.rng, 2.0, plane * level_e)
            night.write(f"flat_{filter_name}_{number:03d}", "Flat", 2.0, filter_name, pixels)
    for (target, filter_name), count in (lights or {}).items():
        rng = np.random.default_rng((seed, 3, crc32(target.encode())))
        area = shape[0] * shape[1]
        stars = star_field(rng, shape, stars=max(5, int(area * 7e-4)))
        light_e = sensor.flat(filter_name) * (sky_e + stars)
        place = (float(rng.uniform(0, 360)), float(rng.uniform(-60, 60)))
        for number in range(count):
            rays = cosmic_rays(night.rng, shape, max(1, int(area * 1e-4)))
            pixels = sensor.expose(night.rng, exposure_s, light_e, rays)
            name = f"{target.replace(' ', '_')}_{filter_name}_{number:03d}"
            night.write(name, "Light", exposure_s, filter_name, pixels, target, place)
    return night.paths


class _Night:
    """The files so far and the time of the next."""

    def __init__(self, folder: Path, sensor: Sensor, temperature_c: float, camera: str) -> None:
        self.rng = np.random.default_rng((sensor.seed, 0))
        self.paths: list[Path] = []
        self._folder, self._temperature_c, self._camera = folder, temperature_c, camera
        self._next = EVENING

    def write(
        self,
        name: str,
        kind: str,
        exposure_s: float,
        filter_name: str,
        pixels: NDArray[np.uint16],
        target: str = "",
        place: tuple[float, float] | None = None,
    ) -> None:
        hdu = fits.PrimaryHDU(pixels)
        header = hdu.header
        header["INSTRUME"] = (self._camera, "camera")
        header["TELESCOP"] = ("Telescope Simulator", "telescope")
        header["IMAGETYP"] = (f"{kind} Frame", "kind of frame")
        header["FRAME"] = (kind, "kind of frame")
        header["EXPTIME"] = (exposure_s, "[s] exposure time")
        header["DATE-OBS"] = (self._next.isoformat(timespec="milliseconds"), "start, UTC")
        header["FILTER"] = (filter_name, "filter")
        temperature_c = self._temperature_c + float(self.rng.normal(0.0, 0.03))
        header["CCD-TEMP"] = (round(temperature_c, 2), "[deg C] temperature of the sensor")
        header["GAIN"] = (90.0, "setting of the camera, not e-/adu")
        header["OFFSET"] = (10.0, "setting of the camera")
        header["XBINNING"] = (1, "binning in x")
        header["YBINNING"] = (1, "binning in y")
        header["PIXSIZE1"] = (9.0, "[um] pixel")
        header["PIXSIZE2"] = (9.0, "[um] pixel")
        header["FOCALLEN"] = (900.0, "[mm] focal length")
        header["ROWORDER"] = ("TOP-DOWN", "order of the rows")
        if target and place is not None:
            header["OBJECT"] = (target, "target")
            header["RA"] = (round(place[0], 6), "[deg] J2000")
            header["DEC"] = (round(place[1], 6), "[deg] J2000")
        path = self._folder / f"{name}.fits"
        hdu.writeto(path, overwrite=True)
        self.paths.append(path)
        self._next += timedelta(seconds=exposure_s + 3.0)

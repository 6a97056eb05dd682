"""One night as nights are: two binnings, two gains, other programs' words, and frames gone wrong.

What is good is told by name in the tables below, and so is why the rest is rejected or marked.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ctmo_indi.testing.night_frames import Sensor, star_field

EGAIN, READ_NOISE_E, SATURATION_ADU = 1.5, 8.0, 60000.0
FULL, BINNED = (96, 128), (48, 64)
NAN_PIXELS = ((5, 7), (60, 100))
SATURATED_PIXELS = ((10, 10), (10, 11), (80, 3))


@dataclass(frozen=True, slots=True)
class Setup:
    """A way to read the camera; its masters are made of the frames of its name."""

    name: str
    seed: int
    shape: tuple[int, int] = FULL
    binning: int = 1
    gain: float = 90.0

    def sensor(self) -> Sensor:
        return Sensor.of(self.seed, self.shape)

    def hot(self) -> NDArray[np.bool_]:
        """Tell which pixels are hot: the sensor has none between 1 and 20 electrons a second."""
        return np.asarray(self.sensor().dark_e_per_s > 10.0)


FINE = Setup("fine", 1)
HIGH_GAIN = Setup("high", 2, gain=120.0)
COARSE = Setup("coarse", 3, BINNED, binning=2)


@dataclass(frozen=True, slots=True)
class Light:
    """A light; ``dark_s`` and ``scale`` say how it must be calibrated, ``reason`` why it cannot."""

    name: str
    setup: Setup
    filter_name: str
    exposure_s: float
    dark_s: float = 0.0
    reason: str = ""
    word: str = "Light Frame"
    changed: Mapping[str, object] = field(default_factory=dict)

    @property
    def scale(self) -> float:
        return self.exposure_s / self.dark_s


#: Words for the kinds: INDI's, MaxIm's, IRAF's, shouted.
BIAS_WORDS = ("Bias Frame", "bias", "zero", "BIAS", "Bias", "Bias Frame")
DARK_WORDS = ("Dark Frame", "DARK", "dark", "Dark", "Dark Frame")
FLAT_WORDS = ("Flat Field", "flat", "SKYFLAT", "domeflat", "Flat Frame")

#: Setup, exposure -> darks of it; the biases are six of each setup.
DARKS = ((FINE, 60.0), (FINE, 20.0), (HIGH_GAIN, 60.0), (COARSE, 60.0))
#: Setup, filter -> the dark that its flats are scaled from: the nearest in exposure.
FLATS = {(FINE, "V"): 20.0, (FINE, "R"): 20.0, (HIGH_GAIN, "V"): 60.0, (COARSE, "R"): 60.0}

LIGHTS = (
    Light("v60", FINE, "V", 60.0, 60.0),
    Light("v45_scaled_down", FINE, "V", 45.0, 60.0, word="object"),
    Light("r30_scaled_up", FINE, "R", 30.0, 20.0, word="LIGHT"),
    Light("r20", FINE, "R", 20.0, 20.0, word="science"),
    Light("high_v60", HIGH_GAIN, "V", 60.0, 60.0),
    Light("coarse_r60", COARSE, "R", 60.0, 60.0),
    Light("with_nan", FINE, "V", 60.0, 60.0),
    Light("with_saturated", FINE, "V", 60.0, 60.0),
    Light("b60", FINE, "B", 60.0, reason="no master flat"),
    Light("warm", FINE, "V", 60.0, reason="at another temperature", changed={"CCD-TEMP": -5.0}),
    Light("v200", FINE, "V", 200.0, reason="of an exposure that cannot be scaled to it"),
    Light("other_offset", FINE, "V", 60.0, reason="read out otherwise", changed={"OFFSET": 50.0}),
)

#: File -> part of the reason why it is no frame.
REJECTED = {
    "flat_saturated.fits": "100% saturated",
    "bias_truncated.fits": "truncated",
    "dark_half_sent.fits": "truncated: 48 of 96 rows",
    "bias_constant.fits": "constant: every pixel is 500 adu",
    "bias_nan.fits": "no finite pixel",
    "light_without_exptime.fits": "EXPTIME is missing",
    "light_or_dark.fits": "contradict each other",
    "dark_warming_up.fits": "asked for -10 C",
    "flat_without_filter.fits": "a flat without FILTER",
    "later_copy.fits": "the same bytes as fine_bias_0.fits",
    "product.fits": "a product",
    "calibrated_elsewhere.fits": "CALSTAT is 'BDF'",
    "tripod.fits": "no FITS",
    "empty.fits": "an empty file",
    "strange.fits": "IMAGETYP is 'Tricolor'",
}


def write(folder: Path) -> None:
    """Write the night into a folder."""
    folder.mkdir(parents=True)
    night = _Writer(folder)
    for setup in (FINE, HIGH_GAIN, COARSE):
        for number, word in enumerate(BIAS_WORDS):
            pixels = setup.sensor().expose(night.rng, 0.0)
            night.frame(f"{setup.name}_bias_{number}", setup, word, 0.01, "V", pixels)
    for setup, exposure_s in DARKS:
        for number, word in enumerate(DARK_WORDS):
            pixels = setup.sensor().expose(night.rng, exposure_s)
            name = f"{setup.name}_dark{exposure_s:g}_{number}"
            night.frame(name, setup, word, exposure_s, "R", pixels)
    for setup, filter_name in FLATS:
        for number, word in enumerate(FLAT_WORDS):
            exposure_s = 2.0 + 0.5 * number
            light_e = setup.sensor().flat(filter_name) * 9000.0 * exposure_s
            pixels = setup.sensor().expose(night.rng, exposure_s, light_e)
            name = f"{setup.name}_flat_{filter_name}_{number}"
            night.frame(name, setup, word, exposure_s, filter_name, pixels)
    for light in LIGHTS:
        night.frame(
            light.name, light.setup, light.word, light.exposure_s, light.filter_name,
            _light_pixels(light, night.rng), OBJECT="M 31", RA=10.68, DEC=41.27, **light.changed,
        )  # fmt: skip
    _write_bad_ones(folder, night)


def _light_pixels(light: Light, rng: np.random.Generator) -> NDArray[np.generic]:
    sensor = light.setup.sensor()
    stars = star_field(np.random.default_rng(5), light.setup.shape, stars=8)
    pixels = sensor.expose(rng, light.exposure_s, sensor.flat(light.filter_name) * (300.0 + stars))
    if light.name == "with_nan":
        pixels = pixels.astype(np.float32)
        pixels[tuple(zip(*NAN_PIXELS, strict=True))] = np.nan
    if light.name == "with_saturated":
        pixels[tuple(zip(*SATURATED_PIXELS, strict=True))] = (60000, 65535, 61000)
    return pixels


def _write_bad_ones(folder: Path, night: _Writer) -> None:
    rng, sensor = night.rng, FINE.sensor()
    full = np.full(FULL, 65535, np.uint16)
    night.frame("flat_saturated", FINE, "Flat Frame", 3.0, "V", full)
    night.frame("bias_truncated", FINE, "Bias Frame", 0.01, "", sensor.expose(rng, 0.0))
    cut = folder / "bias_truncated.fits"
    cut.write_bytes(cut.read_bytes()[:-8000])
    half = sensor.expose(rng, 60.0)
    half[48:] = 0
    night.frame("dark_half_sent", FINE, "Dark Frame", 60.0, "", half)
    night.frame("bias_constant", FINE, "Bias Frame", 0.01, "", np.full(FULL, 500, np.uint16))
    night.frame("bias_nan", FINE, "Bias Frame", 0.01, "", np.full(FULL, np.nan, np.float32))
    light = sensor.expose(rng, 60.0, 300.0)
    night.frame("light_without_exptime", FINE, "Light Frame", None, "V", light)
    night.frame("light_or_dark", FINE, "Light Frame", 60.0, "V", light, FRAME="Dark")
    warming = sensor.expose(rng, 60.0)
    night.frame("dark_warming_up", FINE, "Dark Frame", 60.0, "", warming, **{"SET-TEMP": -10.0,
                "CCD-TEMP": -8.0})  # fmt: skip
    flat = sensor.expose(rng, 3.0, 27000.0)
    night.frame("flat_without_filter", FINE, "Flat Frame", 3.0, "", flat)
    shutil.copy(folder / "fine_bias_0.fits", folder / "later_copy.fits")
    product = {"PRODID": "0" * 64, "PRODKIND": "CALIB_LIGHT"}
    night.frame("product", FINE, "Light Frame", 60.0, "V", light, **product)
    done = light.astype(np.float32)
    night.frame("calibrated_elsewhere", FINE, "Light Frame", 60.0, "V", done, CALSTAT="BDF")
    (folder / "tripod.fits").write_text("do not forget the tripod")
    (folder / "empty.fits").touch()
    night.frame("strange", FINE, "Tricolor", 60.0, "V", light)


class _Writer:
    """Writes frames one minute after the other."""

    def __init__(self, folder: Path) -> None:
        self.rng = np.random.default_rng(2026)
        self._folder = folder
        self._next = datetime(2026, 11, 21, 22, 0, 0)  # noqa: DTZ001  FITS writes UTC without a zone

    def frame(
        self,
        name: str,
        setup: Setup,
        word: str,
        exposure_s: float | None,
        filter_name: str,
        pixels: NDArray[np.generic],
        **changed: object,
    ) -> None:
        cards = {
            "INSTRUME": "CCD Simulator", "TELESCOP": "CTMO", "IMAGETYP": word,
            "EXPTIME": exposure_s, "DATE-OBS": self._next.isoformat(timespec="milliseconds"),
            "FILTER": filter_name, "CCD-TEMP": -10.0 + float(self.rng.normal(0.0, 0.03)),
            "GAIN": setup.gain, "OFFSET": 10.0, "XBINNING": setup.binning,
            "YBINNING": setup.binning, "EGAIN": EGAIN, "RDNOISE": READ_NOISE_E,
            "SATURATE": SATURATION_ADU, "ROWORDER": "TOP-DOWN", **changed,
        }  # fmt: skip
        unit = fits.PrimaryHDU(pixels)
        unit.header.update({key: value for key, value in cards.items() if value is not None})
        unit.writeto(self._folder / f"{name}.fits")
        self._next += timedelta(minutes=1)

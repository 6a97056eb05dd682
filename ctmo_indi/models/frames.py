"""What the preprocessor knows of a raw frame and of the frames made of frames.

Values only: nothing here opens a file. A raw frame is what its header says, in one spelling and
in units; a master is a calibration frame that can be applied to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ctmo_indi.models.states import FrameType


class ProductKind(StrEnum):
    """Kinds of frames made of frames, in TOROS's codes."""

    BIASM = "BIASM"
    DARKM = "DARKM"
    FLATM = "FLATM"
    CALIB_LIGHT = "CALIB_LIGHT"
    STACK_LIGHT = "STACK_LIGHT"

    @property
    def is_master(self) -> bool:
        """Whether it is made to calibrate others."""
        return self in _MADE_OF

    @property
    def words(self) -> str:
        """The kind as an observer says it."""
        return _WORDS[self]


_WORDS = {
    ProductKind.BIASM: "master bias",
    ProductKind.DARKM: "master dark",
    ProductKind.FLATM: "master flat",
    ProductKind.CALIB_LIGHT: "calibrated light",
    ProductKind.STACK_LIGHT: "stack of lights",
}
_MADE_OF = {
    ProductKind.BIASM: FrameType.BIAS,
    ProductKind.DARKM: FrameType.DARK,
    ProductKind.FLATM: FrameType.FLAT,
}
MASTER_OF = {frame_type: kind for kind, frame_type in _MADE_OF.items()}
"""Kind of frame -> kind of the master made of it."""


@dataclass(frozen=True, slots=True)
class Readout:
    """How a camera was read: pixels of frames that differ in it have nothing to do with each other.

    Parameters
    ----------
    nx, ny
        Size of the frame in its own (binned) pixels.
    x_origin, y_origin
        First pixel of the region that was read, as the driver counts.
    mode
        Name of the readout mode; "" when the header has none.
    gain, offset
        Settings of the camera, no electrons; None when the header has none. Not known equals not
        known only.
    """

    camera: str
    nx: int
    ny: int
    x_binning: int = 1
    y_binning: int = 1
    x_origin: int = 0
    y_origin: int = 0
    mode: str = ""
    gain: float | None = None
    offset: float | None = None

    def __str__(self) -> str:
        parts = [self.camera, f"{self.nx}x{self.ny}", f"binning {self.x_binning}x{self.y_binning}"]
        if self.x_origin or self.y_origin:
            parts.append(f"from {self.x_origin},{self.y_origin}")
        if self.mode:
            parts.append(f"mode {self.mode}")
        if self.gain is not None:
            parts.append(f"gain {self.gain:g}")
        if self.offset is not None:
            parts.append(f"offset {self.offset:g}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Frame:
    """One raw frame, as its header tells.

    Parameters
    ----------
    exposure_s
        Seconds; of a bias what the header says, 0 when it says nothing.
    start_utc_s
        Start of the exposure, Unix seconds.
    temperature_c, set_temperature_c
        Of the sensor, as it was and as it was asked for; None when not known.
    filter_name
        "" for bias and dark whatever the header says: no light passed.
    target_name
        OBJECT of a light; "" for the others.
    ra_deg, dec_deg
        ICRS, where a light pointed by its header; None when not known. A hint, not a solution.
    receipt, order_id, attempt_id, exposure_id
        The Work Order, its attempt and the exposure, where our telescope took the frame; else "".
    night
        The header's evening date, YYYYMMDD; "" when it has none.
    telescope
        TELESCOP of the header.
    size_bytes, mtime_ns
        Of the file, to see that it has changed.
    sha256
        Of the file's bytes, hex; "" until it was read (see ``preprocessor.examine``).
    """

    path: Path
    frame_type: FrameType
    readout: Readout
    exposure_s: float
    start_utc_s: float
    temperature_c: float | None = None
    set_temperature_c: float | None = None
    filter_name: str = ""
    target_name: str = ""
    ra_deg: float | None = None
    dec_deg: float | None = None
    receipt: str = ""
    order_id: str = ""
    attempt_id: str = ""
    exposure_id: str = ""
    night: str = ""
    telescope: str = ""
    size_bytes: int = 0
    mtime_ns: int = 0
    sha256: str = ""

    @property
    def middle_utc_s(self) -> float:
        """Middle of the exposure, Unix seconds."""
        return self.start_utc_s + self.exposure_s / 2.0


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that is not used, and why: what came and what was expected."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class NightBundle:
    """The frames of one folder, oldest first, and the files that were rejected.

    Parameters
    ----------
    night
        Evening date of the night, YYYYMMDD.
    """

    folder: Path
    night: str
    frames: tuple[Frame, ...]
    rejected: tuple[Rejected, ...] = ()

    def of_type(self, frame_type: FrameType) -> tuple[Frame, ...]:
        """Return the frames of one kind, oldest first."""
        return tuple(frame for frame in self.frames if frame.frame_type is frame_type)


@dataclass(frozen=True, slots=True)
class Master:
    """A calibration frame that is there, or that this night's plan makes.

    Parameters
    ----------
    exposure_s
        Of a dark, its frames' exposure; 0 for the others.
    temperature_c
        Of the sensor, median of its frames; None when not known.
    filter_name
        Of a flat; "" for the others.
    utc_s
        Middle of its frames, Unix seconds.
    has_bias
        Of a dark: the bias is still in it, so that it can be neither scaled nor used with a bias.
    path
        File; None while it is only planned.
    """

    product_id: str
    kind: ProductKind
    readout: Readout
    night: str
    utc_s: float
    exposure_s: float = 0.0
    temperature_c: float | None = None
    filter_name: str = ""
    has_bias: bool = False
    path: Path | None = None

"""INDI's simulators as a FakeClient: what they answer, at once, with their traps.

Mount, camera, wheel, dome, focuser, weather and panel behave as measured on INDI 1.9.9: DOME_PARK
moves the shutter, a mount tracks as Busy, a parked mount refuses to slew with Idle.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.clock import Clock
from ctmo_indi.indi.snapshot import PropertyState, Value
from ctmo_indi.testing.fake_client import FakeClient

MOUNT = "Telescope Simulator"
CAMERA = "CCD Simulator"
WHEEL = "Filter Simulator"
DOME = "Dome Simulator"
FOCUSER = "Focuser Simulator"
WEATHER = "Weather Simulator"
PANEL = "Light Panel Simulator"

IDLE, OK, BUSY, ALERT = (
    PropertyState.IDLE,
    PropertyState.OK,
    PropertyState.BUSY,
    PropertyState.ALERT,
)


class FakeInstruments(FakeClient):
    """A FakeClient with all simulators of the profile ``simulators``, closed and parked.

    Attributes
    ----------
    miss_ra_hours
        RA error of the next slews, taken one by one.
    resumes_tracking
        How often the mount tracks again by itself after it was stopped.
    holds_exposure
        True: an exposure goes on until :meth:`finish_exposure`.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.miss_ra_hours: list[float] = []
        self.resumes_tracking = 0
        self.holds_exposure = False
        self._define_mount()
        self._define_dome()
        self._define_camera()
        self._define_the_rest()

    # -- mount ------------------------------------------------------------------------------------

    def _define_mount(self) -> None:
        self.define(MOUNT, "EQUATORIAL_EOD_COORD", {"RA": 0.1, "DEC": 0.0})
        self.define(MOUNT, "ON_COORD_SET", {"TRACK": True, "SLEW": False, "SYNC": False})
        self.define(MOUNT, "TELESCOPE_TRACK_STATE", {"TRACK_ON": False, "TRACK_OFF": True})
        self.define(MOUNT, "TELESCOPE_PARK", {"PARK": True, "UNPARK": False}, OK)
        self.define(MOUNT, "TELESCOPE_ABORT_MOTION", {"ABORT": False})
        info = {"TELESCOPE_APERTURE": 120.0, "TELESCOPE_FOCAL_LENGTH": 900.0}
        guider = {"GUIDER_APERTURE": 120.0, "GUIDER_FOCAL_LENGTH": 900.0}
        self.define(MOUNT, "TELESCOPE_INFO", {**info, **guider})
        self.define(MOUNT, "TELESCOPE_PIER_SIDE", {"PIER_WEST": False, "PIER_EAST": True})
        self.define(MOUNT, "GEOGRAPHIC_COORD", {"LAT": 0.0, "LONG": 0.0, "ELEV": 0.0})
        self.define(MOUNT, "ACTIVE_DEVICES", {"ACTIVE_GPS": "GPS", "ACTIVE_DOME": "x"})
        self.define(MOUNT, "POLLING_PERIOD", {"PERIOD_MS": 250.0})
        self.on_command(MOUNT, "EQUATORIAL_EOD_COORD", self._slew)
        self.on_command(MOUNT, "TELESCOPE_TRACK_STATE", self._track)
        self.on_command(MOUNT, "TELESCOPE_PARK", self._park_mount)
        self.on_command(MOUNT, "TELESCOPE_ABORT_MOTION", self._abort_mount)

    def set_tracking(self, on: bool) -> None:
        """Let the mount track, or not, by itself."""
        state = BUSY if on else IDLE
        self.update(MOUNT, "TELESCOPE_TRACK_STATE", {"TRACK_ON": on, "TRACK_OFF": not on}, state)
        self.update(MOUNT, "EQUATORIAL_EOD_COORD", state=OK if on else IDLE)

    def set_mount_parked(self, parked: bool) -> None:
        """Let the mount be parked, or not."""
        self.update(MOUNT, "TELESCOPE_PARK", {"PARK": parked, "UNPARK": not parked}, OK)

    def point(self, ra_hours: float, dec_deg: float, state: PropertyState = OK) -> None:
        """Let the mount point somewhere (of date)."""
        self.update(MOUNT, "EQUATORIAL_EOD_COORD", {"RA": ra_hours, "DEC": dec_deg}, state)

    def _slew(self, values: Mapping[str, Value]) -> None:
        if self.is_on(MOUNT, "TELESCOPE_PARK", "PARK"):
            self.update(MOUNT, "EQUATORIAL_EOD_COORD", state=BUSY)
            self.update(MOUNT, "EQUATORIAL_EOD_COORD", state=IDLE)
            return
        miss = self.miss_ra_hours.pop(0) if self.miss_ra_hours else 0.0
        self.update(MOUNT, "EQUATORIAL_EOD_COORD", state=BUSY)
        self.point(float(values["RA"]) + miss, float(values["DEC"]))
        self.set_tracking(True)

    def _track(self, values: Mapping[str, Value]) -> None:
        self.set_tracking(bool(values.get("TRACK_ON")))
        if not values.get("TRACK_ON") and self.resumes_tracking > 0:
            self.resumes_tracking -= 1
            self.set_tracking(True)

    def _park_mount(self, values: Mapping[str, Value]) -> None:
        if values.get("PARK"):
            self.update(MOUNT, "TELESCOPE_PARK", {"PARK": True, "UNPARK": False}, BUSY)
            self.set_tracking(False)
            self.set_mount_parked(True)
        else:
            was_parked = self.is_on(MOUNT, "TELESCOPE_PARK", "PARK")
            values = {"PARK": False, "UNPARK": True}
            self.update(MOUNT, "TELESCOPE_PARK", values, OK if was_parked else IDLE)

    def _abort_mount(self, values: Mapping[str, Value]) -> None:
        self.update(MOUNT, "TELESCOPE_ABORT_MOTION", {"ABORT": False}, OK)
        self.set_tracking(False)
        if self.resumes_tracking > 0:
            self.resumes_tracking -= 1
            self.set_tracking(True)

    # -- dome -------------------------------------------------------------------------------------

    def _define_dome(self) -> None:
        self.define(DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": False, "SHUTTER_CLOSE": True}, OK)
        self.define(DOME, "DOME_PARK", {"PARK": True, "UNPARK": False}, OK)
        self.define(DOME, "ABS_DOME_POSITION", {"DOME_ABSOLUTE_POSITION": 90.0}, OK)
        self.define(DOME, "DOME_ABORT_MOTION", {"ABORT": False})
        sync = {"DOME_AUTOSYNC_ENABLE": False, "DOME_AUTOSYNC_DISABLE": True}
        self.define(DOME, "DOME_AUTOSYNC", sync)
        words = ("DOME_RADIUS", "SHUTTER_WIDTH", "NORTH_DISPLACEMENT", "EAST_DISPLACEMENT")
        more = ("UP_DISPLACEMENT", "OTA_OFFSET")
        self.define(DOME, "DOME_MEASUREMENTS", {f"DM_{word}": 0.0 for word in (*words, *more)})
        self.define(DOME, "ACTIVE_DEVICES", {"ACTIVE_TELESCOPE": "x"})
        self.on_command(DOME, "DOME_SHUTTER", self._shutter)
        self.on_command(DOME, "DOME_PARK", self._park_dome)
        self.on_command(DOME, "ABS_DOME_POSITION", self._turn)

    def set_shutter(self, opened: bool, state: PropertyState = OK) -> None:
        """Let the shutter be open or closed; with Busy: moving there."""
        values = {"SHUTTER_OPEN": opened, "SHUTTER_CLOSE": not opened}
        self.update(DOME, "DOME_SHUTTER", values, state)

    def set_dome_parked(self, parked: bool) -> None:
        """Let the dome be parked, or not."""
        self.update(DOME, "DOME_PARK", {"PARK": parked, "UNPARK": not parked}, OK)

    def _shutter(self, values: Mapping[str, Value]) -> None:
        opened = bool(values.get("SHUTTER_OPEN"))
        self.set_shutter(opened, BUSY)
        self.set_shutter(opened)

    def _park_dome(self, values: Mapping[str, Value]) -> None:
        parked = bool(values.get("PARK"))
        self._shutter({"SHUTTER_OPEN": not parked})
        self.set_dome_parked(parked)

    def _turn(self, values: Mapping[str, Value]) -> None:
        self.update(DOME, "ABS_DOME_POSITION", state=BUSY)
        self.update(DOME, "ABS_DOME_POSITION", values, OK)

    # -- camera -----------------------------------------------------------------------------------

    def _define_camera(self) -> None:
        exposure = {"CCD_EXPOSURE_VALUE": 1.0}
        limits = {"CCD_EXPOSURE_VALUE": (0.01, 3600.0)}
        self.define(CAMERA, "CCD_EXPOSURE", exposure, IDLE, limits)
        self.define(CAMERA, "CCD_ABORT_EXPOSURE", {"ABORT": False})
        types = ("LIGHT", "BIAS", "DARK", "FLAT")
        self.define(CAMERA, "CCD_FRAME_TYPE", {f"FRAME_{word}": word == "LIGHT" for word in types})
        self.define(CAMERA, "CCD_BINNING", {"HOR_BIN": 1.0, "VER_BIN": 1.0})
        self.define(CAMERA, "CCD_TEMPERATURE", {"CCD_TEMPERATURE_VALUE": 0.0}, OK)
        frame = {"X": 0.0, "Y": 0.0, "WIDTH": 1280.0, "HEIGHT": 1024.0}
        self.define(CAMERA, "CCD_FRAME", frame)
        info = {"CCD_MAX_X": 1280.0, "CCD_MAX_Y": 1024.0, "CCD_PIXEL_SIZE": 5.2}
        self.define(CAMERA, "CCD_INFO", info)
        self.define(CAMERA, "CCD1", {"CCD1": ""})
        self.define(CAMERA, "CCD_COMPRESSION", {"INDI_ENABLED": False, "INDI_DISABLED": True})
        self.define(CAMERA, "CCD_TRANSFER_FORMAT", {"FORMAT_FITS": True, "FORMAT_NATIVE": False})
        self.define(CAMERA, "UPLOAD_MODE", {"UPLOAD_CLIENT": True, "UPLOAD_LOCAL": False})
        active = ("TELESCOPE", "ROTATOR", "FOCUSER", "FILTER", "SKYQUALITY")
        self.define(CAMERA, "ACTIVE_DEVICES", {f"ACTIVE_{word}": "x" for word in active})
        self.on_command(CAMERA, "CCD_EXPOSURE", self._expose)
        self.on_command(CAMERA, "CCD_FRAME_TYPE", self._frame_type)
        self.on_command(CAMERA, "CCD_ABORT_EXPOSURE", self._abort_exposure)

    def finish_exposure(self, data: bytes = b"frame") -> None:
        """End an exposure: the frame first, then Ok, as the simulator often does."""
        self.deliver(CAMERA, data)
        self.update(CAMERA, "CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 0.0}, OK)

    def _expose(self, values: Mapping[str, Value]) -> None:
        self.update(CAMERA, "CCD_EXPOSURE", values, BUSY)
        if not self.holds_exposure:
            self.finish_exposure()

    def _frame_type(self, values: Mapping[str, Value]) -> None:
        words = ("FRAME_LIGHT", "FRAME_BIAS", "FRAME_DARK", "FRAME_FLAT")
        self.update(CAMERA, "CCD_FRAME_TYPE", {word: word in values for word in words}, OK)

    def _abort_exposure(self, values: Mapping[str, Value]) -> None:
        self.update(CAMERA, "CCD_ABORT_EXPOSURE", {"ABORT": False}, OK)
        self.update(CAMERA, "CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 0.0}, IDLE)

    # -- wheel, focuser, weather, panel -----------------------------------------------------------

    def _define_the_rest(self) -> None:
        self.define(WHEEL, "FILTER_SLOT", {"FILTER_SLOT_VALUE": 1.0})
        labels = ("Red", "Green", "Blue", "H_Alpha", "SII", "OIII", "LPR", "Luminance")
        named = {f"FILTER_SLOT_NAME_{n}": label for n, label in enumerate(labels, 1)}
        self.define(WHEEL, "FILTER_NAME", named)
        position = {"FOCUS_ABSOLUTE_POSITION": 50000.0}
        limits = {"FOCUS_ABSOLUTE_POSITION": (0.0, 100000.0)}
        self.define(FOCUSER, "ABS_FOCUS_POSITION", position, OK, limits)
        self.define(FOCUSER, "FOCUS_TEMPERATURE", {"TEMPERATURE": 8.0})
        self.define(WEATHER, "WEATHER_STATUS", {"WEATHER_WIND_SPEED": "Ok"}, OK)
        readings = {"WEATHER_WIND_SPEED": 5.0, "WEATHER_WIND_GUST": 7.0}
        self.define(WEATHER, "WEATHER_PARAMETERS", readings, OK)
        self.define(WEATHER, "WEATHER_UPDATE", {"PERIOD": 60.0})
        self.define(WEATHER, "WEATHER_CONTROL", {"Wind": 5.0})
        self.define(PANEL, "FLAT_LIGHT_CONTROL", {"FLAT_LIGHT_ON": False, "FLAT_LIGHT_OFF": True})
        self.define(PANEL, "FLAT_LIGHT_INTENSITY", {"FLAT_LIGHT_INTENSITY_VALUE": 0.0})
        self.on_command(PANEL, "FLAT_LIGHT_CONTROL", self._lamp)

    def _lamp(self, values: Mapping[str, Value]) -> None:
        on = values.get("FLAT_LIGHT_ON") is True
        self.update(
            PANEL, "FLAT_LIGHT_CONTROL", {"FLAT_LIGHT_ON": on, "FLAT_LIGHT_OFF": not on}, OK
        )

    def is_on(self, device: str, prop: str, element: str) -> bool:
        """Whether a switch is on."""
        snapshot = self.get(device, prop)
        return snapshot is not None and snapshot.switch(element)

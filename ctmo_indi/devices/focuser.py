"""The focuser: absolute positions in steps."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.devices.device import Device
from ctmo_indi.devices.interlocks import MotionKind
from ctmo_indi.devices.motion import Motion
from ctmo_indi.indi.snapshot import PropertyState


@dataclass(frozen=True, slots=True)
class FocuserStatus:
    """What the focuser is now; None is "not known". Position in the driver's steps."""

    connected: bool
    position: float | None = None
    moving: bool | None = None
    temperature_c: float | None = None
    age_s: float | None = None


class Focuser(Device):
    """A focuser; any thread."""

    def status(self) -> FocuserStatus:
        """Return what is known now; does not ask the driver."""
        if not self.is_connected:
            return FocuserStatus(connected=False)
        snapshot = self.snapshot("position")
        return FocuserStatus(
            connected=True,
            position=self.number("position", "position"),
            moving=None if snapshot is None else snapshot.state is PropertyState.BUSY,
            temperature_c=self.number("temperature", "temperature_c"),
            age_s=self.age_s("position"),
        )

    def goto(self, position: float) -> Motion[FocuserStatus]:
        """Move to an absolute position (steps); returns at once; SafetyError when refused."""
        self.allow(MotionKind.FOCUS)

        def body(motion: Motion[FocuserStatus]) -> FocuserStatus:
            self.perform(motion, "goto", {"position": position})
            return self.status()

        return self.begin("focus", body)

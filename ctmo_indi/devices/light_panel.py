"""The flat-field panel, and switches that a profile binds to keys of Dome orders (Blink01)."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.devices.description import setting_rule
from ctmo_indi.devices.device import Device
from ctmo_indi.devices.interlocks import MotionKind
from ctmo_indi.devices.motion import Motion
from ctmo_indi.indi import names
from ctmo_indi.indi.snapshot import PropertyState, Value
from ctmo_indi.profiles import SwitchBinding


@dataclass(frozen=True, slots=True)
class LightPanelStatus:
    """What the panel is now; None is "not known". Brightness in the driver's own steps."""

    connected: bool
    is_on: bool | None = None
    brightness: float | None = None


class LightPanel(Device):
    """A panel; any thread."""

    def status(self) -> LightPanelStatus:
        """Return what is known now; does not ask the driver."""
        if not self.is_connected:
            return LightPanelStatus(connected=False)
        return LightPanelStatus(
            connected=True,
            is_on=self.switch("light", "on"),
            brightness=self.number("brightness", "brightness"),
        )

    def set_light(self, on: bool) -> Motion[LightPanelStatus]:
        """Switch the lamp; returns at once; SafetyError when refused."""
        self.allow(MotionKind.SWITCH)

        def body(motion: Motion[LightPanelStatus]) -> LightPanelStatus:
            self.perform(motion, "on" if on else "off")
            return self.status()

        return self.begin("light on" if on else "light off", body)

    def set_brightness(self, brightness: float) -> Motion[LightPanelStatus]:
        """Set the brightness (driver's steps); UnknownProperty when it has none."""
        self.allow(MotionKind.SWITCH)

        def body(motion: Motion[LightPanelStatus]) -> LightPanelStatus:
            self.perform(motion, "set_brightness", {"brightness": brightness})
            return self.status()

        return self.begin("brightness", body)


def switch_value(device: Device, binding: SwitchBinding) -> bool | None:
    """Return what a bound switch is; None when not known."""
    return device.switch_of(binding.property, binding.on)


def set_switch(device: Device, binding: SwitchBinding, on: bool) -> Motion[bool]:
    """Set a bound switch of any device; the result is its value read back.

    Never one that moves something: :func:`wrong_binding` refuses those when the profile is read.
    """
    device.allow(MotionKind.SWITCH)
    element = binding.on if on else binding.off
    # A switch without an element of its own for off is switched off by name.
    values: dict[str, Value] = {element: True} if binding.on != binding.off else {element: on}

    def body(motion: Motion[bool]) -> bool:
        rule = setting_rule(values, 2.0)
        snapshot = motion.follow(device.throw_switch(binding.property, values, rule))
        return snapshot.switch(binding.on) and snapshot.state is not PropertyState.ALERT

    return device.begin(f"switch {binding.property} of", body)


def wrong_binding(device: Device, binding: SwitchBinding) -> str | None:
    """Return why a key of Dome orders must not be bound to a switch; None: it may.

    Dome orders need no SAFE verdict for a lamp: a switch that opens, turns or unparks would pass
    them unseen.
    """
    for element in (binding.on, binding.off):
        if not names.may_be_kept(binding.property, {element: True}):
            break
    else:
        if binding.property not in device.moving_properties():
            return None
    return f"{device.name}: {binding.property} moves something, expected a switch such as a lamp's"

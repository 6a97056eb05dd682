"""INDI's WatchDog driver: closes when nobody beats; the last closer, in the INDI server itself.

It is a dead man's switch and no more: it knows no weather, no site policy, and waits for a mount
that never parks. Safety configures, arms and beats it (``safety/watchdog_beats``); the telescope
beats it while it closes. Facts about the driver stand in ``devices/watchdog.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.devices import description as descriptions
from ctmo_indi.devices.device import Device
from ctmo_indi.devices.placeholders import Value
from ctmo_indi.errors import CommandRejected, CtmoError
from ctmo_indi.indi import names
from ctmo_indi.indi.snapshot import PropertyState

_SETTING_S = 5.0


@dataclass(frozen=True, slots=True)
class WatchdogStatus:
    """What the driver says now; None is "not known".

    Parameters
    ----------
    armed
        Whether silence alone makes it close.
    closing
        Whether it is carrying out a closing; its beats are refused then.
    threshold_s
        Elapsed seconds without a beat after which it closes.
    answer_age_s
        Elapsed seconds since it last answered a beat.
    """

    connected: bool
    armed: bool | None = None
    closing: bool = False
    threshold_s: float | None = None
    answer_age_s: float | None = None


class Watchdog(Device):
    """The WatchDog driver. It moves nothing by our command, so no interlock guards it."""

    is_connected_with_others = False

    @property
    def threshold_max_s(self) -> float:
        """The longest silence it can be told, elapsed seconds."""
        return self.description.quirk("threshold_max_s", 3600.0)

    @property
    def is_there(self) -> bool:
        """Whether the driver runs, connected or not; False also without a link."""
        return self._client.get(self.name, names.CONNECTION) is not None

    def status(self) -> WatchdogStatus:
        """Return what is known now; does not ask the driver; any thread."""
        if not self.is_connected:
            return WatchdogStatus(connected=False)
        closing = self.snapshot("closing")
        silence, weather = self.switch("trigger", "silence"), self.switch("trigger", "weather")
        return WatchdogStatus(
            connected=True,
            armed=None if silence is None or weather is None else silence or weather,
            closing=closing is not None and closing.state is PropertyState.BUSY,
            threshold_s=self.number("beat", "threshold_s"),
            answer_age_s=self.age_s("beat"),
        )

    def wrong_settings(self, context: Mapping[str, Value]) -> tuple[str, ...]:
        """Return what is not set as arming sets it, one text each; empty when all is."""
        found = []
        for prop, values in self.configuration(context)[1].items():
            snapshot = self._client.get(self.name, prop)
            for element, wanted in values.items():
                value = None if snapshot is None else snapshot.values.get(element)
                if value != wanted:
                    found.append(f"{prop}.{element} is {value!r}, expected {wanted!r}")
        if self.switch("trigger", "weather") is not False:
            found.append("the weather trigger is not off")
        return tuple(found)

    def arm(self, context: Mapping[str, Value], threshold_s: float) -> None:
        """Connect, configure, set the threshold, then switch the trigger on; blocks some seconds.

        Whatever closing it had in mind is forgotten first. Everything is read back.

        Parameters
        ----------
        threshold_s
            Elapsed seconds, at most :attr:`threshold_max_s`.

        Raises
        ------
        DeviceError
            A step failed, or something reads otherwise than it was set: it is not armed then, as
            far as we know.
        """
        if self.is_connected:
            self.send("forget").wait()
        before, after = self.configuration(context)
        self._client.connect_device(
            self.name,
            before=list(before.items()),
            requires=self.description.requires,
            timeout_s=self.description.connect_timeout_s,
        )
        for prop, values in after.items():
            rule = descriptions.setting_rule(values, _SETTING_S)
            self._client.command(self.name, prop, values, rule=rule, supersede=True).wait()
        self.send("beat", {"threshold_s": threshold_s}).wait()
        self.send("arm").wait()
        wrong = self.wrong_settings(context)
        if wrong or self.status().armed is not True:
            raise CommandRejected(f"{self.name} is not armed: {'; '.join(wrong) or 'trigger off'}")

    def disarm(self) -> None:
        """Switch its triggers off, end a closing of its, and read that back; blocks.

        Raises
        ------
        DeviceError
            It is not known to be off.
        """
        self.send("disarm").wait()
        if self.status().closing:
            self.send("forget").wait()
            return
        if self.status().armed is not False:
            raise CommandRejected(f"{self.name}: its triggers do not read as off")

    def beat(self, threshold_s: float) -> None:
        """Tell it that somebody is at work; returns at once. CtmoError when it cannot be sent."""
        self.send("beat", {"threshold_s": threshold_s})

    def beat_as_armed(self) -> bool:
        """Beat with the threshold it has, for whoever closes; returns at once.

        Returns
        -------
        bool
            False when it is not armed, closes by itself already, or cannot be reached.
        """
        status = self.status()
        if status.armed is not True or status.closing or not status.threshold_s:
            return False
        try:
            self.beat(status.threshold_s)
        except CtmoError:
            return False
        return True

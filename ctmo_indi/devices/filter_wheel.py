"""The filter wheel: filters by the names of the profile, slots only at its property."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.devices.device import Device
from ctmo_indi.devices.interlocks import MotionKind
from ctmo_indi.devices.motion import Motion
from ctmo_indi.errors import CommandRejected, InvalidCommand
from ctmo_indi.indi.snapshot import PropertyState


@dataclass(frozen=True, slots=True)
class FilterWheelStatus:
    """What the wheel is now; None is "not known".

    Parameters
    ----------
    filter_name
        Wire name of the profile; None also for a slot the profile does not name.
    slot_name
        The wheel's own label of the slot.
    """

    connected: bool
    slot: int | None = None
    slot_name: str | None = None
    filter_name: str | None = None
    moving: bool | None = None
    age_s: float | None = None


class FilterWheel(Device):
    """A filter wheel; any thread."""

    @property
    def slots(self) -> dict[str, int]:
        """Label of each slot -> its number, as the wheel says."""
        snapshot = self.snapshot("names")
        if snapshot is None:
            return {}
        prefix = self.element("names", "prefix")
        return {
            str(label): int(element.removeprefix(prefix))
            for element, label in snapshot.values.items()
            if element.removeprefix(prefix).isdigit()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Wire names of the profile whose slot the wheel has."""
        slots = self.slots
        return tuple(name for name, label in self.profile.filters.items() if label in slots)

    def status(self) -> FilterWheelStatus:
        """Return what is known now; does not ask the driver."""
        if not self.is_connected:
            return FilterWheelStatus(connected=False)
        snapshot = self.snapshot("slot")
        number = self.number("slot", "slot")
        slot = None if number is None else round(number)
        label = next((name for name, place in self.slots.items() if place == slot), None)
        wire = next((name for name, own in self.profile.filters.items() if own == label), None)
        return FilterWheelStatus(
            connected=True,
            slot=slot,
            slot_name=label,
            filter_name=wire,
            moving=None if snapshot is None else snapshot.state is PropertyState.BUSY,
            age_s=self.age_s("slot"),
        )

    def slot_of(self, filter_name: str) -> int:
        """Return the slot of a wire name; InvalidCommand names what there is."""
        label = self.profile.filters.get(filter_name, filter_name)
        try:
            return self.slots[label]
        except KeyError:
            known = ", ".join(self.names) or "none"
            raise InvalidCommand(
                f"{self.name}: no filter {filter_name!r}; there are {known}"
            ) from None

    def select(self, filter_name: str) -> Motion[FilterWheelStatus]:
        """Turn to a filter by its wire name; returns at once.

        Raises
        ------
        InvalidCommand
            No such filter.
        SafetyError
            The interlocks refuse.
        """
        slot = self.slot_of(filter_name)
        self.allow(MotionKind.SELECT_FILTER)

        def body(motion: Motion[FilterWheelStatus]) -> FilterWheelStatus:
            status = self.status()
            if status.slot != slot or status.moving is not False:
                self.perform(motion, "select", {"slot": float(slot)})
                status = self.status()
            if status.slot != slot:
                raise CommandRejected(
                    f"{motion.label}: the wheel is at slot {status.slot}, expected {slot}"
                )
            return status

        return self.begin(f"select {filter_name} on", body)

"""Register every success with the scheduling driver: once, in the order of the numbers.

An observation is durable, with its number, before the driver hears of it. So what is not registered
because of a fault, a stop of the service or a kill is found by its number at the next start (AUTO).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ctmo_indi.models.observation import Observation
from ctmo_indi.scheduler.modes.driver_calls import DriverCalls, RegistrationError
from ctmo_indi.scheduling.driver import Driver


class Registrar:
    """Knows up to which observation the driver was told. Engine thread.

    Parameters
    ----------
    read_after
        Stored observations after a number, in order.
    number
        The driver knows those up to it, or is not to know them (COLD).
    """

    def __init__(
        self,
        calls: DriverCalls,
        read_after: Callable[[int], Sequence[Observation]],
        number: int,
    ) -> None:
        self._calls = calls
        self._read_after = read_after
        self._number = number

    def catch_up(self) -> None:
        """Register what was stored meanwhile."""
        for observation in self._read_after(self._number):
            self._register(observation)

    def register(self, observation: Observation) -> None:
        """Register a stored observation, and before it those that were missed."""
        if observation.number > self._number + 1:
            self.catch_up()
        elif observation.number > self._number:
            self._register(observation)

    def _register(self, observation: Observation) -> None:
        self._number = observation.number
        driver = self._calls.driver
        self._calls.ask(lambda: register(driver, observation), lambda _: None)


def register(driver: Driver, observation: Observation) -> None:
    """Hand a stored observation to the driver; driver's thread.

    Raises
    ------
    RegistrationError
        The driver did not call ``Driver.register_observation``: it would be told again at the next
        start.
    """
    driver.register_observation(observation)
    if driver.observation_number < observation.number:
        raise RegistrationError(
            f"driver {driver.name}: after register_observation its observation_number is"
            f" {driver.observation_number}, expected at least {observation.number}; its method has"
            " to call the one of Driver"
        )

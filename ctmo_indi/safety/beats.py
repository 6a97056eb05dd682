"""Heartbeats of the other services, and who has been silent for too long.

A beat is a Work Order of type Heartbeat; its reply carries the verdict, so one round trip a second
serves both. Ages are machine seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.clock import Clock
from ctmo_indi.safety_policy import SafetyPolicy
from ctmo_indi.wakefulness import Wakefulness


@dataclass(frozen=True, slots=True)
class Beat:
    """The last heartbeat of one service."""

    service: str
    machine_s: float
    state: Mapping[str, object]


class Beats:
    """Who beat when. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._beats: dict[str, Beat] = {}
        self._start_machine_s = clock.machine_s()
        self._wakefulness = Wakefulness(clock)

    def record(self, service: str, state: Mapping[str, object]) -> None:
        """Note a heartbeat of ``service``."""
        with self._mutex:
            self._beats[service] = Beat(service, self._clock.machine_s(), dict(state))

    def last(self, service: str) -> Beat | None:
        """The last beat of ``service``, None when it never beat."""
        with self._mutex:
            return self._beats.get(service)

    def age_s(self, service: str) -> float:
        """Machine seconds since its last beat; since our own start when it never beat."""
        beat = self.last(service)
        since_s = self._start_machine_s if beat is None else beat.machine_s
        return self._clock.machine_s() - since_s

    def is_idle(self, service: str) -> bool:
        """Whether its last beat says that it does nothing, and that nobody else has its devices."""
        beat = self.last(service)
        return (
            beat is not None
            and beat.state.get("Busy") == ""
            and beat.state.get("Foreign Motion") is not True
        )

    def silent(self, policy: SafetyPolicy) -> tuple[str, ...]:
        """Say which services have been silent for longer than the policy allows.

        In the loop's thread, once a cycle. After a sleep of our own (SIGSTOP) silence counts from
        the awakening: what they sent meanwhile was not read.
        """
        self._wakefulness.look()
        awake_s = self._wakefulness.awake_machine_s()
        limits = {
            "scheduler": policy.scheduler_silence_s,
            "telescope": policy.telescope_silence_s,
        }
        return tuple(
            f"{service} silent for {self.age_s(service):.0f} s, limit {limit_s:g} s"
            for service, limit_s in limits.items()
            if min(self.age_s(service), awake_s) > limit_s
        )

    def to_wire(self) -> dict[str, object]:
        """Ages by service, for Status."""
        with self._mutex:
            beats = list(self._beats.values())
        return {
            beat.service: {
                "Age": round(self._clock.machine_s() - beat.machine_s, 3),
                "State": dict(beat.state),
            }
            for beat in beats
        }

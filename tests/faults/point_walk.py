"""Walk a running fleet through its kill points, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ctmo_indi.errors import CtmoError

from ..running_fleet import RunningFleet, until
from .kill_checker import check
from .kill_soak import KillSoak, armed_folder, service_of

REACH_S = 45.0
ACT_AGAIN_S = 0.5

# A recovery's points are passed after a crash of a certain kind: that of another point.
BEFORE: Mapping[str, str] = {
    "telescope.recovery.adopted": "telescope.frame.part.synced",
    "telescope.recovery.exposure": "telescope.expose.begun",
    "telescope.recovery.attempt": "telescope.expose.begun",
    "telescope.recovery.hand": "telescope.hand.intent.after",
    "telescope.recovery.begun": "telescope.frame.received",
    "scheduler.recovery.loaded": "scheduler.attempt.begin.after",
}


class PointWalk(KillSoak):
    """One night in which a service dies at every point of a list."""

    def walk(self, names: list[str]) -> list[str]:
        """Do it, have everything checked, and return the points that were not reached."""
        data_dir, notes = self.folder / "data", self.folder / "acknowledgements.jsonl"
        missed = []
        with (
            armed_folder(self._points),
            RunningFleet(data_dir, speed=self._speed).running() as self.fleet,
        ):
            with self._client(notes):
                for name in names:
                    if not self._pass(name):
                        missed.append(name)
            self.settle(notes)
        self.tally.add(check(data_dir, notes))
        return missed

    def _pass(self, name: str) -> bool:
        service = service_of(name)
        self.forgive()
        names = [*(point for prefix, point in BEFORE.items() if name.startswith(prefix)), name]
        before = self.fleet.supervisor.pids()[service]
        for point in names:
            (self._points / point).write_text("1")
        end_s = time.monotonic() + REACH_S
        while not self.reached(name, ACT_AGAIN_S):
            self.forgive()
            if time.monotonic() > end_s:
                for point in names:
                    (self._points / point).unlink(missing_ok=True)
                return False
            self._act(name)
        until(lambda: self.fleet.supervisor.pids()[service] != before, f"{service} again", 30.0)
        self.first_receipt(service)
        if name.startswith("file.comeback"):  # it died before it noted that it observes
            self.fleet.supervisor.resume_scheduler()
        self.tally.at_points[name] = 1
        return True

    def _act(self, name: str) -> None:
        """Do what leads to the point; the client's observations lead to most."""
        for prefix, action in self._actions().items():
            if name.startswith(prefix):
                try:
                    action()
                except CtmoError:  # a service is dead: that is what we are here for
                    return

    def _actions(self) -> Mapping[str, Callable[[], object]]:
        return {
            "file.holds": self._lock_and_unlock,
            "file.comeback": self._stop_and_resume,
            "telescope.hand": self._blink,
            "telescope.recovery.hand": self._blink,
            "telescope.expose.forget": lambda: self._cancel_one("IN_PROGRESS"),
            "scheduler.cancel": lambda: self._cancel_one("IN_PROGRESS"),
            "scheduler.order.change": lambda: self._cancel_one("PENDING"),
        }

    def _blink(self) -> None:
        self.fleet.ask({"WOType": "Dome", "ID": "walk", "Blink01": True}, "telescope")

    def _lock_and_unlock(self) -> None:
        lock = {"WOType": "Control", "Command": "lock", "Lock": "observer", "Reason": "a test"}
        try:
            self.fleet.ask(lock, "safety")
        finally:
            self.fleet.ask({"WOType": "Control", "Command": "unlock"}, "safety")

    def _stop_and_resume(self) -> None:
        try:
            self.fleet.ask({"WOType": "Scheduler", "Command": "stop"})
        finally:
            self.fleet.supervisor.resume_scheduler()

    def _cancel_one(self, state: str) -> None:
        asked = {"WOType": "Status", "All": True, "State": state, "Limit": 5}
        orders = self.fleet.ask(asked)["Orders"]
        assert isinstance(orders, list)
        for order in orders[:1]:
            self.fleet.ask({"WOType": "Cancel", "Receipt": order["Receipt"]})

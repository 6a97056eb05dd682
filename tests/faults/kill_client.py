"""A client that hands in orders and writes down each acknowledgement; a process of its own.

Standard library only: it must not share a mistake with what it watches. Run as
``python kill_client.py SCHEDULER_URL ACKNOWLEDGEMENTS SEED RA,DEC ...``; ends with SIGTERM.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sys
import threading
import time
import xmlrpc.client

MOST_OPEN = 25
TIMEOUT_S = 5.0
PAUSE_S = (0.02, 0.25)


class _Transport(xmlrpc.client.Transport):
    def make_connection(self, host):
        return http.client.HTTPConnection(host, timeout=TIMEOUT_S)


class Client:
    """Orders at random, notes what was acknowledged."""

    def __init__(self, url: str, file: str, seed: int, places: list[tuple[float, float]]) -> None:
        self._url = url
        self._notes = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._random = random.Random(seed)
        self._places = places
        self._count = 0
        self._open: list[str] = []
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            self._one()
            self.ending.wait(self._random.uniform(*PAUSE_S))

    def _one(self) -> None:
        self._count += 1
        kinds = [self._observation, self._blink, self._control, self._cancel]
        order = self._random.choices(kinds, (5, 2, 2, 2))[0]()
        if order is None:
            return
        order |= {"User": "ada", "ID": order.get("ID", f"k-{os.getpid()}-{self._count}")}
        sent_s = time.monotonic()
        note: dict[str, object] = {"order": order, "sent_s": sent_s}
        for _ in range(2):  # as a client does that has lost an answer: the same order once more
            try:
                with xmlrpc.client.ServerProxy(self._url, transport=_Transport()) as desk:
                    reply = desk.front_desk(order)
                note |= {"reply": reply, "got_s": time.monotonic()}
                break
            except xmlrpc.client.Fault as fault:
                note |= {"fault": fault.faultCode, "text": fault.faultString}
                break
            except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
                note["error"] = repr(error)
        os.write(self._notes, json.dumps(note).encode() + b"\n")
        if order["WOType"] == "Observation" and "reply" in note:
            self._open = [*self._open, note["reply"]["Receipt"]][-MOST_OPEN:]

    def _observation(self):
        if self._count > MOST_OPEN and self._random.random() < 0.6:
            return None  # the telescope takes about one in two seconds
        ra_deg, dec_deg = self._random.choice(self._places)
        return {
            "WOType": "Observation",
            "RA": ra_deg,
            "Dec": dec_deg,
            "Filter": self._random.choice("VRB"),
            "Exposure Time": self._random.choice((5.0, 20.0, 60.0)),
            "Number of Exposures": self._random.choice((1, 1, 2, 3)),
        }

    def _blink(self):
        on = self._random.random() < 0.5
        return {"WOType": "Dome", "ID": "blink", "Blink01": on}

    def _control(self):
        """Mostly refused, since an attempt is under way; abort is not."""
        return self._random.choice(
            (
                {"WOType": "Control", "Command": "filter", "Filter": self._random.choice("VRB")},
                {"WOType": "Control", "Command": "focus", "Position": 5000.0},
                {"WOType": "Dome", "Azimuth": self._random.uniform(0.0, 359.0)},
                {"WOType": "Control", "Command": "abort"},
            )
        )

    def _cancel(self):
        if len(self._open) < 5:
            return None
        receipt = self._open.pop(self._random.randrange(len(self._open)))
        return {"WOType": "Cancel", "Receipt": receipt}


def main() -> None:
    url, file, seed, *places = sys.argv[1:]
    client = Client(url, file, int(seed), [tuple(map(float, one.split(","))) for one in places])
    signal.signal(signal.SIGTERM, lambda *_: client.ending.set())
    signal.alarm(4 * 3600)
    client.run()


if __name__ == "__main__":
    main()

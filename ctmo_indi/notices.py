"""Tell people what cannot wait for the morning: by apprise, to whatever services the site has.

Events that concern people go into a bounded queue; a thread of its own sends them, so that a dead
network holds up nobody. apprise is imported in that thread, and only when the site has addresses
for it. The addresses hold passwords: they are neither logged nor shown.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.errors import ConfigError

_log = logging.getLogger(__name__)

MOST_WAITING = 50
PER_KIND_S = 60.0  # machine seconds between two notices of one kind
RETRIES = 3
RETRY_PAUSE_S = 20.0


@dataclass(frozen=True, slots=True)
class Told:
    """How an event is told; its text is what its data have under ``key``."""

    title: str
    key: str
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """One message."""

    kind: str
    title: str
    body: str
    is_urgent: bool


class Send(Protocol):
    """Sends a notice to every address; blocks; returns whether all took it."""

    def __call__(self, notice: Notice) -> bool:
        """Raise nothing that is no bug."""
        ...


class Notices:
    """Any thread; :meth:`note` never blocks.

    Parameters
    ----------
    observatory
        Its name, in every title.
    make_send
        Called once, in the thread; None: there is nobody to tell.
    told
        Kind of event -> how people are told; everything else is for Events and the log only.
    """

    def __init__(
        self,
        observatory: str,
        clock: Clock,
        make_send: Callable[[], Send] | None,
        told: Mapping[str, Told],
        *,
        per_kind_s: float = PER_KIND_S,
        retry_pause_s: float = RETRY_PAUSE_S,
    ) -> None:
        self._observatory = observatory
        self._clock = clock
        self._make_send = make_send
        self._told = told
        self._per_kind_s = per_kind_s
        self._retry_pause_s = retry_pause_s
        self._changed = threading.Condition()
        self._waiting: deque[Notice] = deque()
        self._noted_machine_s: dict[str, float] = {}
        self._held_back: dict[str, int] = {}
        self._is_closing = False
        self._is_busy = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
        self.sent = self.failed = self.dropped = 0

    def start(self) -> None:
        """Begin to send, if there is anybody to send to; returns at once."""
        if self._make_send is not None:
            self._thread.start()

    def note(self, kind: str, data: Mapping[str, object]) -> None:
        """Send what concerns people of an event; the rest is passed over.

        Of one kind one a minute is sent; the next one says how many were not.
        """
        told = self._told.get(kind)
        if told is None or self._make_send is None:
            return
        now_s = self._clock.machine_s()
        with self._changed:
            last_s = self._noted_machine_s.get(kind)
            if last_s is not None and now_s - last_s < self._per_kind_s:
                self._held_back[kind] = self._held_back.get(kind, 0) + 1
                return
            self._noted_machine_s[kind] = now_s
            body = str(data.get(told.key, ""))
            held_back = self._held_back.pop(kind, 0)
            if held_back:
                body += f" ({held_back} more of these were not sent)"
            utc = self._clock.utc().isoformat(sep=" ", timespec="seconds")
            title = f"{self._observatory}: {told.title}"
            self._waiting.append(Notice(kind, title, f"{body}\n{utc}", told.is_urgent))
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing is left to send, at most ``timeout_s`` machine s; whether it is so."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._waiting and not self._is_busy, timeout_s
            )

    def close(self, timeout_s: float) -> None:
        """Send what waits, once, and end; blocks ``timeout_s`` machine seconds at most."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def to_wire(self) -> dict[str, object]:
        """Return counters for Status."""
        return {
            "Enabled": self._make_send is not None,
            "Sent": self.sent,
            "Failed": self.failed,
            "Dropped": self.dropped,
            "Waiting": len(self._waiting),
        }

    def _run(self) -> None:
        send: Send | None = None
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._is_closing)
                if not self._waiting:
                    return
                notice = self._waiting.popleft()
                self._is_busy = True
            try:
                send = send or self._made()
                is_sent = self._tried(send, notice)
            except Exception as error:  # noqa: BLE001 - the thread must live; the text may hold a secret
                is_sent = False
                _log.error("notice_failed kind=%s error=%s", notice.kind, type(error).__name__)
            self.sent += is_sent
            self.failed += not is_sent

    def _made(self) -> Send:
        assert self._make_send is not None  # start() saw to it
        return self._make_send()

    def _tried(self, send: Send, notice: Notice) -> bool:
        for number in range(1, RETRIES + 1):
            if send(notice):
                return True
            _log.warning("notice_not_sent kind=%s try=%d", notice.kind, number)
            if number < RETRIES and self._stopping.wait(self._retry_pause_s):
                return send(notice)
        return False


def apprise_sender(urls: Sequence[str]) -> Send:
    """Return what sends by apprise.

    Raises
    ------
    ConfigError
        apprise is not installed, or does not know the service of an address; which one is told by
        its place in the list, never by its text.
    """
    try:
        import apprise
    except ImportError:
        raise ConfigError("Notify: apprise is not installed; install ctmo-indi[notify]") from None
    for name in ("apprise", "urllib3", "requests"):  # they log addresses
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    client = apprise.Apprise()
    wrong = [str(number) for number, url in enumerate(urls, 1) if not client.add(url)]
    if wrong:
        raise ConfigError(f"Notify: apprise does not know the service of URL {', '.join(wrong)}")

    def send(notice: Notice) -> bool:
        kind = apprise.NotifyType.FAILURE if notice.is_urgent else apprise.NotifyType.INFO
        return bool(client.notify(body=notice.body, title=notice.title, notify_type=kind))

    return send

"""One front desk for people who write Python: orders in, typed answers out.

It adds nothing to what a Work Order can say:
:class:`~ctmo_indi.desk_client.client.DeskClient` sends it, and the desk decides.
"""

from __future__ import annotations

import getpass
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ctmo_indi.api.order_keys import Cadence, Limits, observation
from ctmo_indi.api.replies import structs, whole
from ctmo_indi.api.results import Explanation, Happening, NightPlan, OrderStatus, Receipt
from ctmo_indi.api.values import instant_text, night_text, number_in
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import TokenFileReader, TrustFile, bare_token, own_token
from ctmo_indi.desk_client.local_peer import believed_uids
from ctmo_indi.errors import ConfigError, ServiceUnreachable
from ctmo_indi.service_addresses import Address

if TYPE_CHECKING:
    from ctmo_indi.api.order_keys import Target, Windows
    from ctmo_indi.api.values import Instant, Night, Number

_log = logging.getLogger(__name__)
_PAGE = 100
_LONGEST_WAIT_S = 60.0  # of the contract
_BACK_OFF_S = 0.5


class FrontDesk:
    """The scheduler's front desk. A context manager; thread-safe; every call blocks its thread.

    Whatever it refuses is a :class:`~ctmo_indi.errors.CtmoError`: BadOrder for arguments that are
    no order, before anything is sent; DeskFault with the desk's words and its code; and
    ServiceUnreachable when it does not answer.

    Parameters
    ----------
    url
        ``http://localhost:8000``, ``https://...``; or a client of that desk, and then nothing else
        of this list counts.
    user
        Who asks: part of an order's identity. Without it the token's name; without a token the
        login name.
    token
        Without it that of ``token_file``, of the environment's ``CTMO_TOKEN`` or
        ``CTMO_TOKEN_FILE``, or none. It never goes over the network without TLS.
    ca_file
        Certificates to believe with https; those of the system when None.
    timeout_s
        Machine seconds for an answer.

    Examples
    --------
    >>> from ctmo_indi import FrontDesk
    >>> with FrontDesk("http://localhost:8000", user="ada") as desk:
    ...     receipt = desk.observe("M 13", exposure_s=60, filter="V", count=3)
    ...     print(desk.status(receipt).status)
    PENDING

    Places, times and durations may be astropy's:

    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from astropy.time import Time
    >>> with FrontDesk("http://localhost:8000", user="ada") as desk:
    ...     receipt = desk.observe(
    ...         SkyCoord(l=59.0 * u.deg, b=40.9 * u.deg, frame="galactic"),
    ...         exposure_s=2 * u.min,
    ...         filter="R",
    ...         windows=[(Time("2027-03-01T02:00:00"), Time("2027-09-01T09:00:00"))],
    ...         min_altitude_deg=35 * u.deg,
    ...     )
    ...     print(f"{receipt.ra_deg:.2f} {receipt.dec_deg:.2f}")
    250.44 36.45

    A unit that cannot be is told before anything is sent:

    >>> with FrontDesk("http://localhost:8000") as desk:
    ...     desk.observe("M 13", exposure_s=60 * u.deg, filter="V")
    Traceback (most recent call last):
    ...
    ctmo_indi.errors.BadOrder: exposure_s: came 60.0 deg, expected a number (seconds) ...
    """

    def __init__(
        self,
        url: str | DeskClient = "http://localhost:8000",
        *,
        user: str | None = None,
        token: str | None = None,
        token_file: str | Path | None = None,
        ca_file: str | Path | None = None,
        timeout_s: Number = 10.0,
    ) -> None:
        self._clock = SystemClock()
        if isinstance(url, DeskClient):
            self._client = url
            return
        secret = _secret(url, token, token_file)
        self._client = DeskClient(
            url,
            timeout_s=number_in("s", timeout_s, "timeout_s"),
            user=user or (login_name() if secret is None else None),
            token=secret,
            trust=(
                TrustFile(None if ca_file is None else Path(ca_file))
                if url.startswith("https:")
                else None
            ),
            believed_uids=None if secret is None else believed_uids(Config().data_dir),
        )

    @property
    def url(self) -> str:
        """Where it is."""
        return self._client.url

    def __enter__(self) -> FrontDesk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; orders go on."""
        self._client.close()

    # Orders

    def observe(
        self,
        target: Target,
        *,
        exposure_s: Number,
        filter: str,  # noqa: A002 - the field's word for it
        count: int = 1,
        windows: Windows | None = None,
        start: Instant | None = None,
        start_tolerance_s: Number | None = None,
        cadence: Cadence | None = None,
        binning: int | None = None,
        object_name: str | None = None,
        group: str | None = None,
        output: str | None = None,
        priority: float | None = None,
        order_id: str | None = None,
        **limits: Unpack[Limits],
    ) -> Receipt:
        """Hand in an observation; it is stored when this returns.

        Parameters
        ----------
        target
            SkyCoord of any frame, turned into ICRS; a pair (RA, Dec), ICRS: degrees, Quantities, or
            texts of hours and degrees; or a name, looked up by the desk: designations and common
            names of OpenNGC, planets, the Moon.
        exposure_s
            Of one exposure.
        filter
            By the profile's name for it.
        count
            Exposures, of each visit.
        windows
            Pairs (start, end) in which the exposures may be made; any time when None.
        start, start_tolerance_s
            Instead of windows: when the first exposure is to begin, and how much before or after.
        cadence
            None: one visit.
        group
            Orders of one user with the same one are planned together or not at all.
        output
            "Raw" (the default), "Calibrated" or "Analysis".
        priority
            A wish; the scheduler assigns it.
        order_id
            The same user, ID and content again give the same receipt; one is made up when None.
        limits
            See :class:`~ctmo_indi.api.order_keys.Limits`: ``max_airmass``, ``min_altitude_deg``,
            ``min_moon_separation_deg``, ``max_sun_altitude_deg``, ``min_hour_angle_h``,
            ``max_hour_angle_h``, ``max_moon_illumination``, ``max_moon_altitude_deg``.

        Raises
        ------
        BadOrder
            Arguments of wrong kind or unit, each one named; nothing was sent.
        DeskFault
            Refused, for example with code 422: it can never be observed here.
        ServiceUnreachable
            No answer. It may have been taken: the same call with the same ``order_id`` is safe.
        """
        arguments = {
            "exposure_s": exposure_s,
            "filter": filter,
            "count": count,
            "windows": windows,
            "start": start,
            "start_tolerance_s": start_tolerance_s,
            "cadence": cadence,
            "binning": binning,
            "object_name": object_name,
            "group": group,
            "output": output,
            "priority": priority,
            "order_id": order_id,
        }
        return self.submit(observation(target, arguments, limits))

    def submit(self, order: Mapping[str, object]) -> Receipt:
        """Send a Work Order as ``xmlrpc/`` describes it, of any kind; errors as of :meth:`observe`.

        Examples
        --------
        >>> from ctmo_indi import FrontDesk
        >>> with FrontDesk("http://localhost:8000", user="ada") as desk:
        ...     receipt = desk.submit({"WOType": "Observation", "Frame Type": "Bias",
        ...                            "Number of Exposures": 5})
        ...     print(receipt.status)
        PENDING
        """
        return Receipt.from_wire(self._client.front_desk(order))

    def cancel(self, receipt: Receipt | str, reason: str = "") -> OrderStatus:
        """Give an order up; frames already taken are kept."""
        order = {"WOType": "Cancel", "Receipt": str(receipt)}
        if reason:
            order["Reason"] = reason
        return OrderStatus.from_wire(self._client.front_desk(order))

    # Questions

    def status(self, receipt: Receipt | str) -> OrderStatus:
        """Return how it is with an order, an attempt or a ticket."""
        return OrderStatus.from_wire(self._client.status(str(receipt)))

    def orders(self, state: str | None = None, limit: int = 100) -> tuple[OrderStatus, ...]:
        """Return the orders, ``limit`` at most; those of one state, such as PENDING, or all."""
        only = {} if state is None else {"State": state}
        found = self._client.status(All=True, Limit=limit, **only)["Orders"]
        return tuple(OrderStatus.from_wire(one) for one in found)

    def wait(self, receipt: Receipt | str, timeout_s: Number) -> OrderStatus:
        """Wait until nothing more happens to an order by itself; ask whether ``is_completed``.

        Parameters
        ----------
        timeout_s
            Machine seconds.

        Raises
        ------
        StillWaiting
            Not within ``timeout_s``; its ``last`` is the last reply. The order goes on.
        """
        longest_s = number_in("s", timeout_s, "timeout_s")
        return OrderStatus.from_wire(self._client.wait_for(str(receipt), longest_s))

    def explain(self, receipt: Receipt | str, at: Instant | None = None) -> Explanation:
        """Return why an order can start at an instant (now when None), or not."""
        order = {"WOType": "Explain", "Receipt": str(receipt)}
        if at is not None:
            order["At"] = instant_text(at, "at")
        return Explanation.from_wire(self._client.front_desk(order))

    def plan(self, night: Night | None = None, limit: int = 100) -> NightPlan:
        """Return the plan of the night that lasts or comes; DeskFault 412 where nothing plans."""
        order: dict[str, object] = {"WOType": "Plan", "Limit": limit}
        if night is not None:
            order["Night"] = night_text(night)
        return NightPlan.from_wire(self._client.front_desk(order))

    def events(
        self,
        *kinds: str,
        since: int | None = 0,
        follow: bool = False,
        timeout_s: Number = 60.0,
    ) -> Iterator[Happening]:
        """Yield what was published, oldest first.

        Parameters
        ----------
        kinds
            Only these, such as "target"; all when there are none.
        since
            Only those above this revision; 0: all that are kept; None: only what comes now.
        follow
            Go on with what comes, until ``timeout_s`` are over. A desk that does not answer
            meanwhile is asked again.
        timeout_s
            Machine seconds, with ``follow``.
        """
        end_s = self._clock.machine_s() + number_in("s", timeout_s, "timeout_s")
        cursor = since
        while True:
            left_s = max(0.0, end_s - self._clock.machine_s()) if follow else 0.0
            try:
                page = self._events_page(kinds, cursor, min(left_s, _LONGEST_WAIT_S))
            except ServiceUnreachable:
                if left_s <= _BACK_OFF_S:
                    raise
                threading.Event().wait(_BACK_OFF_S)
                continue
            if page["Lost"] and cursor:
                _log.warning("events_lost desk=%s since=%s", self.url, cursor)
            found = [Happening.from_wire(one) for one in structs(page, "Events")]
            yield from found
            cursor = whole(page, "Cursor")
            if (follow and left_s <= 0.0) or (not follow and not found):
                return

    def _events_page(
        self, kinds: tuple[str, ...], cursor: int | None, wait_s: float
    ) -> Mapping[str, object]:
        order: dict[str, object] = {"WOType": "Events", "Limit": _PAGE, "Wait": wait_s}
        if kinds:
            order["Kinds"] = list(kinds)
        if cursor is not None:
            order["Cursor"] = cursor
        return self._client.front_desk(order)


def _secret(url: str, token: str | None, token_file: str | Path | None) -> Callable[[], str] | None:
    """Return what to show to the desk; ConfigError where it would cross the network in clear."""
    config = replace(Config(), scheduler=Address(url, "", 0))
    secret: Callable[[], str] | None
    if token is not None:
        secret = lambda: token  # noqa: E731 - what DeskClient asks for is a function
    elif token_file is not None:
        secret = TokenFileReader(Path(token_file).expanduser())
    else:
        secret = own_token(config)
    if secret is not None and (problem := bare_token(config, "scheduler")):
        raise ConfigError(problem)
    return secret


def login_name() -> str:
    """Return who is logged in; "python" where nobody is."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # KeyError until Python 3.12
        return "python"

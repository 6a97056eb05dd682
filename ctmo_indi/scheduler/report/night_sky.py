"""What the models of the sky say of a night: its edges, and when an order could be observed.

The models are imported at the first question; any thread but an engine's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.report.night_data import NightData, NightEdges
from ctmo_indi.scheduler.report.orders_part import SkyWord
from ctmo_indi.store.orders import OrderRow

MOST_LOOKED_AT = 500
"""Orders a night that are looked at, those of the highest priority: 0.2 ms each."""

_DAY = timedelta(days=1)
_SECONDS_PER_DEG = 240.0


class NightSky:
    """Of one site.

    Parameters
    ----------
    read_request
        Of a stored order.
    """

    def __init__(
        self,
        profile: Profile,
        clock: Clock,
        read_request: Callable[[OrderRow], ObservationRequest],
    ) -> None:
        self._profile = profile
        self._clock = clock
        self._read_request = read_request
        self._known: dict[str, NightEdges] = {}

    def now(self) -> NightEdges:
        """Return the night that lasts, from noon to noon."""
        return self.of_instant(self._clock.utc())

    def of_label(self, night: str) -> NightEdges:
        """Return the night of an evening date, YYYYMMDD."""
        known = self._known.get(night)
        if known is not None:
            return known
        noon = datetime.strptime(night, "%Y%m%d").replace(hour=12, tzinfo=UTC)
        shift = timedelta(seconds=self._profile.site.longitude_deg * _SECONDS_PER_DEG)
        return self.of_instant(noon - shift + _DAY / 2)

    def of_instant(self, utc: datetime) -> NightEdges:
        """Return the night an instant belongs to."""
        with FIRST_IMPORT:
            from ctmo_indi.models import nights
            from ctmo_indi.models.coordinates import from_unix_s

        site = self._profile.site
        noon = from_unix_s(nights.noon_before(site, utc))
        night = nights.night_of(site, noon + _DAY / 2)
        if night not in self._known:
            limit_deg = self._profile.night.sun_max_altitude_deg
            dark = nights.night_bounds(site, noon + _DAY / 2, limit_deg)
            self._known = {
                **dict(list(self._known.items())[-30:]),
                night: NightEdges(night, noon, dark),
            }
        return self._known[night]

    def words(self, data: NightData) -> Callable[[OrderRow], SkyWord | None]:
        """Return what says when an order could be observed in a night."""
        with FIRST_IMPORT:
            from ctmo_indi.models import sky

        profile = self._profile
        skies = sky.Skies.of_night(profile.site, data.edges.noon + _DAY / 2)
        left = MOST_LOOKED_AT

        def word(row: OrderRow) -> SkyWord | None:
            nonlocal left
            left -= 1
            if left < 0 or data.end_utc_s <= data.begin_utc_s:
                return None
            begin_s = max(data.begin_utc_s, row.created_utc_s)
            try:
                request = self._read_request(row)
                span = sky.observable_span(
                    request, profile.site, profile.limits, profile.night, begin_s, skies=skies
                )
            except CtmoError:  # of another profile, or a broken one: the report goes on
                return None
            if span is None:
                return SkyWord(False, "not observable this night")
            if span.start_utc_s >= data.end_utc_s:
                return SkyWord(False, "observable later only")
            start, end = (
                datetime.fromtimestamp(edge_s, UTC)
                for edge_s in (span.start_utc_s, min(span.end_utc_s, data.end_utc_s))
            )
            return SkyWord(True, f"possible {start:%H:%M} to {end:%H:%M} UTC")

        return word

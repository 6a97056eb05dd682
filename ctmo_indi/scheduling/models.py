"""The models that a scheduling driver is given: the sky of the site, and the observatory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ctmo_indi.models.observatory import ObservatoryModelState, Visit
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.conditions import Observability

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Observatory(Protocol):
    """How long things take; ``models/observatory_model.py`` is the real one. Pure."""

    def exposures_s(self, request: ObservationRequest, count: int) -> float:
        """Sky seconds of ``count`` exposures with their readouts."""
        ...

    def observe(
        self, state: ObservatoryModelState, request: ObservationRequest, count: int
    ) -> Visit:
        """Work out a visit that begins at ``state.utc_s``."""
        ...

    def idle(self, state: ObservatoryModelState, until_utc_s: float) -> ObservatoryModelState:
        """Return the state after waiting."""
        ...

    def delay_s(
        self,
        state: ObservatoryModelState,
        ra_deg: float,
        dec_deg: float,
        filter_name: str | None = None,
    ) -> float:
        """Sky seconds from ``state`` to the first exposure on a target (ICRS)."""
        ...

    def delays_s(
        self,
        state: ObservatoryModelState,
        ra_deg: NDArray[np.float64],
        dec_deg: NDArray[np.float64],
        filter_names: Sequence[str | None] | None = None,
    ) -> NDArray[np.float64]:
        """:meth:`delay_s` of many targets, shape (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class Models:
    """What a driver may ask.

    Parameters
    ----------
    filters
        Names that targets may use; empty: not known, then they are not checked.
    """

    sky: Observability
    observatory: Observatory
    filters: tuple[str, ...] = ()

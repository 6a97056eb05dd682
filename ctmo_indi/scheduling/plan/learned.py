"""The observatory as observing has shown it to be: what a plan driver remembers of overheads."""

from __future__ import annotations

from dataclasses import replace

from ctmo_indi.models.observation import Observation
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.feature.site_now import sited
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.plan.corrections import Corrections
from ctmo_indi.scheduling.plan.modelled_way import ModelledWay
from ctmo_indi.scheduling.plan.overheads import Overheads
from ctmo_indi.scheduling.plan.overheads_view import overheads_view
from ctmo_indi.scheduling.plan.planners_model import planners_model


class LearnedObservatory:
    """What was learned, and the model corrected by it; a driver's own, one thread.

    Attributes
    ----------
    overheads
        May be set: a driver goes back to an earlier state.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._known: tuple[Overheads, Corrections] = Overheads(), Corrections()
        self._model: tuple[Corrections, ObservatoryModel] | None = None
        self.overheads = Overheads()

    def register(self, observation: Observation) -> None:
        """Learn from one more observation."""
        way = ModelledWay(self._models.observatory, self._with(Corrections()))
        self.overheads = self.overheads.after(observation, way)

    @property
    def corrections(self) -> Corrections:
        """What differs from the profile."""
        if self._known[0] != self.overheads:
            profiles = self._with(Corrections()).kinematics
            self._known = self.overheads, self.overheads.corrections(profiles)
        return self._known[1]

    @property
    def model(self) -> ObservatoryModel:
        """The planner's model, corrected."""
        known = self.corrections
        if self._model is None or self._model[0] != known:
            self._model = known, self._with(known)
        return self._model[1]

    def way_s(self, request: ObservationRequest, conditions: Conditions) -> float:
        """Return the sky seconds until a request's first exposure; 0 where it is not known."""
        state, utc = conditions.state, conditions.utc
        place = None if state is None else self._models.sky.place_deg(request, utc)
        if state is None or place is None:
            return 0.0
        state, name = replace(state, utc_s=utc.timestamp()), request.filter_name
        observatory = self._models.observatory
        if isinstance(observatory, ObservatoryModel):
            return self.model.delay_s(state, *place, name)
        return self.overheads.ratio * observatory.delay_s(state, *place, name)

    def view(self) -> list[dict[str, object]]:
        """Return what was learned, as it is shown."""
        return overheads_view(self.overheads, self._with(Corrections()).kinematics)

    def _with(self, known: Corrections) -> ObservatoryModel:
        sky = sited(self._models.sky, "plan")
        return planners_model(self._models.observatory, sky, known)

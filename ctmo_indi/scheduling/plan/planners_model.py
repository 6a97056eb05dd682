"""The observatory as the planner computes with it: corrected by what was learned."""

from __future__ import annotations

import copy
from dataclasses import asdict, replace

from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.scheduling.feature.site_now import SitedSky
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.plan.corrections import Corrections, corrected


def planners_model(observatory: object, sky: SitedSky, known: Corrections) -> ObservatoryModel:
    """Return the model the planner computes with: that of the driver, corrected.

    A driver's model that is no :class:`ObservatoryModel` is stood for by one of the site with the
    usual kinematics.
    """
    model = observatory if isinstance(observatory, ObservatoryModel) else None
    if model is None:
        model = ObservatoryModel(sky.site)
    if known == Corrections():
        return model
    learned = copy.copy(model)
    learned.kinematics = corrected(model.kinematics, known)
    return learned


def planned_kinematics(model: ObservatoryModel) -> tuple[tuple[str, float], ...]:
    """Return what setups are planned with, by the profile's names: all that is a number."""
    values = asdict(model.kinematics)
    return tuple(
        (name, float(value))
        for name, value in sorted(values.items())
        if isinstance(value, float | int) and not isinstance(value, bool)
    )


def corrected_models(models: Models, sky: SitedSky, known: Corrections) -> Models:
    """Return models whose readouts take as long as was learned; another's observatory stays."""
    if not isinstance(models.observatory, ObservatoryModel):
        return models
    return replace(models, observatory=planners_model(models.observatory, sky, known))

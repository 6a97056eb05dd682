"""The models a scheduling driver is given, made from the profile. Heavy to import (numpy, ERFA)."""

from __future__ import annotations

from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.sky import SiteSky


def models_of_site(profile: Profile) -> Models:
    """Make the models of the sky and of the observatory."""
    return Models(SiteSky(profile), ObservatoryModel.of(profile), tuple(profile.filters))

"""Whether a profile lets the observatory be closed at all; asked before anything is started.

Not asked where somebody closes or stops by hand: there every word of it must be carried out.
"""

from __future__ import annotations

from pathlib import Path

from ctmo_indi.devices import description as descriptions
from ctmo_indi.errors import ConfigError
from ctmo_indi.profiles import Profile, Role
from ctmo_indi.safety_policy import MountFailedPolicy


def require_closable(profile: Profile, *, site: Path | None = None) -> None:
    """Refuse a profile by whose policy the shutter would never close.

    Closing takes a mount without the operation ``park`` for one that failed to park; with
    ``mount_failed: stay_open`` the shutter would stay open each night, and in the rain.

    Raises
    ------
    ConfigError
        It is such a profile, or the mount's device file is wrong.
    """
    mount = profile.equipment.get(Role.MOUNT)
    if mount is None or Role.DOME not in profile.equipment:
        return
    if profile.safety.mount_failed is not MountFailedPolicy.STAY_OPEN:
        return
    if not descriptions.load(mount.description, site=site).can("park"):
        raise ConfigError(
            f"{profile.file or profile.name}, safety.mount_failed: came 'stay_open', expected "
            f"'close' with a mount that cannot park ({mount.description} has no operation park): "
            "the shutter would never close"
        )

"""What a target puts into its observing block: values for the ``$names``, and its attempt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ctmo_indi.errors import BadOrder
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.script_queue.block_library import BlockLibrary
from ctmo_indi.script_queue.kinds import ScriptParts
from ctmo_indi.script_queue.script import Script
from ctmo_indi.script_queue.substitution import Values


def target_scripts(
    library: BlockLibrary,
    name: str,
    parts: ScriptParts,
    values: Values,
    override: Mapping[str, object] | None = None,
) -> tuple[Script, ...]:
    """Make the scripts of a target's block, the observing one bound to ``parts.attempt``.

    Raises
    ------
    UnknownOrder
        There is no such block.
    BadOrder
        It cannot be rendered with these values, or it has not exactly one observing script: an
        attempt is made once.
    """
    configured = library.render(name, values, override)
    observing = [script.kind.name for script in configured if script.kind.needs_attempt]
    if len(observing) != 1:
        raise BadOrder(
            f"block {name}: not for targets, it has {len(observing)} observing scripts, expected 1"
        )
    return tuple(script.make(parts) for script in configured)


def target_values(
    target: DriverTarget,
    *,
    attempt_id: str,
    receipt: str,
    block: str,
) -> dict[str, object]:
    """Return the values of a target for the ``$names`` of its block; None: not known."""
    request, (ra_deg, dec_deg) = target.request, target.place_deg or (None, None)
    return {
        "targetid": target.target_id or receipt,
        "receipt": receipt,
        "attempt": attempt_id,
        "name": request.object_name,
        "note": target.note,
        "program": target.program or block,
        "observation_reason": request.job_type,
        "ra": ra_deg,
        "dec": dec_deg,
        "alt": target.altitude_deg,
        "az": target.azimuth_deg,
        "rot": 0.0,
        "rot_sky": 0.0,
        "band_filter": request.filter_name,
        "filter_name": request.filter_name,
        "num_exp": target.count,
        "exp_times": [request.exposure_s] * target.count,
        "obs_time": _iso(target.obs_time),
        "estimated_slew_time": target.slew_time_s,
    }


def _iso(utc: datetime) -> str:
    return utc.isoformat(timespec="seconds").replace("+00:00", "Z")

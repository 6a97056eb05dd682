"""Stop everything by whatever still works: services first, INDI itself where they are silent."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait

from ctmo_indi.config import Config
from ctmo_indi.desk_client.credentials import open_own_desk
from ctmo_indi.errors import CtmoError, ServiceUnreachable

# Each of these ends motion by itself; asked at the same time, the first answer counts.
_STOPPERS = ("safety", "telescope", "scheduler")
# A desk answers when tracking was seen to stay off, some 3 s after everything stood still.
STOP_TIMEOUT_S = 8.0
# No answer after that long: the services may hang, so INDI is told as well.
PATIENCE_S = 1.0
STOPPED = "stopped"


def stop_by_all(
    config: Config, *, user: str | None, reason: str, profile: str | None = None
) -> dict[str, str]:
    """Stop all motion and the exposure now; return what each that was asked answered.

    Asks safety, telescope and scheduler at the same time; when neither safety nor telescope has
    confirmed it within a second, tells the INDI server as well: a stop twice harms nobody. Blocks
    for 8 s of machine time and INDI's own time-outs at most; raises nothing of ours.

    Parameters
    ----------
    profile
        Name or file, for INDI; that of the configuration when None.
    """
    order = {"WOType": "Control", "Command": "stop", "Reason": reason}

    def ask(service: str) -> str:
        try:
            with open_own_desk(config, service, timeout_s=STOP_TIMEOUT_S, user=user) as desk:
                desk.front_desk(order)
        except ServiceUnreachable:
            return "does not answer"
        except CtmoError as error:
            return f"refused: {error}"
        return STOPPED

    with ThreadPoolExecutor(len(_STOPPERS) + 1) as pool:
        asked: dict[str, Future[str]] = {name: pool.submit(ask, name) for name in _STOPPERS}
        answered, _ = wait((asked["safety"], asked["telescope"]), PATIENCE_S)
        if not any(answer.result() == STOPPED for answer in answered):
            asked["INDI"] = pool.submit(_stop_by_indi, config, profile or config.profile)
        return {name: answer.result() for name, answer in asked.items()}


def is_stopped(answers: dict[str, str]) -> bool:
    """Whether anybody stopped the observatory."""
    return any(answer.lower().startswith(STOPPED) for answer in answers.values())


def _stop_by_indi(config: Config, profile: str) -> str:
    """Stop without any service, over a connection of our own."""
    from ctmo_indi import profiles
    from ctmo_indi.clock import SystemClock
    from ctmo_indi.devices.stopping import stop_by_indi

    try:
        return stop_by_indi(profiles.load(profile), config.indi, SystemClock())
    except CtmoError as error:
        return f"failed: {error}"

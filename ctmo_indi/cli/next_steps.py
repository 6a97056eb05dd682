"""What to do next after an error: one table by fault code, said below every refusal.

Codes and what they mean: ``xmlrpc/front_desk.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NEXT: Mapping[int, str] = {
    401: 'Give a token with --token-file; "ctmo-indi token add NAME --role operate" makes one.',
    403: "Give a token of that role with --token-file (the site's owner makes one), or ask the"
    " person to whom it belongs to do it.",
    404: '"ctmo-indi status --all" lists the orders, "ctmo-indi frames" the frames.',
    405: "Send it to the service that carries it out.",
    409: "Give it another ID, or cancel the first one: ctmo-indi cancel.",
    412: '"ctmo-indi status" tells the state it is in.',
    422: "Change its target, Windows or Constraints: it can never be observed as it is.",
    423: '"ctmo-indi status --service safety" has the reasons; it opens again when they are gone.',
    424: 'The text names the limit. "ctmo-indi status --service telescope" tells where things are.',
    425: 'Ask the one who holds it, or "ctmo-indi unlock"; after a takeover "ctmo-indi release".',
    426: 'When it is safe to move again: "ctmo-indi release".',
    500: "That is a bug of ours, or a file of the site: the log of the service has more.",
    503: 'Is that service running? "ctmo-indi check" says which answer.',
    507: "Make room where the data folder is, then send it again.",
    520: '"ctmo-indi status --service telescope" tells what the devices say.',
    521: 'Is indiserver running with that driver? "ctmo-indi check --devices" looks at each.',
    522: 'Are profile and device file right? "ctmo-indi check --devices" looks at each device.',
    523: '"ctmo-indi status --service telescope" tells what the devices say.',
    524: "The text has the driver's message; look after the device, then try again.",
    525: 'Look after the device: "ctmo-indi status --service telescope" tells what it says.',
    526: "Try again when what ended it is over.",
    527: "Look after the camera and its cable, then try again.",
    528: 'Find out who moved it; "ctmo-indi release" gives the telescope back to the manager.',
}
"""By fault code; errors of this process have one, too. 400 needs none: each problem says what was
expected."""

CONFIG = '"ctmo-indi check" reads all of it; "ctmo-indi init" writes a new one.'
NOT_RUNNING = (
    'Is it running? "ctmo-indi up" runs all services on this machine;'
    " where it was started in another folder, name its data folder by --data."
)


def next_step(code: int) -> str:
    """Return what to do after a refusal; empty when there is nothing to say."""
    return NEXT.get(code, NEXT[500] if code > 500 else "")


def after_config_error(problems: Sequence[str]) -> str:
    """Return what to do about a wrong file; empty where the problem says it itself, or has none."""
    told = " ".join(problems)
    return CONFIG if ".yaml" in told and "ctmo-indi " not in told else ""

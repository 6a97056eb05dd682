"""The Python API: ``from ctmo_indi import FrontDesk, Observatory``.

::

    with FrontDesk("http://localhost:8000") as desk:
        receipt = desk.observe("M 13", exposure_s=60, filter="V", count=3)
        print(desk.explain(receipt))

:class:`FrontDesk` is one scheduler's desk, wherever it is: orders and answers. :class:`Observatory`
is a site, from its configuration: its state, and a hand on it. Both are thin: what they send is a
Work Order (``xmlrpc/``), and the services decide. Not for services, which talk to each other with
:mod:`ctmo_indi.desk_client`.
"""

from ctmo_indi.api.command import Command, NotDone
from ctmo_indi.api.desk import FrontDesk
from ctmo_indi.api.observatory import Observatory
from ctmo_indi.api.order_keys import Cadence, Limits
from ctmo_indi.api.results import (
    Explanation,
    Exposure,
    Happening,
    NightPlan,
    OrderStatus,
    PlannedVisit,
    Receipt,
)
from ctmo_indi.api.views import FrameView, NightReport, ObservatoryView, VerdictView

__all__ = [
    "Cadence",
    "Command",
    "Explanation",
    "Exposure",
    "FrameView",
    "FrontDesk",
    "Happening",
    "Limits",
    "NightPlan",
    "NightReport",
    "NotDone",
    "Observatory",
    "ObservatoryView",
    "OrderStatus",
    "PlannedVisit",
    "Receipt",
    "VerdictView",
]

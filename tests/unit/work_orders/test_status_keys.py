"""Keys of a Status order that a service does not answer are refused, with who does."""

from __future__ import annotations

from typing import Any

import pytest

from ctmo_indi.errors import BadOrder
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.status_keys import ANSWERED_BY, require_answered

CONTRACT = Contract.load(small_profile(), FakeClock())
ORDERS: dict[str, dict[str, Any]] = {
    "ID": {"User": "ada", "ID": "1"},
    "Receipt": {"Receipt": "O-1"},
    "All": {"All": True},
    "Properties": {"Properties": ["weather.WEATHER_PARAMETERS.WEATHER_WIND_SPEED"]},
    "Debt": {"Debt": "20261121"},
}


@pytest.mark.parametrize("service", ["scheduler", "telescope", "preprocessor", "safety"])
@pytest.mark.parametrize("key", ANSWERED_BY)
def test_each_key_is_answered_or_refused(key: str, service: str) -> None:
    checked = CONTRACT.check({"WOType": "Status", **ORDERS[key]})
    if service in ANSWERED_BY[key]:
        require_answered(checked, service)
        return
    with pytest.raises(BadOrder, match=f"^{key}: came .*, which {service} does not answer") as told:
        require_answered(checked, service)
    assert str(told.value).endswith("expected at " + " or ".join(ANSWERED_BY[key]))


@pytest.mark.parametrize("keys", [{}, {"All": False}, {"User": "ada"}, {"Since": 3, "Wait": 1.0}])
def test_what_every_service_answers(keys: dict[str, object]) -> None:
    require_answered(CONTRACT.check({"WOType": "Status", **keys}), "safety")

"""Names of refusals: one for each fault of the contract, and it is the name of its error."""

from __future__ import annotations

import pytest

from ctmo_indi import errors
from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.tango import refusals
from ctmo_indi.testing.desks import wire_contract


def test_every_fault_of_the_contract_has_a_name_after_one_of_its_errors():
    faults = wire_contract()["faults"]
    assert set(refusals.REASONS) == set(faults)
    for code, name in refusals.REASONS.items():
        assert name.removeprefix("CTMO_") in faults[code]["errors"], code
    assert len(set(refusals.REASONS.values())) == len(refusals.REASONS)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (DeskFault(423, "it rains"), "CTMO_Unsafe"),
        (DeskFault(401, "no token"), "CTMO_NotPermitted"),
        (DeskFault(413, "too long"), "CTMO_BadOrder"),
        (DeskFault(599, "of a later version"), "CTMO_Refused"),
        (errors.ServiceUnreachable("no answer"), "CTMO_ServiceUnreachable"),
        (errors.BadOrder("RA"), "CTMO_BadOrder"),
        (errors.InternalError("our bug"), "CTMO_InternalError"),
        (errors.ConfigError("the token cannot be read"), "CTMO_InternalError"),
    ],
)
def test_name_of_an_error(error, name):
    assert refusals.reason(error) == name

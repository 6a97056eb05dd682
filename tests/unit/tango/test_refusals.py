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


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        ({}, ""),
        ({"Failure": ""}, ""),
        ({"Failure": "", "Failure Code": 424}, ""),
        ({"Failure": "too low", "Failure Code": 424}, "CTMO_Interlocked"),
        ({"Failure": "the driver said Alert", "Failure Code": 524}, "CTMO_CommandRejected"),
        ({"Failure": "of a ticket"}, "CTMO_CommandFailed"),
        ({"Failure": "of a later version", "Failure Code": 599}, "CTMO_CommandFailed"),
        ({"Failure": "of a stranger", "Failure Code": "424"}, "CTMO_CommandFailed"),
    ],
)
def test_name_of_a_failure_that_a_reply_tells_of(reply, name):
    assert refusals.reason_of_failure(reply) == name

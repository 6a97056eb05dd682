import pytest

from ctmo_indi.errors import UnknownOrder
from ctmo_indi.scheduler.tickets import KEPT, TicketBook, TicketState


@pytest.fixture
def told():
    return []


@pytest.fixture
def book(told):
    return TicketBook(lambda: f"T-{len(told)}", told.append)


def test_the_ticket_of_a_command_under_way_is_kept_however_many_follow(book):
    slow = book.open("addBlock")
    for _ in range(KEPT + 20):
        book.close(book.open("getBlockStatus").receipt, TicketState.COMPLETED)
    assert book.get(slow.receipt).state is TicketState.IN_PROGRESS


def test_the_oldest_ticket_that_has_ended_goes_first(book):
    receipts = []
    for _ in range(KEPT + 1):
        receipts.append(book.open("flush").receipt)
        book.close(receipts[-1], TicketState.COMPLETED)
    with pytest.raises(UnknownOrder):
        book.get(receipts[0])
    assert book.get(receipts[1]).state is TicketState.COMPLETED


def test_the_same_progress_again_is_no_news(book, told):
    receipt = book.open("addBlock").receipt
    book.tell(receipt, "1 of 3")
    count = len(told)
    book.tell(receipt, "1 of 3")
    assert len(told) == count


def test_progress_of_a_ticket_that_is_gone_does_no_harm(book, told):
    book.tell("T-none", "1 of 3")
    assert told == []

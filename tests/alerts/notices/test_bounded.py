"""A delivery has one time limit over the whole exchange; one that hangs is abandoned and replaced."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from alerts import Notice, Outbox, Receipt
from alerts.notices.bounded import Bounded
from alerts.notices.channels.people import PeopleChannel
from alerts.notices.memory_outbox import MemoryOutbox
from detectors import Phase

LIMIT_S = 0.2


class Stuck:
    """A channel whose deliveries of some notices wait for their release."""

    name, for_programs = "phone", False

    def __init__(self, hangs: Callable[[int], bool]) -> None:
        """hangs: whether the delivery with this number waits."""
        self._hangs, self.released, self.got = hangs, threading.Event(), list[str]()

    def deliver(self, notice: Notice) -> Receipt:
        """Record the attempt; wait if it hangs."""
        self.got.append(notice.id)
        if self._hangs(len(self.got)):
            self.released.wait(30)
        return Receipt(delivered=True)


@pytest.fixture
def stuck() -> Iterator[Callable[[Callable[[int], bool]], Stuck]]:
    """Return a maker of channels; their deliveries end with the test."""
    with ExitStack() as stack:

        def make(hangs: Callable[[int], bool]) -> Stuck:
            channel = Stuck(hangs)
            stack.callback(channel.released.set)
            return channel

        yield make


def notice(number: int) -> Notice:
    """Return a page."""
    return Notice(
        id=f"msg_{number}", site="s1", hazard="h", ticket="", channel="phone", type="hazard.opened", created_ns=0,
        body={}, state="pending", attempts=0, next_ns=0, delivered_ns=None, error="",
    )  # fmt: skip


def test_hung_delivery_is_replaced_by_the_next(stuck: Any) -> None:
    """After a delivery that hangs the next notice is delivered within the limit."""
    channel = stuck(lambda number: number == 1)
    bounded = Bounded(channel, limit_s=LIMIT_S)
    first = bounded.deliver(notice(1))
    assert (first.delivered, first.retry) == (False, True)
    assert "longer than" in first.error
    assert bounded.deliver(notice(2)).delivered
    assert bounded.deliver(notice(1)).delivered
    assert channel.got == ["msg_1", "msg_2", "msg_1"]


def test_late_receipt_is_not_sent_again(stuck: Any) -> None:
    """A notice whose abandoned delivery succeeded is delivered, without a second attempt."""
    channel = stuck(lambda _: True)
    bounded = Bounded(channel, limit_s=LIMIT_S)
    assert not bounded.deliver(notice(1)).delivered
    channel.released.set()
    until_s = time.monotonic() + 20
    while any(one.runs() for one in bounded._hung) and time.monotonic() < until_s:
        threading.Event().wait(0.01)
    assert bounded.deliver(notice(1)).delivered
    assert channel.got == ["msg_1"]


def test_hung_deliveries_are_bounded(stuck: Any) -> None:
    """At the bound an attempt fails immediately; it works again once a delivery has ended."""
    channel = stuck(lambda number: number <= 3)
    bounded = Bounded(channel, limit_s=0.05, hung_max=3)
    for number in range(3):
        bounded.deliver(notice(number))
    refused = bounded.deliver(notice(3))
    assert (refused.delivered, refused.retry) == (False, True)
    assert "3 deliveries hang" in refused.error
    channel.released.set()
    until_s = time.monotonic() + 20
    while any(one.runs() for one in bounded._hung) and time.monotonic() < until_s:
        threading.Event().wait(0.01)
    assert bounded.deliver(notice(3)).delivered


def test_error_of_a_channel_is_raised_in_the_worker() -> None:
    """A programming error in a channel reaches the worker, which counts it."""

    class Broken(Stuck):
        def deliver(self, notice: Notice) -> Receipt:
            raise RuntimeError(notice.id)

    with pytest.raises(RuntimeError, match="msg_1"):
        Bounded(Broken(lambda _: False)).deliver(notice(1))


def test_page_follows_a_hung_delivery_in_the_outbox(make_world: Any, seen: Any, stuck: Any) -> None:
    """The worker of a channel delivers the page of the next hazard although the first delivery hangs."""
    channel = stuck(lambda number: number == 1)
    world = make_world(channels=(channel,))
    world.feed(seen(Phase.RAISE), seen(Phase.RAISE, site="school-2", at_s=1))
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns, limit_s=LIMIT_S)
    outbox.start()
    until_s = time.monotonic() + 10
    while len(channel.got) < 2 and time.monotonic() < until_s:
        threading.Event().wait(0.02)
    outbox.stop()
    assert len(set(channel.got)) == 2


def test_page_follows_a_hung_delivery_in_memory(stuck: Any) -> None:
    """The worker of the degraded mode does the same."""
    channel = stuck(lambda number: number == 1)
    outbox = MemoryOutbox([channel], lambda: 1, limit_s=LIMIT_S)
    outbox.start()
    outbox.send([notice(1), notice(2)])
    until_s = time.monotonic() + 10
    while outbox.sent_total < 1 and time.monotonic() < until_s:
        threading.Event().wait(0.02)
    outbox.stop()
    assert channel.got[:2] == ["msg_1", "msg_2"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nx-a: "], ids=["status", "headers"])
def test_receiver_that_trickles_does_not_block_a_channel_to_people(start: bytes) -> None:
    """Status and headers sent byte by byte end with the limit of the whole delivery."""
    released = threading.Event()

    def drip(listening: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.sendall(start)
                while not released.wait(0.05):
                    connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        channel = PeopleChannel("people-1", f"json://127.0.0.1:{listening.getsockname()[1]}/")
        before_s = time.monotonic()
        receipt = Bounded(channel, limit_s=0.5).deliver(notice(1))
        took_s = time.monotonic() - before_s
        released.set()
    assert (receipt.delivered, receipt.retry) == (False, True)
    assert took_s < 3

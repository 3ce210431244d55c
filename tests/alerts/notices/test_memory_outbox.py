"""Memory outbox: delivery at least once under one id, independent channels, no repeat by the outbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import MemoryOutbox, Notice, Outbox, Receipt, SentIds, ServiceFault, StorageFault, fault_notices
from detectors import Phase
from tests.alerts.sinks import Sink

SECOND_NS = 1_000_000_000
FULL = StorageFault("disk_full", "磁盘已满", "the disk is full")


class Clock:
    """A clock under control of the test."""

    now_ns = 1_790_000_000 * SECOND_NS

    def __call__(self) -> int:
        """Return the time."""
        return self.now_ns


@pytest.fixture
def make() -> Iterator[Callable[..., MemoryOutbox]]:
    """Return a maker of running outboxes, stopped after the test."""
    running: list[MemoryOutbox] = []

    def made(*sinks: Any, clock: Any = None, **options: Any) -> MemoryOutbox:
        running.append(MemoryOutbox(sinks, clock or Clock(), **options))
        running[-1].start()
        return running[-1]

    yield made
    for one in running:
        one.stop()


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def notice(number: int, channel: str = "phone") -> Notice:
    """Return one alarm for one channel."""
    facts = {"site": "s", "hazard": f"h{number}", "ticket": "", "type": "hazard.opened", "body": {}, "error": ""}
    times = {"created_ns": Clock.now_ns, "next_ns": Clock.now_ns, "delivered_ns": None}
    return Notice(id=f"msg_{channel}_{number}", channel=channel, state="pending", attempts=0, **facts, **times)  # type: ignore[arg-type]


def test_a_channel_that_hangs_delays_no_other(make: Callable[..., MemoryOutbox]) -> None:
    """Each channel has its own worker."""
    stuck, freed = threading.Event(), threading.Event()
    hanging = Sink("hook", answer=lambda _: (stuck.set(), freed.wait(20), Receipt(delivered=True))[-1])
    phone = Sink("phone")
    messenger = make(hanging, phone)
    messenger.send([notice(1, "hook")])
    assert stuck.wait(10)
    messenger.send([notice(1), notice(2)])
    until(lambda: len(phone.got) == 2)
    freed.set()


def test_a_failed_delivery_is_retried_under_the_same_id(make: Callable[..., MemoryOutbox]) -> None:
    """Retry times equal the outbox's; a repeated send of the same notice changes nothing."""
    clock, tries = Clock(), iter([False, False, True])
    sink = Sink("phone", answer=lambda _: Receipt(delivered=next(tries), error="HTTP 500"))
    messenger = make(sink, clock=clock)
    assert (messenger.send([notice(1)]), messenger.send([notice(1)])) == (1, 0)

    def delivered() -> bool:
        clock.now_ns += 10 * SECOND_NS  # the worker may state the time of the next try after this look
        return messenger.sent_total == 1

    until(delivered)
    assert len(sink.got) == 3
    assert {one.id for one in sink.got} == {notice(1).id}
    assert messenger.send([notice(1)]) == 0


def test_a_channel_that_raises_goes_on(make: Callable[..., MemoryOutbox]) -> None:
    """An exception of a channel causes a retry and does not stop the worker."""
    clock = Clock()

    def answer(one: Notice) -> Receipt:
        if one.attempts == 0 and one.hazard == "h1":
            raise RuntimeError("a bug")
        return Receipt(delivered=True)

    sink = Sink("phone", answer=answer)
    messenger = make(sink, clock=clock)
    messenger.send([notice(1), notice(2)])
    until(lambda: messenger.sent_total == 1)
    clock.now_ns += 10 * SECOND_NS
    until(lambda: messenger.sent_total == 2)


def test_memory_is_bounded_by_dropping_the_oldest(make: Callable[..., MemoryOutbox]) -> None:
    """The newest notices for a dead receiver remain; dropped ones are counted."""
    sink = Sink("phone", answer=lambda _: Receipt(delivered=False, error="down"))
    messenger = make(sink, waiting_max=5)
    messenger.send([notice(number) for number in range(20)])
    until(lambda: messenger.waiting <= 5)
    assert messenger.dropped_total >= 14


def test_the_outbox_marks_notices_sent_from_memory_as_sent(
    make_world: Any, seen: Any, make: Callable[..., MemoryOutbox]
) -> None:
    """The id identifies the notice; people receive it once and the database records it as sent."""
    sink, delivered = Sink("phone"), SentIds()
    world = make_world(channels=(sink,))
    world.feed(seen(Phase.RAISE))
    admin = Outbox(world.engine, world.channels, lambda: world.now_ns, delivered=delivered)
    messenger = make(sink, clock=lambda: world.now_ns, delivered=delivered)
    stored = [one for one in notices(world) if one.channel == "phone"]
    messenger.send(stored)
    until(lambda: messenger.sent_total == 1)
    assert admin.deliver_due(world.now_ns, "phone") == 1
    assert (len(sink.got), delivered.repeats_total) == (1, 1)
    assert {one.state for one in notices(world)} == {"sent"}
    assert messenger.send(stored) == 0


def notices(world: Any) -> list[Notice]:
    """Return all notices of the database."""
    from alerts import Actor  # noqa: PLC0415

    return list(world.dispatch.queries.notices(Actor("a", frozenset(("admin",))), site=None, page=world.everything))


def test_two_workers_never_send_one_message_at_once() -> None:
    """While one worker delivers, the other gets a retryable receipt."""
    inside, freed = threading.Event(), threading.Event()
    slow = Sink("phone", answer=lambda _: (inside.set(), freed.wait(10), Receipt(delivered=True))[-1])
    delivered = SentIds()
    first = threading.Thread(target=delivered.deliver_once, args=(slow, notice(1)))
    first.start()
    assert inside.wait(10)
    second = delivered.deliver_once(slow, notice(1))
    assert (second.delivered, second.retry) == (False, True)
    freed.set()
    first.join()
    assert delivered.deliver_once(slow, notice(1)).delivered
    assert len(slow.got) == 1


@given(numbers=st.lists(st.integers(0, 30), max_size=60), known_max=st.integers(1, 10))
def test_sent_ids_are_bounded_and_newest(numbers: list[int], known_max: int) -> None:
    """The newest ids remain; only a forgotten one is sent again."""
    sink, delivered = Sink("phone"), SentIds(known_max=known_max)
    model: list[int] = []
    for number in numbers:
        delivered.deliver_once(sink, notice(number))
        if number not in model:
            model = [*model, number][-known_max:]
    assert all((notice(number).id in delivered) == (number in model) for number in range(31))


def test_a_fault_is_sent_once_per_channel_and_to_the_console(make: Callable[..., MemoryOutbox]) -> None:
    """Fault and recovery are two notices; a repeated fault is one."""
    sink = Sink("phone")
    messenger = make(sink)
    begun = ServiceFault("log", FULL, Clock.now_ns)
    over = ServiceFault("log", FULL, Clock.now_ns, over_ns=Clock.now_ns + SECOND_NS)
    for fault in (begun, begun, over):
        messenger.send(fault_notices(fault, [sink]))
    until(lambda: len(sink.got) == 1)
    assert [one.type for one in messenger.recent()] == ["service.recovered", "service.fault"]
    assert sink.got[0].body["text"]["en"].startswith("the disk is full: readings are not being stored")
    assert sink.got[0].body["text"]["zh"].startswith("磁盘已满")

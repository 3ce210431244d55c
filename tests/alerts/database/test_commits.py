"""Wakes after commits: readers see the rows of the transaction, and no other transaction wakes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Any

from sqlalchemy import func, select

from alerts import Notice, Outbox, Receipt
from alerts.database import journal
from alerts.database.schema import journal as journal_table
from detectors import Phase
from tests.alerts.sinks import Sink


def append(connection: Any) -> None:
    """Append an entry to the journal."""
    journal.append(connection, at_ns=1, actor="a", kind="k", site="s", subject="x", facts={})


def test_a_listener_sees_what_the_transaction_wrote(make_world: Any) -> None:
    """It runs after the commit, once a transaction, and no longer after its removal."""
    world = make_world()
    commits, seen = world.dispatch.commits, list[int]()

    def look(_channels: Collection[str]) -> None:
        with world.engine.connect() as connection:
            seen.append(int(connection.execute(select(func.count()).select_from(journal_table)).scalar_one()))

    commits.add(look)
    with world.engine.begin() as connection:
        append(connection)
        append(connection)
        assert seen == []
    assert seen == [2]
    with world.engine.connect() as connection:
        connection.execute(select(journal_table.c.seq))
    assert seen == [2]
    commits.remove(look)
    with world.engine.begin() as connection:
        append(connection)
    assert seen == [2]


def test_a_listener_gets_the_channels_of_queued_notices(make_world: Any, seen: Any) -> None:
    """A notice names its channel; an entry of the journal, and a notice that waits for nobody, name none."""
    world = make_world(channels=(Sink("hook", for_programs=True), Sink("phone")))
    channels: list[set[str]] = []
    world.dispatch.commits.add(lambda queued: channels.append({*queued}))
    world.feed(seen(Phase.RAISE, hazard="flood", level=1))
    world.feed(seen(Phase.RAISE, sensor="smoke-102"))
    with world.engine.begin() as connection:
        append(connection)
    assert channels == [{"hook"}, {"hook", "phone"}, set()]


def test_a_page_leaves_at_once(make_world: Any, seen: Any) -> None:
    """The worker of a channel wakes with the commit of the alarm instead of at its interval."""
    sent, times = threading.Event(), list[float]()

    class Phone:
        name, for_programs = "phone", False

        def deliver(self, _notice: Notice) -> Receipt:
            """Record the time."""
            times.append(time.monotonic())
            sent.set()
            return Receipt(delivered=True)

    world = make_world(channels=(Phone(),))
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns, commits=world.dispatch.commits)
    outbox.start()
    try:
        time.sleep(0.1)  # the worker has found nothing and waits
        world.feed(seen(Phase.RAISE))
        begun_s = time.monotonic()
        assert sent.wait(0.5)
    finally:
        outbox.stop()
    assert times[0] - begun_s < 0.5

"""Tail of the journal: a database that is away, heartbeats, and an end that interrupts no read."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from alerts import Event
from alerts.api.events import _stream
from alerts.api.tail import Tail

QUIET = SimpleNamespace(add=lambda _: None, remove=lambda _: None)
"""Commits of a database that nobody writes."""


def test_a_database_that_is_away_at_the_start_delays_the_stream_only() -> None:
    """The reader tries again and then follows the journal."""
    failures = [OperationalError("head", {}, Exception("locked"))] * 2

    def head() -> int:
        if failures:
            raise failures.pop()
        return 7

    begun = threading.Event()

    def events(**_: Any) -> list[Any]:
        begun.set()
        return []

    queries = SimpleNamespace(head=head, events=events)

    async def follow() -> int:
        tail = Tail(SimpleNamespace(queries=queries, commits=QUIET), lambda: 0)  # type: ignore[arg-type]
        running = asyncio.create_task(tail.run())
        await asyncio.to_thread(begun.wait, 10)
        tail.stop()
        await asyncio.wait_for(running, 10)
        return tail.seq

    assert asyncio.run(asyncio.wait_for(follow(), 30)) == 7


def test_the_end_waits_for_the_present_read() -> None:
    """A read in progress completes, so that its connection returns to the pool."""
    begun, read = threading.Event(), list[str]()

    def events(**_: Any) -> list[Any]:
        begun.set()
        time.sleep(0.2)
        read.append("ended")
        return []

    async def follow() -> None:
        tail = Tail(SimpleNamespace(queries=SimpleNamespace(head=lambda: 0, events=events), commits=QUIET), lambda: 0)  # type: ignore[arg-type]
        running = asyncio.create_task(tail.run())
        await asyncio.to_thread(begun.wait, 10)
        tail.stop()
        await running

    asyncio.run(asyncio.wait_for(follow(), 10))
    assert read == ["ended"]


def entry(seq: int) -> Event:
    """Return a journal entry."""
    return Event(seq=seq, at_ns=10**18, actor="system", kind="hazard.opened", site="s", subject=f"h{seq}", facts={})


def listener(tail: Tail) -> AsyncIterator[Any]:
    """Return a stream of all schools that begins with the next entry."""
    rights: dict[str, Any] = {"full": lambda: False, "account_full": lambda _: False, "ended": lambda _: False}
    streams = SimpleNamespace(opened=lambda *_: contextlib.nullcontext(), **rights)
    settings = SimpleNamespace(heartbeat_s=60.0)
    service: Any = SimpleNamespace(streams=streams, tail=tail, settings=settings, clock=lambda: 0)
    caller: Any = SimpleNamespace(username="operator", actor=SimpleNamespace(sees=lambda _: True))
    return _stream(service, caller, "", None)


def test_a_listener_that_is_too_slow_resets_and_misses_nothing_silently(monkeypatch: Any) -> None:
    """Entries in order, once each; a reset when the tail has dropped some that the client has not read."""
    monkeypatch.setattr("alerts.api.tail.EVENTS_MAX", 3)
    tail = Tail(SimpleNamespace(queries=None, commits=QUIET), lambda: 0)  # type: ignore[arg-type]

    async def read() -> list[bytes]:
        stream, found = listener(tail), list[bytes]()
        for first, last in ((1, 2), (3, 5), (6, 10), (11, 11)):
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)  # the listener waits
            await tail._publish([entry(seq) for seq in range(first, last + 1)], 0)
            message = await waiting
            found.append(message if isinstance(message, bytes) else message.encode())
        return found

    one, two, three, four = asyncio.run(asyncio.wait_for(read(), 10))
    ids = [[int(line[4:]) for line in part.splitlines() if line.startswith(b"id: ")] for part in (one, two, four)]
    assert ids == [[1, 2], [3, 4, 5], [11]]
    assert three.startswith(b"id: 10\r\nevent: reset")


def test_a_listener_before_the_first_read_of_the_journal_resets() -> None:
    """It leaves the event loop free, although the tail has no entry after its position."""
    tail = Tail(SimpleNamespace(queries=None, commits=QUIET), lambda: 0)  # type: ignore[arg-type]

    async def read() -> bytes:
        waiting = asyncio.ensure_future(anext(listener(tail)))
        await asyncio.sleep(0)
        tail.seq, tail.oldest = 7, 8
        return bytes((await waiting).encode())

    assert asyncio.run(asyncio.wait_for(read(), 10)).startswith(b"id: 7\r\nevent: reset")


def drain(beats: queue.Queue[str]) -> None:
    """Take up to a hundred heartbeats. Raises queue.Empty after 1.5 s without one."""
    for _ in range(100):
        beats.get(timeout=1.5)


def test_an_unread_journal_stops_the_heartbeat_until_it_is_read_again(office: Any, monkeypatch: Any) -> None:
    """A page behind the stream is then covered, although the connection lives."""
    monkeypatch.setattr("alerts.api.tail.FRESH_S", 0.5)
    away = threading.Event()
    queries = office.app.state.parts.dispatch.queries
    read = queries.events

    def events(**wanted: Any) -> Any:
        if away.is_set():
            raise OperationalError("events", {}, Exception("away"))
        return read(**wanted)

    monkeypatch.setattr(type(queries), "events", lambda _self, **wanted: events(**wanted))
    beats, ended = queue.Queue[str](), threading.Event()

    def follow(lines: Iterator[str]) -> None:
        for line in lines:
            if ended.is_set():
                return
            if line == "event: heartbeat":
                beats.put(line)

    with office.sign_in("officer").stream("GET", "events") as stream:
        reader = threading.Thread(target=follow, args=(stream.iter_lines(),))
        reader.start()
        beats.get(timeout=10)
        away.set()
        with pytest.raises(queue.Empty):
            drain(beats)
        away.clear()
        beats.get(timeout=10)
        ended.set()
        reader.join(10)

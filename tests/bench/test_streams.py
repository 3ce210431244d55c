"""Benchmark of the live stream: CPU time from the tail of the journal to the bytes of 100 streams."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import SimpleNamespace
from typing import Any

from sse_starlette import EventSourceResponse

from alerts import Event
from alerts.api.events import _stream
from alerts.api.tail import EVENTS_MAX, Tail

STREAMS, ALARMS = 100, 60
KINDS = ("hazard.opened", "ticket.opened", "notice.sent")
RATIO_MAX = 1.6
"""Bound of the cost with all kept entries over the cost with none, on a busy machine."""


def entry(seq: int) -> Event:
    """Return a journal entry."""
    kind = KINDS[seq % len(KINDS)]
    return Event(seq=seq, at_ns=10**18, actor="system", kind=kind, site="school-1", subject="5f0c2d1e", facts={})


async def cost_ms(kept: int) -> float:
    """Return the CPU time of an alarm with three entries, in ms, while the tail keeps some entries."""
    tail = Tail(SimpleNamespace(queries=None, commits=None), lambda: 0)  # type: ignore[arg-type]
    await tail._publish([entry(seq) for seq in range(1, kept + 2)], 0)
    tail._read_s = time.monotonic()  # a fresh tail begins each stream with a heartbeat
    streams = SimpleNamespace(
        full=lambda: False,
        account_full=lambda _: False,
        ended=lambda _: False,
        opened=lambda *_: contextlib.nullcontext(),
    )
    service: Any = SimpleNamespace(
        streams=streams, tail=tail, settings=SimpleNamespace(heartbeat_s=60.0), clock=lambda: 0
    )
    caller: Any = SimpleNamespace(username="operator", actor=SimpleNamespace(sees=lambda _: True))
    got, wanted, complete, begun = [0] * STREAMS, [0], asyncio.Event(), asyncio.Event()
    started: list[int] = []

    async def listen(nth: int) -> None:
        async def send(message: Any) -> None:
            if b"heartbeat" in message.get("body", b""):
                started.append(nth)
                if len(started) == STREAMS:
                    begun.set()
                return
            got[nth] += message.get("body", b"").count(b"data:")
            if got[nth] >= wanted[0] and min(got) >= wanted[0]:
                complete.set()

        async def receive() -> None:
            await asyncio.Event().wait()

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await EventSourceResponse(_stream(service, caller, "", None), ping=3_600)(scope, receive, send)  # type: ignore[arg-type]

    listeners = [asyncio.create_task(listen(nth)) for nth in range(STREAMS)]

    async def pass_on(count: int) -> None:
        wanted[0] = count
        complete.clear()
        await tail._publish([entry(tail.seq + nth) for nth in range(1, 4)], 0)
        async with asyncio.timeout(60):
            await complete.wait()

    async with asyncio.timeout(60):
        await begun.wait()
    begun_s = time.process_time()
    for alarm in range(1, ALARMS + 1):
        await pass_on(3 * alarm)
    spent_s = time.process_time() - begun_s
    for listener in listeners:
        listener.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    return spent_s / ALARMS * 1e3


def test_kept_entries_do_not_slow_the_fan_out() -> None:
    """The cost of an alarm does not depend on the number of entries that the tail keeps for returning clients."""
    few = min(asyncio.run(cost_ms(0)) for _ in range(2))
    many = min(asyncio.run(cost_ms(EVENTS_MAX)) for _ in range(2))
    print(f"{few:.2f} ms of CPU for {STREAMS} streams, {many:.2f} ms with {EVENTS_MAX} kept entries")  # noqa: T201 - the figure
    assert many < RATIO_MAX * few

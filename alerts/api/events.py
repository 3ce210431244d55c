"""Route of the live stream: server-sent events for hazards, tickets, notices and sensors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from alerts import Account, Event, format_time

from .cookies import credential
from .dependencies import AccountIn, Dependencies, DependenciesIn
from .problem import problem, problems
from .streams import CHECK_S
from .tail import EVENTS_MAX

router = APIRouter(tags=["events"])
PUBLISHED = frozenset(("hazard", "ticket", "notice", "sensor", "order", "silence", "drill"))
"""First part of the journal kinds that the stream publishes."""
RETRY_S = "10"
EVENT_ID_DIGITS_MAX = 15
EXAMPLE = (
    'event: hazard\r\nid: 17\r\ndata: {"kind": "hazard.opened", "id": "5f0c2d1e9a7b4c3d8e6f1a2b", '
    '"site": "school-1", "actor": "system", "at": "2026-09-21T14:13:20.000+00:00"}\r\n\r\n'
)
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}}}
}


@router.get("/events", response_class=EventSourceResponse, responses=STREAM | problems(429))
async def events(
    request: Request,
    service: DependenciesIn,
    caller: AccountIn,
    last_event_id: Annotated[
        str | None, Header(description="id of the last received event; the stream resumes")
    ] = None,
) -> Response:
    """Stream events of hazards, tickets and others until the session ends.

    Types: `hazard`, `ticket`, `notice`, `sensor`, `order`, `silence`, `drill`, `condition`, `heartbeat` and `reset`.
    `heartbeat`: everything up to now has been sent. `condition`: `/api/v1/condition` has changed. `reset`: events are
    missing; reload everything. The stream ends within 1 s of its session.
    """
    if service.streams.full():
        detail = f"{service.streams.total_max} live streams are open, the maximum"
        zh = f"实时连接已达上限（{service.streams.total_max}）"
        return problem(503, detail, zh=zh, headers={"Retry-After": RETRY_S})
    if service.streams.account_full(caller.username):
        detail = f"{service.streams.account_max} live streams of this account are open, the maximum"
        zh = f"本账号的实时连接已达上限（{service.streams.account_max}）"
        return problem(429, detail, zh=zh, headers={"Retry-After": RETRY_S})
    stream = _stream(service, caller, credential(request), _sequence(last_event_id))
    return EventSourceResponse(stream, ping=3_600, send_timeout=30, headers={"Cache-Control": "no-store"})


def _sequence(last_event_id: str | None) -> int | None:
    """Return the seq of a Last-Event-ID, None for any other text."""
    if last_event_id and last_event_id.isdigit() and len(last_event_id) <= EVENT_ID_DIGITS_MAX:
        return int(last_event_id)
    return None


async def _stream(
    service: Dependencies, caller: Account, token: str, seen: int | None
) -> AsyncIterator[ServerSentEvent | bytes]:
    """Yield events until the client disconnects or its session ends."""
    streams, actor = service.streams, caller.actor
    if streams.full() or streams.account_full(caller.username):  # others have opened between the request and now
        return
    with streams.opened(caller.username, token):
        at = service.tail.seq if seen is None else seen
        if service.tail.lacks(at):
            at = service.tail.seq
            yield _reset(at)
        if service.tail.fresh():
            yield _heartbeat(service, at)
        loop = asyncio.get_running_loop()
        beat, published = loop.time(), 0
        while not streams.ended(token):
            wait_s = max(0.01, min(CHECK_S, beat + service.settings.heartbeat_s - loop.time()))
            if service.tail.condition != published:
                published = service.tail.condition
                yield ServerSentEvent(event="condition", id=str(at), data=json.dumps({"version": published}))
            events = await service.tail.after(at, condition=published, timeout_s=wait_s)
            if service.tail.lacks(at):  # a client that reads too slowly
                at = service.tail.seq
                yield _reset(at)
                continue
            at = events[-1].seq if events else at
            if message := b"".join(_published(event) for event in events if actor.sees(event.site)):
                yield message
            if loop.time() - beat >= service.settings.heartbeat_s:
                if service.tail.fresh():
                    yield _heartbeat(service, at)
                beat = loop.time()


def _reset(seq: int) -> ServerSentEvent:
    """Return the event after which a client reads its lists again."""
    return ServerSentEvent(event="reset", id=str(seq), data="{}")


def _heartbeat(service: Dependencies, seq: int) -> ServerSentEvent:
    return ServerSentEvent(event="heartbeat", id=str(seq), data=json.dumps({"now": format_time(service.clock())}))


def _published(event: Event) -> bytes:
    """Return the bytes of an event, none if the stream does not publish its kind."""
    kind = event.kind.partition(".")[0]
    return (
        _encoded(event.seq, event.kind, event.subject, event.site, event.actor, event.at_ns)
        if kind in PUBLISHED
        else b""
    )


@lru_cache(EVENTS_MAX)
def _encoded(seq: int, kind: str, subject: str, site: str, actor: str, at_ns: int) -> bytes:
    """Return the bytes of an event, encoded once for all listeners."""
    data = json.dumps({"kind": kind, "id": subject, "site": site, "actor": actor, "at": format_time(at_ns)})
    return ServerSentEvent(event=kind.partition(".")[0], id=str(seq), data=data).encode()

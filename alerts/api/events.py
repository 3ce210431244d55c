"""The live stream: hazards, tickets and notices as they change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from alerts import Actor, Event, format_time

from .dependencies import ActorIn, Dependencies, DependenciesIn, bearer
from .problem import problem

router = APIRouter(tags=["events"])
TOLD = frozenset(("hazard", "ticket", "notice", "sensor"))
LISTENERS: dict[int, int] = {}


@router.get("/events", response_model=None)
async def events(
    request: Request,
    service: DependenciesIn,
    actor: ActorIn,
    last_event_id: Annotated[str | None, Header(description="the last id seen; the stream goes on behind it")] = None,
) -> Response:
    """Server-sent events `hazard`, `ticket`, `notice`, `sensor`, `condition`, `heartbeat`; `reset`: reload all.

    `condition`: the service says something new of itself, see `/api/v1/condition`.
    """
    key = id(service)
    if LISTENERS.get(key, 0) >= service.settings.listeners_max:
        return problem(503, "too many live streams", headers={"Retry-After": "10"})
    seen = int(last_event_id) if last_event_id and last_event_id.isdigit() and len(last_event_id) < 16 else None  # noqa: PLR2004 - digits of a seq
    stream = _stream(service, actor, bearer(request), seen)
    return EventSourceResponse(stream, ping=3_600, send_timeout=30, headers={"Cache-Control": "no-store"})


async def _stream(service: Dependencies, actor: Actor, token: str, seen: int | None) -> AsyncIterator[ServerSentEvent]:
    """Events until the listener goes or its token ends."""
    key = id(service)
    LISTENERS[key] = LISTENERS.get(key, 0) + 1
    try:
        at = service.tail.seq if seen is None else seen
        if at > service.tail.seq or at < service.tail.oldest - 1:
            at = service.tail.seq
            yield ServerSentEvent(event="reset", id=str(at), data="{}")
        yield _heartbeat(service, at)
        loop = asyncio.get_running_loop()
        beat, told = loop.time(), 0
        while True:
            wait_s = max(0.01, beat + service.settings.heartbeat_s - loop.time())
            if service.tail.condition != told:
                told = service.tail.condition
                yield ServerSentEvent(event="condition", id=str(at), data=json.dumps({"version": told}))
            for event in await service.tail.after(at, condition=told, timeout_s=wait_s):
                at = event.seq
                if actor.sees(event.site) and event.kind.partition(".")[0] in TOLD:
                    yield _told(event)
            if loop.time() - beat >= service.settings.heartbeat_s:
                if await to_thread.run_sync(lambda: service.people.who(token, use=False)) is None:
                    return
                yield _heartbeat(service, at)
                beat = loop.time()
    finally:
        LISTENERS[key] -= 1


def _heartbeat(service: Dependencies, seq: int) -> ServerSentEvent:
    return ServerSentEvent(event="heartbeat", id=str(seq), data=json.dumps({"now": format_time(service.clock())}))


def _told(event: Event) -> ServerSentEvent:
    body = {"kind": event.kind, "id": event.subject, "site": event.site, "actor": event.actor}
    return ServerSentEvent(
        event=event.kind.partition(".")[0],
        id=str(event.seq),
        data=json.dumps(body | {"at": format_time(event.at_ns)}),
    )

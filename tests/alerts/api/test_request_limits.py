"""Bounds of uploads: anyone may send a photo, and many at once must not end the service."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from prometheus_client import CollectorRegistry

from alerts.api import request_limits
from alerts.api.request_limits import UPLOADS_MAX, RequestLimits

PHOTO = "/api/v1/reports/7KQ2M9XW4HTB8RNC/photo"


async def accepted(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer every request that passes the bounds."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def status_of(limits: RequestLimits, path: str, arrived: anyio.Event) -> int:
    """Return the status of a request whose body arrives at the event."""
    found: list[int] = []

    async def receive() -> dict[str, Any]:
        await arrived.wait()
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])

    scope = {"type": "http", "method": "PUT", "path": path, "headers": [], "query_string": b""}
    await limits(scope, receive, send)  # type: ignore[arg-type]
    return found[0]


def limits() -> RequestLimits:
    """Return the middleware around a service that accepts everything."""
    return RequestLimits(accepted, body_bytes_max=1_024, picture_bytes_max=2_048, registry=CollectorRegistry())


def test_one_photo_too_many_is_refused_and_other_requests_are_served() -> None:
    """Slow senders of photos take no place of an acknowledgement; their places become free again."""

    async def run() -> None:
        middleware, arrived, now = limits(), anyio.Event(), anyio.Event()
        now.set()
        found: list[int] = []

        async def slow() -> None:
            found.append(await status_of(middleware, PHOTO, arrived))

        async with anyio.create_task_group() as group:
            for _ in range(UPLOADS_MAX):
                group.start_soon(slow)
            await anyio.wait_all_tasks_blocked()
            assert await status_of(middleware, PHOTO, now) == 503
            assert await status_of(middleware, "/api/v1/plans/school-1/pictures", now) == 503
            assert await status_of(middleware, "/api/v1/hazards/1/actions/acknowledge", now) == 204
            arrived.set()
        assert found == [204] * UPLOADS_MAX
        assert await status_of(middleware, PHOTO, now) == 204

    anyio.run(run)


def test_a_photo_that_does_not_arrive_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that stops is not waited for."""
    monkeypatch.setattr(request_limits, "UPLOAD_S", 0.01)

    async def run() -> None:
        middleware = limits()
        assert await status_of(middleware, PHOTO, anyio.Event()) == 408
        assert middleware._uploads == 0

    anyio.run(run)

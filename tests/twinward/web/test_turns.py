"""Turns and rates of readers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from alerts.api import HttpSettings
from twinward.web import Turns
from twinward.web.turns import BURST_S, WAITING_MAX


class App:
    """Application whose answers wait for `go`; counts the running requests."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.running = 0

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with two parts."""
        self.running += 1
        try:
            await self.go.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await send({"type": "http.response.body", "body": b"b"})
        finally:
            self.running -= 1


def client(app: App, **settings: Any) -> httpx.AsyncClient:
    """Return a client of the application inside the middleware."""
    turns = Turns(app, settings=HttpSettings(**settings))
    return httpx.AsyncClient(transport=httpx.ASGITransport(turns), base_url="http://service")


async def get(http: httpx.AsyncClient, token: str, path: str = "/api/v1/hazards") -> httpx.Response:
    """Read with a token."""
    return await http.get(path, headers={"Authorization": f"Bearer {token}"})


async def settled() -> None:
    """Let every ready task run."""
    for _ in range(200):
        await asyncio.sleep(0)


def test_readers_take_turns_and_others_pass() -> None:
    """Of 24 reads of a token two run, 16 wait and the rest get 429; another token, a probe and a write run at once."""

    async def run() -> None:
        app = App()
        async with client(app) as http:
            reads = [asyncio.create_task(get(http, "a")) for _ in range(24)]
            await settled()
            assert app.running == 2
            refused = [task.result() for task in reads if task.done()]
            assert [answer.status_code for answer in refused] == [429] * (24 - 2 - WAITING_MAX)
            assert refused[0].headers["retry-after"] == "1"
            others = [asyncio.create_task(get(http, "b")) for _ in range(3)]
            others.append(asyncio.create_task(http.get("/readyz")))
            others.append(
                asyncio.create_task(http.post("/api/v1/hazards/1/actions", headers={"Authorization": "Bearer a"}))
            )
            await settled()
            assert app.running == 2 + 2 + 1 + 1
            app.go.set()
            answers = await asyncio.gather(*reads, *others)
            assert sorted(answer.status_code for answer in answers) == [200] * 23 + [429] * 6

    asyncio.run(run())


def test_all_readers_together_have_a_bound() -> None:
    """Six tokens with a read each: four run."""

    async def run() -> None:
        app = App()
        async with client(app) as http:
            reads = [asyncio.create_task(get(http, str(number))) for number in range(6)]
            await settled()
            assert app.running == 4
            app.go.set()
            assert {answer.status_code for answer in await asyncio.gather(*reads)} == {200}

    asyncio.run(run())


def test_writes_leave_threads_and_connections_to_others() -> None:
    """Of 20 writes 8 run, none gets 429; a sign-in and a read run at once."""

    async def run() -> None:
        app = App()
        async with client(app) as http:
            writes = [asyncio.create_task(http.post("/api/v1/hazards/1/actions/acknowledge")) for _ in range(20)]
            await settled()
            assert app.running == 8
            others = [asyncio.create_task(http.post("/api/v1/session")), asyncio.create_task(get(http, "a"))]
            await settled()
            assert app.running == 10
            app.go.set()
            assert {answer.status_code for answer in await asyncio.gather(*writes, *others)} == {200}

    asyncio.run(run())


def test_pages_of_a_whole_school_behind_one_address_are_served() -> None:
    """40 files of the console and a read wait for each other at most; none gets 429."""

    async def run() -> None:
        app = App()
        async with client(app, requests_per_s=1) as http:
            pages = [asyncio.create_task(http.get(f"/assets/{number}.js")) for number in range(40)]
            await settled()
            assert app.running == 8
            read = asyncio.create_task(get(http, "a"))
            await settled()
            assert app.running == 9
            app.go.set()
            assert {answer.status_code for answer in await asyncio.gather(*pages, read)} == {200}

    asyncio.run(run())


def test_a_cancelled_read_frees_its_turn() -> None:
    """A client that disconnects, running or waiting, leaves no turn taken."""

    async def run() -> None:
        app = App()
        async with client(app, reads_per_caller=1) as http:
            reads = [asyncio.create_task(get(http, "a")) for _ in range(3)]
            await settled()
            for task in reads:
                task.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
            app.go.set()
            assert (await asyncio.wait_for(get(http, "a"), 20)).status_code == 200

    asyncio.run(run())


def test_a_slow_client_holds_no_turn() -> None:
    """While a client takes a part of its answer, another read of the same token runs."""

    async def run() -> None:
        app = App()
        app.go.set()
        turns = Turns(app, settings=HttpSettings(reads_per_caller=1, reads_max=1))
        scope = {"type": "http", "method": "GET", "path": "/api/v1/hazards", "headers": [], "client": ("192.0.2.1", 1)}
        taken, slow = asyncio.Event(), asyncio.Event()

        async def send(message: Any) -> None:
            if message.get("more_body"):
                taken.set()
                await slow.wait()

        async def ignore(_message: Any) -> None:
            """Take the answer at once."""

        first = asyncio.create_task(turns(scope, None, send))  # type: ignore[arg-type]
        await asyncio.wait_for(taken.wait(), 20)
        await asyncio.wait_for(turns(scope, None, ignore), 20)  # type: ignore[arg-type]
        slow.set()
        await asyncio.wait_for(first, 20)

    asyncio.run(run())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_caller_has_a_rate(method: str) -> None:
    """Beyond its rate a caller gets 429 with the time to wait; the reads of a caller do not use up its writes."""

    async def run() -> None:
        app = App()
        app.go.set()
        async with client(app, requests_per_s=2) as http:
            statuses = [(await http.request(method, "/api/v1/x")).status_code for _ in range(2 * BURST_S + 1)]
            assert statuses == [200] * 2 * BURST_S + [429]
            refused = await http.request(method, "/api/v1/x")
            assert 1 <= int(refused.headers["retry-after"]) <= BURST_S
            assert (await http.request("GET" if method == "POST" else "POST", "/api/v1/x")).status_code == 200
            assert (await get(http, "other")).status_code == 200

    asyncio.run(run())

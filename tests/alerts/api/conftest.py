"""Fixtures: HTTP interface on a real port over a real alert service, with clients of two schools."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from alerts import ROLES, People
from alerts.api import Condition, HttpSettings, Last, Qualified
from alerts.api.dependencies import served
from alerts.notices.channels import Channel, NotifySettings, connect, open_channels
from detectors import Recipe, load_recipe
from ingest import Catalog, Store, Unread
from ingest.stores import MemoryStore
from tests.application import create_app

PASSWORD = "long enough for a test"
BODY_BYTES_MAX = 4_096


@dataclass
class Telemetry:
    """The telemetry side of a service with an empty store."""

    catalog: Catalog
    store: Store = field(default_factory=MemoryStore)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    parts: dict[str, bool] = field(default_factory=lambda: {"log": True})
    present: Condition = field(default_factory=Condition)
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    unread_keys: dict[int, Unread] = field(default_factory=dict)
    recipe: Recipe = field(default_factory=load_recipe)
    qualifications: dict[str, Qualified] = field(default_factory=dict)

    def qualified(self) -> Mapping[str, Qualified]:
        """Return the qualifications that the test has set."""
        return self.qualifications

    def latest(self, sensor: int) -> list[Last]:
        """Return no readings."""
        assert sensor >= 0
        return []

    def accounting(self) -> dict[str, Any]:
        """Return accounts that balance."""
        total = {"received": 3, "stored": 3, "duplicate": 0, "quarantined": {}, "residual": 0}
        by = [{"site": site, "format": "campus", "notices": {}} | total for site in ("school-1", "school-2")]
        store = {"cursor": 1, "readings": 6, "lag_batches": 0}
        return {"total": total, "by": by, "notices": {}, "log": {"head": 1}, "store": store, "lag": {"store": 0}}

    def accounting_of(self, site: str, *, trouble: bool, limit: int, after: tuple[int, int] | None) -> dict[str, Any]:
        """Return three devices; one of them has a quarantined reading."""
        line = {"received": 1, "stored": 1, "duplicate": 0, "quarantined": {}, "missing": 0, "excess": 0, "residual": 0}
        line |= {"unread": 0}
        devices = [
            {"key": (0, number), "sensor": f"{site}-{number}", "kind": "env", "unread_keys": []} | line
            for number in range(1 if trouble else 3)
            if after is None or (0, number) > after
        ]
        none = dict.fromkeys(line, 0) | {"quarantined": {}}
        return {"site": site, "total": line, "remainder": none, "items": devices[:limit]}

    def unread(self, codes: Sequence[int]) -> Mapping[int, Unread]:
        """Return the unread keys that the test has set."""
        return {code: self.unread_keys[code] for code in codes if code in self.unread_keys}

    def quarantine(
        self, limit: int, before: int | None, *, sites: Sequence[str] | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the quarantined messages of the test, as the log selects them."""
        found = [
            row
            for row in self.quarantined
            if (before is None or row["id"] < before)
            and (sites is None or row["site"] in sites)
            and reason in {None, row["reason"]}
        ]
        return sorted(found, key=lambda row: -row["id"])[:limit]

    def replay(self, *, site: str | None, reason: str | None) -> int:
        """Return two messages of school-1."""
        return 2 if site in {None, "school-1"} and reason in {None, "time_past"} else 0

    def condition(self) -> Condition:
        """Return the condition that the test has set."""
        return self.present

    def clocks(self) -> list[dict[str, Any]]:
        """Return a clock one hour ahead for each sensor, and one for a code outside the catalogue."""
        off = {"offset_ns": -3_600_000_000_000, "bound_ns": 1_200_000_000, "drift_ppm": 20.0, "since_ns": 10**18}
        return [{"code": code} | off for code in (*range(len(self.catalog)), 10_000)]

    def health(self) -> dict[str, bool]:
        """Return the health checks that the test has set."""
        return self.parts


@dataclass
class Office:
    """The running interface with one account for each role of school-1, and `other` of school-2."""

    world: Any
    app: FastAPI
    url: str
    telemetry: Telemetry
    people: People
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, token: str = "") -> httpx.Client:
        """Return a client with that token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.clients.append(httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=60))
        return self.clients[-1]

    def sign_in(self, username: str) -> httpx.Client:
        """Return a client signed in as that account."""
        session = self.people.sign_in(username, PASSWORD, address="test")
        assert session is not None
        return self.client(session.token)

    def use(self, channels: Sequence[Channel]) -> None:
        """Run the interface with these channels, as a service does."""
        connect(channels, self.world.dispatch.acknowledgements, self.people.push_devices)
        gateways, push = served(channels)
        self.app.state.parts = replace(self.app.state.parts, gateways=gateways, push=push)

    def use_web_push(self, folder: Path) -> None:
        """Run the interface with Web Push, by a channel file in the folder."""
        path = folder / "channels.toml"
        path.write_text('[[web_push]]\nname = "push"\ncontact = "safety@school.example"\n', encoding="utf-8")
        path.chmod(0o600)
        self.use(open_channels(NotifySettings(channels_file=path)))


@pytest.fixture
def office(world: Any) -> Iterator[Office]:
    """Return an interface over a new school."""
    people = People(world.engine, time.time_ns, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    for role in ROLES:
        people.create(role, PASSWORD, roles=[role], sites=["school-1"])
    people.create("officer2", PASSWORD, roles=["officer"], sites=["school-1"])
    people.create("other", PASSWORD, roles=["officer", "admin"], sites=["school-2"])
    for sensor in world.registry.sensors:
        world.catalog.code(sensor.site, sensor.id, sensor.kind)
    world.dispatch.register.fill()
    telemetry = Telemetry(world.catalog)
    settings = HttpSettings(body_bytes_max=BODY_BYTES_MAX, picture_bytes_max=200_000, heartbeat_s=0.3)
    app = create_app(world.dispatch, people, telemetry, settings=settings, clock=time.time_ns)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    ends = {"timeout_graceful_shutdown": 1, "timeout_keep_alive": 600}
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", **ends))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait(lambda: server.started)
    running = Office(world, app, f"http://127.0.0.1:{port}", telemetry, people)
    yield running
    for client in running.clients:
        client.close()
    server.should_exit = True
    thread.join(10)


def wait(condition: Callable[[], bool]) -> None:
    """Block until the condition holds, at most 60 s."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)

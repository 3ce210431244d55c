"""Fixtures: Chromium, and the real API, alert service, accounts, log and store of one small school."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from argon2 import PasswordHasher
from playwright.sync_api import Browser, Page, expect, sync_playwright
from prometheus_client import CollectorRegistry

from alerts import AlertDispatch, People, open_database, read_registry
from alerts.api import Condition, HttpSettings, Last, Qualified
from detectors import DetectionBatch, Phase, Recipe, load_recipe
from ingest import Catalog, Count, Counts, Sealed, Store, Unread, from_columns
from ingest.stores import open_store
from tests.application import create_app
from twinward.balances import balances, summed, unread_keys
from twinward.log import TelemetryLog

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CONSOLE = Path(__file__).parents[2] / "alerts" / "console" / "dist" / "index.html"
WAIT_MS = 20_000
PASSWORD = "a long enough password"
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SITE = "school-1"
SMOKE = "smoke-412"
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
OTHER = "school-2"
PEOPLE = {"operator": "operator", "officer": "officer", "officer2": "officer", "fixer": "fixer"}
BUREAU = {"district": "district", "admin": "admin"}
"""People of both schools."""
TONES = """
window.tones = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) {
  tones.push(this.frequency.value);
  return start.apply(this, when);
};
"""
"""Script that records the frequency of each tone."""
BOX = [[10, 10], [90, 10], [90, 50], [10, 50]]
CAMPUS = {
    "site": [
        {"id": SITE, "name_zh": "青竹实验学校", "name_en": "Qingzhu School", "size_m": [200, 120]},
        {"id": OTHER, "name_zh": "白石中学", "name_en": "Baishi School", "size_m": [100, 80]},
    ],
    "zone": [
        {"site": SITE, "id": "dorm-3", "name_zh": "3号宿舍楼", "name_en": "Dormitory 3", "key": "dormitory"}
        | {"polygon": BOX, "officer": "officer", "fixer": "fixer"}
    ],
    "place": [
        {"site": SITE, "zone": "dorm-3", "id": "room-412", "name_zh": "3号宿舍412室"}
        | {"name_en": "Dormitory 3, room 412", "xy": [40, 30], "floor": 4}
    ],
    "sensor": [{"site": SITE, "id": SMOKE, "kind": "smoke", "place": "room-412", "period_s": 10}],
}
WORDS = {
    Phase.RAISE: ("烟雾浓度 0.18 dB/m，高于报警限 0.15 dB/m。", "Smoke at 0.18 dB/m, above the alarm limit 0.15 dB/m."),
    Phase.CLEAR: ("烟雾浓度回到 0.02 dB/m。", "Smoke back at 0.02 dB/m."),
}


@dataclass(frozen=True)
class View:
    """The telemetry side of the API over a real log and a real store."""

    catalog: Catalog
    store: Store
    log: TelemetryLog
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    said: list[Condition] = field(default_factory=lambda: [Condition()])
    recipe: Recipe = field(default_factory=load_recipe)
    qualifications: dict[str, Qualified] = field(default_factory=dict)

    def qualified(self) -> Mapping[str, Qualified]:
        """Return the qualifications that the test has set."""
        return self.qualifications

    def latest(self, sensor: int) -> list[Last]:
        """Return the latest stored reading of each metric."""
        rows = []
        for metric in self.store.metrics(sensor):
            series = self.store.read(sensor, metric, from_ns=0, to_ns=2**62)
            rows.append(Last(metric, int(series.time_ns[-1]), float(series.value[-1]), int(series.quality[-1])))
        return rows

    def accounting(self) -> dict[str, Any]:
        """Return the accounts of the log, in the form of the service."""
        total = summed(self.log.accounting())
        notices = total.pop("notices")
        by = [{"site": SITE, "format": "campus", "notices": notices} | total]
        log = {"head": self.log.head()}
        store = {"cursor": self.store.cursor(), "readings": self.store.count(), "lag_batches": 0}
        return {"total": total, "by": by, "notices": notices, "log": log, "store": store, "lag": {"store": 0}}

    def accounting_of(self, site: str, *, trouble: bool, limit: int, after: tuple[int, int] | None) -> dict[str, Any]:
        """Return the reading accounts of the site's devices."""
        return balances(self.log, self.catalog, site, trouble=trouble, limit=limit, after=after)

    def unread(self, codes: Sequence[int]) -> Mapping[int, Unread]:
        """Return the unread keys of the log."""
        return unread_keys(self.log, codes)

    def quarantine(
        self, limit: int, before: int | None, *, sites: Sequence[str] | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """Return quarantined messages of the log."""
        return self.log.quarantine(limit, before, sites=sites, reason=reason)

    def replay(self, *, site: str | None, reason: str | None) -> int:
        """Request the reprocessing of quarantined messages."""
        return self.log.replay(site=site, reason=reason)

    def condition(self) -> Condition:
        """Return the condition that the test has set."""
        return self.said[-1]

    def clocks(self) -> list[dict[str, Any]]:
        """Return the clock errors of the log."""
        return [{"code": code} | clock._asdict() for code, clock in self.log.clocks()]

    def health(self) -> Mapping[str, bool]:
        """Return the state of log and store."""
        return {"log": self.log.head() > 0, "store": self.store.count() > 0}


class School:
    """The served school. Detections pass the alert service as in production."""

    def __init__(
        self,
        folder: Path,
        database: bytes,
        *,
        channels: Sequence[Any] = (),
        campus: Mapping[str, Any] = CAMPUS,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """clock: of the alert service; sessions and telemetry run by the real one."""
        self.registry = read_registry(campus)
        self.catalog = Catalog(self.registry.sensors)
        (folder / "alerts.sqlite").write_bytes(database)
        engine = open_database(f"sqlite:///{folder / 'alerts.sqlite'}")
        self.dispatch = AlertDispatch(engine, self.registry, clock, channels=channels)
        people = People(engine, time.time_ns, hasher=HASHER)
        for name, role in PEOPLE.items():
            people.create(name, PASSWORD, roles=[role], sites=[SITE])
        for name, role in BUREAU.items():
            people.create(name, PASSWORD, roles=[role], sites=[SITE, OTHER])
        self.people = people
        self.log = TelemetryLog(folder / "telemetry.sqlite", clock=time.time_ns)
        self.store = open_store("memory", folder)
        self._fill()
        self.view = View(self.catalog, self.store, self.log)
        settings = HttpSettings()
        app = create_app(self.dispatch, people, self.view, settings=settings, clock=time.time_ns, channels=channels)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_keep_alive=600))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._positions = iter(range(1, 1_000))

    def start(self) -> None:
        """Serve; returns once the server answers. Raises TimeoutError."""
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("the API did not start within 60 s")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop serving and release the files."""
        self._server.should_exit = self._server.force_exit = True  # without a wait for live streams
        self._thread.join(10)
        self._socket.close()
        self.log.close()
        self.store.close()
        self.dispatch.engine.dispose()

    def detect(
        self,
        phase: Phase,
        *,
        sensor: str = SMOKE,
        text: str | None = None,
        drill: bool = False,
        site: str = SITE,
        rule: str = "smoke_alarm",
        level: int = 2,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Apply one detection of smoke, as the detection log delivers it. facts: further evidence."""
        zh, en = (text, text) if text else WORDS.get(phase, WORDS[Phase.RAISE])
        now_ns = time.time_ns()
        evidence = {
            "window_s": 60,
            "limit": 0.15,
            "value": 0.18,
            "unit": "dB/m",
            "text": {"zh": zh, "en": en},
            "clears": {"zh": "低于 0.10 dB/m 并保持 60 秒", "en": "below 0.10 dB/m for 60 s"},
            **(facts or {}),
        }
        batch = DetectionBatch(
            sensor=np.array([self.catalog.code(site, sensor, "smoke")], np.int32),
            metric=np.array([self.catalog.metric("smoke_density").code], np.int16),
            phase=np.array([phase], np.int8),
            level=np.array([level], np.int8),
            first_ns=np.array([now_ns - 60_000_000_000], np.int64),
            last_ns=np.array([now_ns], np.int64),
            gateway_ns=np.zeros(1, np.int64),
            arrival_ns=np.array([now_ns], np.int64),
            decided_ns=np.array([now_ns], np.int64),
            score=np.array([0.9]),
            late=np.array([False]),
            drill=np.array([drill]),
            rule=[rule],
            detector=["threshold"],
            hazard=["fire"],
            evidence=[evidence],
        )
        self.dispatch.apply(batch, self.catalog, cursor=next(self._positions))

    def _fill(self) -> None:
        """Write ten minutes of readings of the smoke detector, and add one sensor with markup in its name."""
        rows, now_ns = 60, time.time_ns()
        times_ns = now_ns - np.arange(rows, 0, -1, dtype=np.int64) * 10_000_000_000
        columns = {
            "sensor": np.full(rows, self.catalog.code(SITE, SMOKE, "smoke"), np.int32),
            "metric": np.full(rows, self.catalog.metric("smoke_density").code, np.int16),
            "time_ns": times_ns,
            "arrival_ns": times_ns + 1_000_000,
            "value": np.linspace(0.02, 0.18, rows),
            "quality": np.zeros(rows, np.uint8),
        }
        self.catalog.code(SITE, HOSTILE, "smoke")
        batch = from_columns(columns)
        counts = {Count(SITE, "campus", "received"): rows, Count(SITE, "campus", "stored"): rows}
        sealed = Sealed(batch, [Counts(counts), self.catalog.drain_changes()])
        self.store.write(batch, cursor=self.log.append(sealed))


@pytest.fixture
def school(tmp_path: Path, sqlite_template: bytes) -> Iterator[School]:
    """Return a served school without hazards."""
    assert CONSOLE.exists(), "the console is not built; `pip install -e .` builds it"
    served = School(tmp_path, sqlite_template)
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """Return Debian's Chromium, headless. What a page shall show is awaited for a busy machine, too."""
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, headless=True, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def sign_in(browser: Browser, school: School) -> Iterator[Any]:
    """Return a function that signs a person in on a new page; script and policy errors fail the test."""
    contexts, errors = [], []

    def enter(username: str, *, language: str = "zh") -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        context.set_default_timeout(30_000)
        context.add_init_script(TONES)
        context.add_init_script(
            f"localStorage.getItem('twinward.language') ?? localStorage.setItem('twinward.language', '{language}')"
        )
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.extend([message.text] if "Security Policy" in message.text else []))
        page.goto(school.url)
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector("nav")
        return page

    yield enter
    for context in contexts:
        context.close()
    assert errors == []

"""Bureau of many schools: time of lists, roll-ups, a past map, and of the ticket of a hazard.

The rows are synthetic, see `bureau_rows`. Requests go through session and middleware, without network and compression.
The database is an empty one of the option `--database`, or a temporary SQLite file.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import httpx
import numpy as np

from alerts import AlertDispatch, People, open_database, read_registry
from alerts.api import HttpSettings, Telemetry, create_app
from alerts.database import schema
from detectors import DetectionBatch, Phase
from ingest import Catalog
from twinward.errors import TwinwardError

from .bureau_cost import Cost
from .bureau_requests import ADMIN, BUREAU, SCHOOL
from .bureau_rows import Progress, load
from .bureau_size import DAY_NS, PLACES, Size, site_of
from .bureau_telemetry import BureauTelemetry

if TYPE_CHECKING:
    from sqlalchemy import Engine

Row = dict[str, Any]
REPEATS_MIN, REPEATS_MAX = 5, 400
PAST_DAYS = 40


def run(
    *, seconds: float = 5.0, schools: int = 3_000, database: str = "", progress: Progress = lambda _text: None
) -> Iterator[Row]:
    """Yield the time of the load, then time, CPU and statements of each request, then those of a ticket.

    seconds: for each case. Raises TwinwardError for a database that has rows.
    """
    size = Size.of(schools)
    with tempfile.TemporaryDirectory(prefix="twinward-bench-") as folder:
        engine = open_database(database or f"sqlite:///{folder}/alerts.sqlite")
        with contextlib.closing(_Engine(engine)):
            _require_empty(engine)
            now_ns, begun_s, cpu_s = time.time_ns(), time.monotonic(), time.process_time()
            load(engine, size, now_ns, progress)
            case = f"load of {schools:,} schools, {size.tickets:,} tickets on {engine.dialect.name}"
            took = {"load_s": time.monotonic() - begun_s, "cpu_s": time.process_time() - cpu_s}
            yield {"bench": "bureau", "case": case} | {name: round(value, 1) for name, value in took.items()}
            yield from _measured(Bureau(engine, size, now_ns), Cost(engine), seconds, progress)


@dataclass
class Bureau:
    """The alert service and its HTTP interface over the loaded rows. The clock stands still at `now_ns`."""

    engine: Engine
    size: Size
    now_ns: int
    dispatch: AlertDispatch = field(init=False)
    catalog: Catalog = field(init=False)
    app: Any = field(init=False)
    tokens: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        registry = read_registry(self.size.campus())
        self.catalog = Catalog(registry.sensors)
        self.catalog.enrol(len(registry.sensors))
        self.dispatch = AlertDispatch(self.engine, registry, self.clock)
        people = People(self.engine, self.clock)
        telemetry = cast("Telemetry", BureauTelemetry(self.catalog, self.size, self.now_ns))
        self.app = create_app(self.dispatch, people, telemetry, settings=HttpSettings(), clock=self.clock)
        self.tokens = {name: _token(people, name) for name in ("city", "admin", "officer")}

    def clock(self) -> int:
        """Return the time of the rows."""
        return self.now_ns

    def requests(self) -> list[tuple[str, str]]:
        """Return account and path of each request; a page has the default number of rows."""
        past = datetime.fromtimestamp((self.now_ns - PAST_DAYS * DAY_NS) / 1e9, UTC)
        facts = {"site": site_of(0), "past": past.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return [
            *(("city", path) for path in BUREAU),
            *(("admin", path) for path in ADMIN),
            *(("officer", path.format(**facts)) for path in SCHOOL),
        ]


class _Engine:
    """The engine as an object that closes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def _require_empty(engine: Engine) -> None:
    with engine.execution_options(writes=False).connect() as connection:
        if connection.execute(schema.journal.select().limit(1)).first() is not None:
            raise TwinwardError("bench: the database has rows; it must be empty")


def _token(people: People, role: str) -> str:
    password = secrets.token_urlsafe(20)
    people.create(role, password, roles=[role], sites=[site_of(0)] if role == "officer" else None)
    session = people.sign_in(role, password, address="bench")
    if session is None:
        raise TwinwardError(f"bench: account {role} cannot sign in")
    return session.token


def _measured(bureau: Bureau, cost: Cost, seconds: float, progress: Progress) -> Iterator[Row]:
    for account, path in bureau.requests():
        progress(f"bureau: {account}: {path}")
        yield asyncio.run(_request(bureau, cost, (account, path), seconds))
    progress("bureau: tickets")
    yield _tickets(bureau, cost, seconds)


async def _request(bureau: Bureau, cost: Cost, case: tuple[str, str], seconds: float) -> Row:
    account, path = case
    headers = {"Authorization": f"Bearer {bureau.tokens[account]}", "Accept-Encoding": "identity"}
    transport = httpx.ASGITransport(bureau.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers) as client:
        first = await client.get(f"/api/v1/{path}")
        if first.status_code != 200:  # noqa: PLR2004 - HTTP
            raise TwinwardError(f"bench: {path} answers {first.status_code}: {first.text[:200]}")
        taken_s, before, end_s = list[float](), cost.now(), time.monotonic() + seconds
        while _further(taken_s, end_s):
            begun_s = time.perf_counter()
            await client.get(f"/api/v1/{path}")
            taken_s.append(time.perf_counter() - begun_s)
        spent = before.until(cost.now(), len(taken_s))
    return _row(f"{account}: {path}", taken_s) | spent | {"bytes": len(first.content)}


def _tickets(bureau: Bureau, cost: Cost, seconds: float) -> Row:
    """Raise a hazard in one school after the other; each detection is one entry of the log."""
    taken_s, before, end_s = list[float](), cost.now(), time.monotonic() + seconds
    while _further(taken_s, end_s):
        batch = _detection(bureau, len(taken_s))
        begun_s = time.perf_counter()
        bureau.dispatch.apply(batch, bureau.catalog, cursor=len(taken_s) + 1)
        taken_s.append(time.perf_counter() - begun_s)
    return _row("ticket of a hazard", taken_s) | before.until(cost.now(), len(taken_s))


def _further(taken_s: list[float], end_s: float) -> bool:
    return len(taken_s) < REPEATS_MIN or (time.monotonic() < end_s and len(taken_s) < REPEATS_MAX)


def _detection(bureau: Bureau, number: int) -> DetectionBatch:
    """Return a detection of a cause that no loaded row has."""
    sensor = f"smoke-{number // bureau.size.schools % PLACES}"
    code = bureau.catalog.code(site_of(number % bureau.size.schools), sensor, "smoke")
    words, at_ns = {"zh": "探测器故障", "en": "detector fault"}, np.array([bureau.now_ns + number], np.int64)
    return DetectionBatch(
        sensor=np.array([code], np.int32),
        metric=np.array([bureau.catalog.metric("fault").code], np.int16),
        phase=np.array([Phase.RAISE], np.int8),
        level=np.array([1], np.int8),
        first_ns=at_ns, last_ns=at_ns, gateway_ns=np.zeros(1, np.int64), arrival_ns=at_ns, decided_ns=at_ns,
        score=np.ones(1),
        late=np.zeros(1, np.bool_),
        drill=np.zeros(1, np.bool_),
        rule=["fault"], detector=["threshold"], hazard=["sensor_fault"],
        evidence=[{"window_s": 0, "limit": 1, "value": 1, "unit": "", "text": words, "clears": words}],
    )  # fmt: skip


def _row(case: str, taken_s: list[float]) -> Row:
    p95_s = float(np.percentile(taken_s, 95))
    p50_ms, p95_ms = (round(value * 1e3, 2) for value in (statistics.median(taken_s), p95_s))
    return {"bench": "bureau", "case": case, "p50_ms": p50_ms, "p95_ms": p95_ms, "repeats": len(taken_s)}

"""Degraded mode: hazards and pages on an in-memory copy while log or database cannot write.

The copy has hazards that are open or may relapse, their findings and tickets, and the sensor bindings. The results are
paging notices with the ids that the stored notices get later. The copy opens no ticket, is never written back, and
returns no notice that does not page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, delete, func, insert, or_, select
from sqlalchemy.pool import QueuePool

from detectors import DetectionBatch
from ingest import Catalog, Priority

from .database import rows
from .database.evidence_rows import tickets_of
from .database.positions import position, renamed, set_renamed
from .database.schema import (
    assignments,
    danger_hazards,
    findings,
    hazards,
    journal,
    metadata,
    muted_pages,
    notices,
    rosters,
    silences,
    tickets,
)
from .escalations.assembly import memory_pager
from .hazards.bindings import assigned
from .hazards.findings import observations
from .hazards.lifecycle import HazardLifecycle
from .hazards.renames import follow
from .model import Hazard, Notice, Ticket
from .notices.channels.contract import Channel
from .notices.channels.routes import ORDERS
from .notices.watchdog import real_rows
from .notices.writer import PAGED, NoticeWriter
from .risk.causes import causes
from .risk.registry import Registry
from .silences.muting import Muting
from .silences.release import release

ROWS_MAX = 50_000
"""Rows copied of each table at most, the newest first. An older hazard opens again under another id."""


class FallbackDispatch:
    """Applies detections to a database in memory. One thread uses it."""

    def __init__(
        self,
        engine: Engine | None,
        registry: Registry,
        clock: Callable[[], int],
        *,
        channels: Sequence[Channel],
        pending: bool = False,
    ) -> None:
        """engine: the readable database to copy; None for an empty copy.

        pending: also copy pending notices of pages and orders, because the database cannot mark them as sent.
        """
        self._registry, self._clock, self._channels = registry, clock, tuple(channels)
        self._engine = create_engine(
            "sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, connect_args={"check_same_thread": False}
        )
        metadata.create_all(self._engine)
        self._pager = memory_pager(self._engine, registry, clock, channels)
        self.cursors = dict.fromkeys(Priority, 0)
        if engine is not None:
            reading = engine.execution_options(writes=False)
            with reading.connect() as source, self._engine.begin() as copy:
                self.cursors = _copied(source, copy, clock(), pending=pending)

    def apply(self, detections: DetectionBatch, catalog: Catalog) -> list[Notice]:
        """Return the paging notices of detections that are not in the database: one per channel and the console."""
        with self._engine.begin() as connection:
            post = NoticeWriter(connection, self._channels, self._registry, pager=self._pager, from_memory=True)
            lifecycle = HazardLifecycle(connection, _Tickets(connection), post, self._registry)
            follow(connection, catalog, self._clock())
            release(connection, post, Muting(connection, self._registry.calendar), now_ns=self._clock())
            places = assigned(connection, {catalog[code].site for code in {*detections.sensor.tolist()}})
            real, _ = real_rows(detections, range(len(detections)))
            seen = observations(detections, catalog, self._registry, assigned=places, now_ns=self._clock(), rows=real)
            lifecycle.accept_all([*seen])
            return self._drain_notices(connection)

    def drain_notices(self) -> list[Notice]:
        """Return the pending notices of the database."""
        with self._engine.begin() as connection:
            return self._drain_notices(connection)

    def close(self) -> None:
        """Release the memory."""
        self._engine.dispose()

    @staticmethod
    def _drain_notices(connection: Connection) -> list[Notice]:
        """Remove and return the notices; also delete old journal entries and cleared findings, which only grow."""
        found = [rows.record(Notice, row) for row in connection.execute(select(notices))]
        connection.execute(delete(notices))
        connection.execute(delete(findings).where(~findings.c.active))
        newest = select(func.max(journal.c.seq)).scalar_subquery()
        connection.execute(delete(journal).where(journal.c.seq < newest))
        return found


class _Tickets:
    """Reads tickets; opens and changes none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def update_ticket(self, hazard: Hazard, **_: object) -> Ticket | None:
        """Return the hazard's ticket, None without one."""
        row = self._connection.execute(tickets_of([hazard.id])).first()
        return rows.record(Ticket, row) if row else None


def _copied(source: Connection, copy: Connection, now_ns: int, *, pending: bool) -> dict[Priority, int]:
    """Copy open rows of one database state; return its positions in the detection log."""
    relapse_ns = max(cause.relapse_ns for cause in causes().values())
    near = or_(hazards.c.active, hazards.c.cleared_ns > now_ns - relapse_ns)
    known = select(hazards.c.id).where(near).order_by(hazards.c.updated_ns.desc()).limit(ROWS_MAX).scalar_subquery()
    _copy(source, copy, hazards, hazards.c.id.in_(known))
    _copy(source, copy, findings, findings.c.active & findings.c.hazard.in_(known))
    _copy(source, copy, danger_hazards, danger_hazards.c.hazard.in_(known))
    evidence = select(danger_hazards.c.danger).where(danger_hazards.c.hazard.in_(known))
    _copy(source, copy, tickets, tickets.c.danger.in_(evidence))
    _copy(source, copy, assignments, assignments.c.site.is_not(None))
    _copy(source, copy, rosters, rosters.c.site.is_not(None))
    _copy(source, copy, silences, silences.c.ended_ns.is_(None))
    _copy(source, copy, muted_pages, muted_pages.c.hazard.in_(known))
    if pending:
        urgent = notices.c.type.in_(PAGED) | notices.c.type.like(f"{ORDERS}%")
        _copy(source, copy, notices, (notices.c.state == "pending") & urgent)
    set_renamed(copy, renamed(source))
    return {lane: position(source, lane) for lane in Priority}


def _copy(source: Connection, copy: Connection, table: Table, condition: Any) -> None:
    found = source.execute(select(table).where(condition).limit(ROWS_MAX)).mappings().all()
    if found:
        copy.execute(insert(table), [dict(row) for row in found])

"""Signed handovers: the account that gives freezes the sheet, another person takes it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from alerts.database import journal
from alerts.database.keyset import Column, Order, Page
from alerts.database.row_changes import added, changed
from alerts.database.schema import handovers
from alerts.errors import GuardFailed, NotFound
from alerts.model import identity
from alerts.people.access import Actor, require
from alerts.people.persons import persons
from alerts.risk.registry import Registry

from .sheet import sheet

HAND_OVER = "hand_over"
SHIFT_NS = 12 * 3_600_000_000_000
"""Span of the first sheet of a site, which has no handover before it."""


@dataclass(frozen=True, slots=True)
class Handover:
    """One handover. sheet: as it was signed; taken_by, taken_ns: None until another person takes over."""

    id: str
    site: str
    since_ns: int
    until_ns: int
    sheet: Mapping[str, Any]
    note: str
    given_by: str
    given_ns: int
    taken_by: str | None = None
    taken_ns: int | None = None


ORDER: Order[Handover] = Order(
    "handovers",
    (Column(handovers.c.given_ns, int, descending=True), Column(handovers.c.id, str)),
    lambda handover: (handover.given_ns, handover.id),
)


class Handovers:
    """Handovers of all sites. Methods may be called from several threads."""

    def __init__(self, engine: Engine, registry: Registry, clock: Callable[[], int]) -> None:
        self._engine, self._registry, self._clock = engine, registry, clock
        self._reading = engine.execution_options(writes=False)

    def draft(self, actor: Actor, site: str) -> tuple[int, int, dict[str, Any]]:
        """Return begin, end and sheet of the present shift: since the last handover. Raises NotFound, Forbidden."""
        _allow(actor, site)
        with self._reading.connect() as connection:
            return self._draft(connection, site)

    def list(self, actor: Actor, *, site: str | None, page: Page) -> list[Handover]:
        """Return handovers, the newest first. Raises Forbidden."""
        require(actor, HAND_OVER)
        query = select(handovers)
        if actor.sites is not None:
            query = query.where(handovers.c.site.in_(actor.sites))
        if site is not None:
            query = query.where(handovers.c.site == site)
        with self._reading.connect() as connection:
            return [_handover(row) for row in connection.execute(ORDER.page(query, page))]

    def give(self, actor: Actor, site: str, note: str) -> Handover:
        """Sign the sheet of the present shift. Raises NotFound, Forbidden, and GuardFailed while one is not taken."""
        _allow(actor, site)
        with self._engine.begin() as connection:
            waiting = select(handovers.c.id).where(handovers.c.site == site, handovers.c.taken_by.is_(None))
            if connection.execute(waiting).first() is not None:
                raise GuardFailed("handover", "上一份交接班尚未接班", "the last handover has not been taken over")
            since_ns, until_ns, found = self._draft(connection, site)
            made = Handover(
                id=identity("handover", site, until_ns),
                site=site,
                since_ns=since_ns,
                until_ns=until_ns,
                sheet=found,
                note=note,
                given_by=actor.username,
                given_ns=until_ns,
            )
            connection.execute(insert(handovers).values(asdict(made)))
            self._record(connection, "handover.given", actor, made, added(handovers, asdict(made)))
        return made

    def take(self, actor: Actor, handover_id: str) -> Handover:
        """Take a handover over. Raises NotFound, Forbidden, and GuardFailed for the same person or a second time."""
        require(actor, HAND_OVER)
        with self._engine.begin() as connection:
            row = connection.execute(select(handovers).where(handovers.c.id == handover_id)).first()
            if row is None or not actor.sees(row.site):
                raise NotFound("handover", handover_id)
            before = _handover(row)
            if before.taken_by is not None:
                raise GuardFailed("handover", "已由他人接班", "the handover has been taken over")
            known = persons(connection, {actor.username, before.given_by})
            if known[actor.username] == known[before.given_by]:
                raise GuardFailed("two_persons", "交班人不能自己接班", "the person who gives cannot take over")
            after = replace(before, taken_by=actor.username, taken_ns=self._clock())
            values = {"taken_by": after.taken_by, "taken_ns": after.taken_ns}
            connection.execute(update(handovers).where(handovers.c.id == handover_id).values(values))
            change = changed(handovers, asdict(before), asdict(after))
            self._record(connection, "handover.taken", actor, after, change)
        return after

    def _draft(self, connection: Connection, site: str) -> tuple[int, int, dict[str, Any]]:
        until_ns = self._clock()
        last = select(handovers.c.until_ns).where(handovers.c.site == site).order_by(handovers.c.until_ns.desc())
        since_ns = int(connection.scalar(last.limit(1)) or until_ns - SHIFT_NS)
        found = sheet(connection, self._registry, site=site, since_ns=since_ns, until_ns=until_ns)
        return since_ns, until_ns, found

    def _record(self, connection: Connection, kind: str, actor: Actor, handover: Handover, change: Any) -> None:
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=actor.username,
            kind=kind,
            site=handover.site,
            subject=handover.id,
            facts={"given_by": handover.given_by, "taken_by": handover.taken_by},
            rows=[change],
        )


def _allow(actor: Actor, site: str) -> None:
    require(actor, HAND_OVER)
    if not actor.sees(site):
        raise NotFound("site", site)


def _handover(row: Row[Any]) -> Handover:
    return Handover(**{field.name: getattr(row, field.name) for field in fields(Handover)})

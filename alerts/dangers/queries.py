"""Read access to dangers, their evidence and photos, cut to the sites that the actor may see."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, Engine, Table, func, literal_column, select, true

from alerts.database import rows
from alerts.database.schema import danger_hazards, dangers, hazards, photos, public_reports, tickets
from alerts.errors import NotFound
from alerts.hazards.minimised import shown_hazards
from alerts.model import Danger, Hazard, Ticket
from alerts.people.access import Actor, minimised, require

from . import guide
from .clauses import Clause
from .kinds import danger_kinds

OFFENDERS_MAX = 200
_NO_RELAPSE: ColumnElement[int] = literal_column("0")
"""A literal, which the partial index needs."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of a danger without its content. sent_sha256: of the file as the sender's device had it."""

    id: str
    site: str
    danger: str
    stage: str
    place: str
    scanned: bool
    taken_ns: int
    added_by: str
    added_ns: int
    sent_sha256: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Offender:
    """A place with several dangers of one cause since a time. dangers, relapses: their numbers; last_ns: the newest."""

    site: str
    place: str
    cause: str
    dangers: int
    relapses: int
    last_ns: int


class DangerQueries:
    """Reads. Each method opens one short read transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(writes=False)

    def by_id(self, danger_ids: Collection[str], actor: Actor) -> dict[str, Danger]:
        """Return dangers by id; those out of scope are missing."""
        require(actor, "see")
        query = select(dangers).where(dangers.c.id.in_(danger_ids), _scope(dangers, actor))
        with self._engine.connect() as connection:
            found = rows.records(Danger, connection.execute(query).all())
        return {danger.id: _shown(danger, actor) for danger in found}

    def evidence(self, danger_ids: Collection[str], actor: Actor) -> dict[str, list[Hazard]]:
        """Return the hazards of each danger, the oldest first."""
        require(actor, "see")
        query = select(hazards, danger_hazards.c.danger.label("danger"))
        query = query.join(danger_hazards, danger_hazards.c.hazard == hazards.c.id)
        query = query.where(danger_hazards.c.danger.in_(danger_ids), _scope(hazards, actor))
        found: dict[str, list[Hazard]] = {one: [] for one in danger_ids}
        with self._engine.connect() as connection:
            rows_found = connection.execute(query.order_by(hazards.c.opened_ns, hazards.c.id)).all()
        for row, hazard in zip(rows_found, rows.records(Hazard, rows_found), strict=True):
            found[row.danger].append(hazard)
        return {danger: shown_hazards(one, actor) for danger, one in found.items()}

    def photos(self, danger_id: str) -> list[Photo]:
        """Return the photos of a danger, the oldest first. The caller has checked its scope."""
        query = select(*_PHOTO_COLUMNS).where(photos.c.danger == danger_id).order_by(photos.c.added_ns, photos.c.id)
        with self._engine.connect() as connection:
            return [Photo(**row._asdict()) for row in connection.execute(query)]

    def photo(self, photo_id: str, actor: Actor) -> tuple[Photo, bytes]:
        """Return a photo and its content. Raises NotFound."""
        require(actor, "see")
        query = select(*_PHOTO_COLUMNS, photos.c.content).where(photos.c.id == photo_id, _scope(photos, actor))
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound("photo", photo_id)
        values = row._asdict()
        return Photo(**{name: values[name] for name in values if name != "content"}), bytes(row.content)

    def clauses(self) -> dict[str, Clause]:
        """Return all clauses of major-danger criteria by id."""
        with self._engine.connect() as connection:
            return guide.clauses(connection)

    def repeats(self, danger: Danger) -> int:
        """Return the number of earlier dangers of the same place and cause."""
        own = dangers.c
        same = (
            own.site == danger.site,
            own.place == danger.place,
            own.cause == danger.cause,
            own.merged_into.is_(None),
        )
        query = select(func.count()).where(*same, own.id != danger.id, own.found_ns <= danger.found_ns)
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def offenders(self, actor: Actor, *, site: str | None, since_ns: int) -> list[Offender]:
        """Return places with more than one danger or relapse of one cause since a time, the most first."""
        require(actor, "see")
        own, number = dangers.c, func.count()
        # only few tickets relapsed or were false reports: the others are not read
        relapsed = select(tickets.c.danger, tickets.c.relapses).where(tickets.c.relapses > _NO_RELAPSE).subquery()
        false = select(tickets.c.danger).where(tickets.c.state == "false_report")
        relapses = func.coalesce(func.sum(relapsed.c.relapses), 0)
        query = select(own.site, own.place, own.cause, number, relapses, func.max(own.found_ns))
        query = query.outerjoin(relapsed, relapsed.c.danger == own.id)
        wanted = (own.found_ns >= since_ns, own.merged_into.is_(None), own.id.not_in(false))
        query = query.where(_scope(dangers, actor), *wanted, true() if site is None else own.site == site)
        query = query.group_by(own.site, own.place, own.cause).having(number + relapses > 1)
        query = query.order_by((number + relapses).desc(), own.site, own.place, own.cause).limit(OFFENDERS_MAX)
        with self._engine.connect() as connection:
            return [
                Offender(row[0], row[1], row[2], int(row[3]), int(row[4]), int(row[5]))
                for row in connection.execute(query)
            ]

    def receipt(self, digest: str) -> tuple[Danger, Ticket] | None:
        """Return danger and ticket of a public report by the digest of its receipt; of a duplicate, the other one."""
        with self._engine.connect() as connection:
            name = connection.scalar(select(public_reports.c.danger).where(public_reports.c.receipt == digest))
            return None if name is None else _remaining(connection, name)


def _remaining(connection: Connection, danger_id: str) -> tuple[Danger, Ticket]:
    danger = rows.record(Danger, connection.execute(select(dangers).where(dangers.c.id == danger_id)).one())
    if danger.merged_into is not None:
        return _remaining(connection, danger.merged_into)
    return danger, rows.record(Ticket, connection.execute(select(tickets).where(tickets.c.danger == danger.id)).one())


def _shown(danger: Danger, actor: Actor) -> Danger:
    """Return a danger as the actor sees it: a bureau gets no words of the public and none about single persons."""
    kind = danger_kinds().get(danger.cause)
    if kind is None or not minimised(actor) or not (kind.personal or danger.source == "report"):
        return danger
    return replace(danger, text={"zh": kind.zh, "en": kind.en}, found_by="")


def _scope(table: Table, actor: Actor) -> ColumnElement[bool]:
    return true() if actor.sites is None else table.c.site.in_(actor.sites)


_PHOTO_COLUMNS = (
    photos.c.id,
    photos.c.site,
    photos.c.danger,
    photos.c.stage,
    photos.c.place,
    photos.c.scanned,
    photos.c.taken_ns,
    photos.c.added_by,
    photos.c.added_ns,
    photos.c.sent_sha256,
    photos.c.sha256,
)

"""Yearly archives: the documents of a school year frozen with SHA-256 and journal position."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select

from alerts.database import journal
from alerts.database.row_changes import added
from alerts.database.schema import archived_documents, tickets, year_archives
from alerts.database.schema import journal as journal_table
from alerts.errors import GuardFailed, Invalid, NotFound
from alerts.people.access import Actor, require
from alerts.risk.registry import Registry
from alerts.tickets.fields import has_content

from .files import Format, written
from .fonts import has_chinese_font
from .forms import Filled
from .register_forms import ROWS
from .sources import Sources, local_year

YEAR_FORMS = ("yearly_register", "ledger", "quarter_statistics", *ROWS)
QUARTERS = (1, 2, 3, 4)
PREFIXES = ("ticket.", "danger.", "risk_point.", "risk_zone.")
"""Kinds of journal entries that change the documents."""
ATTEMPTS = 3
NOTE_MAX = 400


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive. position, digest: last journal entry that it contains; documents: name, sha256 and size of each."""

    site: str
    year: int
    edition: int
    note: str
    position: int
    digest: str
    documents: Sequence[Mapping[str, Any]]
    made_by: str
    made_ns: int


class YearArchives:
    """Makes and opens archives. Methods may be called from several threads."""

    def __init__(self, engine: Engine, registry: Registry, clock: Callable[[], int], sources: Sources) -> None:
        self._engine, self._reading = engine, engine.execution_options(writes=False)
        self._registry, self._clock, self._sources = registry, clock, sources

    def of_site(self, actor: Actor, site: str) -> list[Archive]:
        """Return the archives of a site, the newest first. Raises Forbidden, and NotFound for a site out of scope."""
        require(actor, "see_documents")
        _require_site(actor, site)
        own = year_archives.c
        query = select(year_archives).where(own.site == site).order_by(own.year.desc(), own.edition.desc())
        with self._reading.connect() as connection:
            return [Archive(**row) for row in connection.execute(query).mappings()]

    def missing(self, actor: Actor, site: str) -> list[int]:
        """Return the past years with dangers and without an archive, the newest first. Raises Forbidden, NotFound."""
        known = {one.year for one in self.of_site(actor, site)}
        query = select(func.min(tickets.c.opened_ns)).where(tickets.c.site == site)
        with self._reading.connect() as connection:
            first_ns = connection.scalar(query)
        if first_ns is None:
            return []
        zone = self._registry.timezone
        years = range(local_year(first_ns, zone), local_year(self._clock(), zone))
        return [year for year in reversed(years) if year not in known]

    def make(self, actor: Actor, site: str, year: int, *, note: str = "") -> Archive:
        """Freeze the documents of a past year; blocks while it writes them.

        A further edition needs a reason; the earlier ones stay. Raises Forbidden, NotFound, Invalid, GuardFailed.
        """
        require(actor, "archive_year")
        _require_site(actor, site)
        present = local_year(self._clock(), self._registry.timezone)
        if year >= present:
            raise Invalid(
                {"year": f"a past year, before {present}"}, zh={"year": f"须为已结束的年度（{present} 年之前）"}
            )
        if len(note) > NOTE_MAX:
            raise Invalid({"note": f"at most {NOTE_MAX} characters"}, zh={"note": f"最多 {NOTE_MAX} 字"})
        self._require_reason(site, year, note)
        files, position, digest = self._written(actor, site, year)
        with self._engine.begin() as connection:
            return self._store(connection, actor, files, Archive(
                site, year, self._edition(connection, site, year, note), note.strip(), position, digest,
                [_facts(name, content) for name, content in files.items()], actor.username, self._clock(),
            ))  # fmt: skip

    def document(self, actor: Actor, site: str, year: int, edition: int, name: str) -> bytes:
        """Return a document as it was frozen. Raises NotFound, and GuardFailed where its SHA-256 differs."""
        found = [one for one in self.of_site(actor, site) if (one.year, one.edition) == (year, edition)]
        stated = {one["name"]: one["sha256"] for archive in found for one in archive.documents}
        own = archived_documents.c
        same = (own.site == site, own.year == year, own.edition == edition, own.name == name)
        with self._reading.connect() as connection:
            content = connection.scalar(select(own.content).where(*same))
        if content is None or name not in stated:
            raise NotFound("archived document", f"{site}/{year}/{edition}/{name}")
        if hashlib.sha256(content).hexdigest() != stated[name]:
            raise GuardFailed(
                "archive",
                f"{name} 与归档时的 SHA-256 不符，已被改动",
                f"{name} differs from the SHA-256 of its archive",
            )
        return bytes(content)

    def _written(self, actor: Actor, site: str, year: int) -> tuple[dict[str, bytes], int, str]:
        """Return the files with the journal position that they contain. Raises GuardFailed where changes go on."""
        for _ in range(ATTEMPTS):
            with self._reading.connect() as connection:
                position, digest = journal.tip(connection)
            files = self._files(actor, site, year)
            if not self._changed_since(site, position):
                return files, position, digest
        raise GuardFailed(
            "archive", "归档期间台账仍在变动，请稍后再试", "the documents changed while they were written; try again"
        )

    def _files(self, actor: Actor, site: str, year: int) -> dict[str, bytes]:
        filled: dict[str, Filled] = {name: self._sources.form(actor, site, name, year=year) for name in YEAR_FORMS}
        for number in QUARTERS:
            statistics = self._sources.form(actor, site, "quarter_statistics", year=year, quarter=number)
            filled[f"quarter_statistics-{number}"] = statistics
        formats: tuple[Format, ...] = ("xlsx", "csv", "pdf") if has_chinese_font() else ("xlsx", "csv")
        return {f"{name}.{form}": written(one, form) for name, one in filled.items() for form in formats}

    def _changed_since(self, site: str, position: int) -> bool:
        own = journal_table.c
        later = select(own.kind).where(own.seq > position, own.site == site)
        with self._reading.connect() as connection:
            return any(kind.startswith(PREFIXES) for kind in connection.scalars(later))

    def _require_reason(self, site: str, year: int, note: str) -> None:
        with self._reading.connect() as connection:
            self._edition(connection, site, year, note)

    @staticmethod
    def _edition(connection: Connection, site: str, year: int, note: str) -> int:
        """Return the number of the next edition. Raises Invalid for a further one without a reason."""
        own = year_archives.c
        last = connection.scalar(select(func.max(own.edition)).where(own.site == site, own.year == year)) or 0
        if last and not has_content(note):
            raise Invalid(
                {"note": f"is required: {year} has an archive; state the reason of a further edition"},
                zh={"note": f"{year} 年度已归档，再次归档须填写理由"},
            )
        return int(last) + 1

    @staticmethod
    def _store(connection: Connection, actor: Actor, files: Mapping[str, bytes], archive: Archive) -> Archive:
        row = {name: getattr(archive, name) for name in year_archives.c.keys()}  # noqa: SIM118 - a column collection
        connection.execute(insert(year_archives).values(row))
        key = {"site": archive.site, "year": archive.year, "edition": archive.edition}
        connection.execute(
            insert(archived_documents), [key | {"name": name, "content": content} for name, content in files.items()]
        )
        journal.append(
            connection,
            at_ns=archive.made_ns,
            actor=actor.username,
            kind="year.archived",
            site=archive.site,
            subject=f"{archive.site}/archive/{archive.year}",
            facts={"edition": archive.edition, "position": archive.position, "documents": len(files)},
            rows=[added(year_archives, row)],
        )
        return archive


def _facts(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _require_site(actor: Actor, site: str) -> None:
    if not actor.sees(site):
        raise NotFound("site", site)

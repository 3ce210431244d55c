"""Archive of a year: frozen documents with SHA-256 and journal position, opened again as they were."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update

from alerts import Forbidden, GuardFailed, Invalid, NotFound
from alerts.database import journal
from alerts.database.schema import archived_documents
from alerts.documents import archives
from alerts.documents.files import written
from alerts.tickets.intake import Found


def at(world: Any, year: int, month: int) -> None:
    """Set the clock to the first of a month at the school."""
    world.now_ns = int(datetime(year, month, 1, 8, tzinfo=world.registry.timezone).timestamp()) * 10**9


@pytest.fixture
def january(world: Any, people: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a school in January 2027 with a danger found in December; it archives one form, without PDF."""
    monkeypatch.setattr(archives, "YEAR_FORMS", ("yearly_register",))
    monkeypatch.setattr(archives, "has_chinese_font", lambda: False)
    at(world, 2026, 12)
    found = Found("school-1", "d-101", "exit_blocked", "inspection", "出口堆放课桌")
    world.dispatch.intake.find(people["officer"], found)
    at(world, 2027, 1)
    return world


def test_an_archive_opens_again_as_it_was(january: Any, people: Any) -> None:
    """A later change of the danger changes the register, not the archive; the position is that of the journal."""
    kept, officer = january.dispatch.year_archives, people["officer"]
    assert kept.missing(officer, "school-1") == [2026]
    position, digest = january.dispatch.tip()
    made = kept.make(officer, "school-1", 2026)
    assert (made.position, made.digest, made.edition) == (position, digest, 1)
    [ticket] = january.tickets
    january.act(ticket, "mark_false", "officer2", note="课桌不在通道内")
    content = kept.document(officer, "school-1", 2026, 1, "yearly_register.csv")
    assert "出口堆放课桌" in content.decode("utf-8-sig")
    stated = {one["name"]: one["sha256"] for one in made.documents}
    assert stated["yearly_register.csv"] == hashlib.sha256(content).hexdigest()
    assert january.dispatch.papers.form(officer, "school-1", "yearly_register", year=2026).rows == []
    assert (kept.missing(officer, "school-1"), kept.of_site(officer, "school-1")) == ([], [made])
    with january.engine.connect() as connection:
        [entry] = journal.read(connection, subject="school-1/archive/2026")
    assert entry.facts["position"] == position


def test_a_further_edition_needs_a_reason_and_keeps_the_first(january: Any, people: Any) -> None:
    """A correction makes edition 2."""
    kept, officer = january.dispatch.year_archives, people["officer"]
    first = kept.make(officer, "school-1", 2026)
    with pytest.raises(Invalid, match="reason"):
        kept.make(officer, "school-1", 2026)
    second = kept.make(officer, "school-1", 2026, note="更正责任人")
    assert [one.edition for one in kept.of_site(officer, "school-1")] == [2, 1]
    assert kept.document(officer, "school-1", 2026, 1, first.documents[0]["name"])
    assert second.note == "更正责任人"


def test_a_changed_document_is_refused(january: Any, people: Any) -> None:
    """A byte that was changed behind the service is found at the opening."""
    kept, officer = january.dispatch.year_archives, people["officer"]
    kept.make(officer, "school-1", 2026)
    with january.engine.begin() as connection:
        connection.execute(update(archived_documents).values(content=b"other"))
    with pytest.raises(GuardFailed, match="SHA-256"):
        kept.document(officer, "school-1", 2026, 1, "yearly_register.csv")


def test_the_present_year_a_foreign_school_and_a_fixer_are_refused(january: Any, people: Any) -> None:
    """An archive is of a past year; the caller sees the school and is an officer."""
    kept = january.dispatch.year_archives
    with pytest.raises(Invalid, match="past year"):
        kept.make(people["officer"], "school-1", 2027)
    with pytest.raises(Forbidden):
        kept.make(people["fixer"], "school-1", 2026)
    with pytest.raises(NotFound):
        kept.document(people["officer"], "school-1", 2026, 1, "yearly_register.csv")


def test_changes_while_it_is_written_stop_an_archive(
    january: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documents belong to one position of the journal."""
    [ticket] = january.tickets
    rounds = iter(range(100))

    def busy(*given: Any) -> bytes:
        now = january.dispatch.queries.ticket(ticket.id, people["officer"])
        january.act(now, "comment", "officer", note=f"note {next(rounds)}")
        return written(*given)

    monkeypatch.setattr("alerts.documents.archives.written", busy)
    with pytest.raises(GuardFailed, match="changed while"):
        january.dispatch.year_archives.make(people["officer"], "school-1", 2026)


def test_the_whole_set_has_every_form_and_the_quarters(world: Any, people: Any) -> None:
    """Register, ledger, statistics of year and quarters, and the forms of the register, each as CSV, XLSX, PDF."""
    at(world, 2027, 1)
    made = world.dispatch.year_archives.make(people["officer"], "school-1", 2026)
    names = {one["name"] for one in made.documents}
    assert {f"quarter_statistics-{number}.pdf" for number in (1, 2, 3, 4)} < names
    assert {name.rpartition(".")[0] for name in names} >= {*archives.YEAR_FORMS}
    content = world.dispatch.year_archives.document(people["officer"], "school-1", 2026, 1, "ledger.csv")
    assert next(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[0] == "整改时限"

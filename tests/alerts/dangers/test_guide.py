"""Criteria of major dangers: shipped clauses, and imports of which all errors are reported."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from alerts import Actor, Invalid
from alerts.dangers.guide import checked, shipped
from alerts.database import journal
from alerts.database.schema import journal as journal_table
from alerts.risk.causes import causes

TODAY = date(2026, 11, 30)
ROW = {
    "id": "guide-2024-4-1-1", "pack": "guide-2024", "version": "2024-06-24", "citation": "第四条第一项第一目",
    "text_zh": "校舍为危房", "text_en": "a building in danger of collapse", "judgement": "direct",
    "source_url": "https://example.org/guide", "verified_at": "2026-11-30", "verified_by": "王老师",
    "kinds": ["building"], "hazards": [], "keys": [],
}  # fmt: skip


def test_each_shipped_clause_has_source_and_day() -> None:
    """Ten items of article 3."""
    assert [clause.id for clause in shipped()] == [f"guide-2024-3-1-{item}" for item in range(1, 11)]
    for clause in shipped():
        assert clause.source_url.startswith("http")
        assert date.fromisoformat(clause.verified_at) <= TODAY
        assert clause.text_zh
        assert clause.text_en


@pytest.mark.parametrize(("field", "value"), [
    ("text_zh", ""), ("verified_at", None), ("verified_at", "2026-12-01"), ("verified_at", "soon"),
    ("source_url", "a book"), ("judgement", "perhaps"), ("kinds", ["dragon"]), ("hazards", "fire"), ("colour", "red"),
])  # fmt: skip
def test_a_wrong_field_is_named_with_its_row(field: str, value: Any) -> None:
    """No clause without a source and a day of verification."""
    with pytest.raises(Invalid) as caught:
        checked([ROW, ROW | {"id": "other", field: value}], today=TODAY)
    assert set(caught.value.fields) == {f"2.{field}"}


def test_a_thousand_errors_are_reported_and_nothing_is_imported() -> None:
    """Every row has its errors."""
    with pytest.raises(Invalid) as caught:
        checked([{"id": str(number)} for number in range(1_000)], today=TODAY)
    rows = {name.partition(".")[0] for name in caught.value.fields} - {"clauses"}
    assert rows == {str(number) for number in range(1, 1_001)}
    assert set(caught.value.zh) == set(caught.value.fields)


def test_a_row_of_the_public_pack_format_becomes_a_clause() -> None:
    """Article, paragraph and item give id and citation; the domain gives the kinds, the predicate the detections."""
    given: dict[str, Any] = {
        name: ROW[name] for name in ("pack", "version", "text_zh", "text_en", "source_url", "verified_by")
    }
    given |= {"article": 4, "paragraph": 2, "item": 11, "domain": "buildings", "sensor_predicate": None}
    [found] = checked([given | {"judgement": "combined", "verified_at": "2026-11-30"}], today=TODAY)
    assert (found.id, found.citation) == ("guide-2024-4-2-11", "第四条第二项第十一目")
    assert "building" in found.kinds
    assert found.hazards == ()
    with pytest.raises(Invalid) as caught:
        checked([given | {"judgement": "combined"}], today=TODAY)
    assert set(caught.value.fields) == {"1.verified_at"}  # no text without the day of its verification


def test_combined_judgement_makes_no_candidate_by_a_sensor_alone() -> None:
    """A direct clause suffices; a combined one needs facts that a person weighs."""
    kind = next(iter(causes()))
    sensed = ROW | {"hazards": [kind]}
    direct, combined = checked([sensed, sensed | {"id": "other", "judgement": "combined"}], today=TODAY)
    assert (direct.holds_for(kind, ""), combined.holds_for(kind, "")) == (True, False)


def test_an_imported_clause_joins_the_shipped_ones(world: Any) -> None:
    """A second import of the same id replaces it; the audit explains the rows."""
    admin = Actor("admin", frozenset(("admin",)))
    for text in ("a building in danger of collapse", "a dangerous building"):
        world.dispatch.intake.import_clauses(admin, checked([ROW | {"text_en": text}], today=TODAY))
    found = world.dispatch.danger_queries.clauses()
    assert len(found) == 11
    assert found["guide-2024-4-1-1"].text_en == "a dangerous building"
    with world.engine.connect() as connection:
        first, second = journal.read(connection, subject="guide")
        bodies = connection.scalars(select(journal_table.c.body).where(journal_table.c.subject == "guide")).all()
    assert first.seq < second.seq
    added, changed = (json.loads(body)["rows"][0][2] for body in bodies)
    assert set(added) == {"id", "body"}
    assert set(changed) == {"body"}  # an updated clause is a change, not a new row

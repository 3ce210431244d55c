"""Forms of dangers: every column that has a fact is filled, and the year ends in December."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from alerts.documents.danger_forms import notice
from alerts.documents.forms import forms
from alerts.tickets.intake import Found

HOUR_NS = 3_600_000_000_000
NOWHERE = {"ledger": set[str](), "yearly_register": set[str]()}
"""Columns for which the service has no fact."""


def found(world: Any, people: Any, *, text: str = "安全出口堆放课桌", place: str = "d-101") -> Any:
    """Return the ticket of a danger that an officer found."""
    wanted = Found("school-1", place, "exit_blocked", "inspection", text)
    return world.dispatch.intake.find(people["officer"], wanted)


def repaired(world: Any, ticket: Any) -> Any:
    """Take a ticket through the loop to its closing; return it."""
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("assign", "officer", {"fixer": "fixer", "note": "清空通道并拍照"}),
        ("take", "fixer", {}),
        ("start", "fixer", {}),
        ("submit", "fixer", {"note": "课桌已搬走"}),
        ("accept", "officer2", {"note": "现场查看"}),
        ("close", "officer2", {"reason": "cleaned", "override": True, "note": "复查通道畅通"}),
    ]
    for action, who, fields in steps:
        ticket = world.act(ticket, action, who, **fields)
        world.now_ns += HOUR_NS
    return ticket


@pytest.fixture
def school(world: Any) -> Any:
    """Return a school with named accounts."""
    world.employ("fixer", name={"zh": "李师傅", "en": "Li"})
    world.employ("officer", name={"zh": "王主任", "en": "Wang"})
    world.employ("officer2", name={"zh": "赵老师", "en": "Zhao"})
    return world


def cells(filled: Any) -> dict[str, str]:
    """Return the first row by field."""
    assert filled.rows
    return dict(filled.rows[0])


@pytest.mark.parametrize("form", ["ledger", "yearly_register"])
def test_a_closed_danger_fills_every_column(school: Any, people: Any, form: str) -> None:
    """Column by column: no cell is empty where the service has a fact."""
    repaired(school, found(school, people))
    row = cells(school.dispatch.papers.form(people["officer"], "school-1", form))
    empty = {column.field for column in forms()[form].columns if not row.get(column.field)}
    assert empty == NOWHERE[form]
    english = cells(school.dispatch.papers.form(people["officer"], "school-1", form, language="en"))
    assert english["state"] == "closed"


def test_the_acts_of_the_ledger_have_person_time_and_result(school: Any, people: Any) -> None:
    """Check, acceptance and re-check are three acts of the journal."""
    ticket = repaired(school, found(school, people))
    row = cells(school.dispatch.papers.form(people["officer"], "school-1", "ledger"))
    assert (row["check_person"], row["fixer"], row["acceptor"], row["recheck_person"]) == (
        "王主任", "李师傅", "赵老师", "赵老师",
    )  # fmt: skip
    assert row["fix_measures"] == "课桌已搬走"
    assert row["acceptance"] == "合格；现场查看"
    assert row["recheck_result"] == "已清理；人工确认；复查通道畅通"
    assert row["profession"] == "消防安全"
    assert row["found_at"] < row["fixed_at"] < row["accepted_at"] < row["recheck_at"]
    school.act(ticket, "reopen", "officer", note="通道再次被堵")
    again = cells(school.dispatch.papers.form(people["officer"], "school-1", "ledger"))
    assert not any(again.get(name) for name in ("fixed_at", "accepted_at", "recheck_at", "closed_at"))


def test_a_rejected_repair_is_a_result_of_the_acceptance(school: Any, people: Any) -> None:
    """The fixer's submission stays; the acceptance names the rejection."""
    ticket = found(school, people)
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("assign", "officer", {"fixer": "fixer"}),
        ("take", "fixer", {}),
        ("start", "fixer", {}),
        ("submit", "fixer", {}),
        ("reject", "officer2", {"note": "仍有两张课桌"}),
    ]
    for action, who, fields in steps:
        ticket = school.act(ticket, action, who, **fields)
    row = cells(school.dispatch.papers.form(people["officer"], "school-1", "ledger"))
    assert row["acceptance"] == "不合格，退回整改；仍有两张课桌"
    assert not row["closed_at"]


def test_a_new_year_carries_open_items_over_and_leaves_closed_ones(school: Any, people: Any) -> None:
    """An item closed in the old year is in the old register alone; one that is open is in both."""
    zone = school.registry.timezone
    school.now_ns = int(datetime(2026, 12, 20, 8, tzinfo=zone).timestamp()) * 10**9
    repaired(school, found(school, people))
    still = found(school, people, text="二楼出口上锁", place="d-102")
    school.now_ns = int(datetime(2027, 1, 4, 8, tzinfo=zone).timestamp()) * 10**9
    papers, officer = school.dispatch.papers, people["officer"]
    old = papers.form(officer, "school-1", "yearly_register", year=2026)
    new = papers.form(officer, "school-1", "yearly_register", year=2027)
    assert [(row["number"], row["description"], row["closed"]) for row in old.rows] == [
        ("1", "安全出口堆放课桌", "已销号"), ("2", "二楼出口上锁", ""),
    ]  # fmt: skip
    assert [(row["number"], row["description"]) for row in new.rows] == [("1", "二楼出口上锁")]
    assert papers.form(officer, "school-1", "ledger", year=2027).rows == []
    assert repaired(school, still).state == "closed"
    assert [row["closed"] for row in papers.form(officer, "school-1", "yearly_register", year=2026).rows][1] == ""


def test_notice_and_reply_have_their_lines_and_signatures(school: Any, people: Any) -> None:
    """Each line of both letters is filled once the danger is closed; four lines are to sign."""
    ticket = repaired(school, found(school, people))
    papers, officer = school.dispatch.papers, people["officer"]
    dangers, subject = papers.dangers(officer, "school-1", [ticket]), papers.subject(officer, "school-1", "zh")
    expected = ((False, "隐患整改通知书", "接收人（签字）："), (True, "隐患整改回复单", "验收人（签字）："))
    for reply, titled, signed in expected:
        letter = notice(ticket, dangers, subject, reply=reply)
        assert letter.title == titled
        assert [row["item"] for row in letter.rows if not row["content"]] == []
        assert signed in letter.signatures
        assert len(letter.signatures) == 4

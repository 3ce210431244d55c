"""Comments on a hazard: timeline, audit, access, isolation, bounds."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import OPERATIONS, ROLES
from alerts.hazards import comments
from detectors import Phase

NOTE = "东侧施工扬尘 <b>room 101</b>"


@pytest.fixture
def hazard(office: Any, seen: Any) -> str:
    """Return the id of an alarm of school-1."""
    office.world.feed(seen(Phase.RAISE, level=3))
    return str(office.world.hazards[0].id)


def notes(person: Any, hazard: str) -> list[tuple[str, str | None]]:
    """Return (actor, note) of each comment in the timeline."""
    timeline = person.get(f"hazards/{hazard}").json()["timeline"]
    return [(one["actor"], one["note"]) for one in timeline if one["kind"] == "hazard.commented"]


def test_a_comment_is_an_entry_of_timeline_and_audit(office: Any, seen: Any, hazard: str) -> None:
    """Of open and ended hazards; it acknowledges nothing and changes no version."""
    operator, fixer, officer = (office.sign_in(name) for name in ("operator", "fixer", "officer"))
    before = office.world.hazards[0]
    made = operator.post(f"hazards/{hazard}/comments", json={"note": f"  {NOTE} "})
    assert made.status_code == 201
    assert made.json()["timeline"][-1]["note"] == NOTE
    assert office.world.hazards[0] == before
    office.world.feed(seen(Phase.CLEAR, level=3, at_s=60))
    assert fixer.post(f"hazards/{hazard}/comments", json={"note": "cleaned"}).status_code == 201
    assert notes(officer, hazard) == [("operator", NOTE), ("fixer", "cleaned")]
    audit = [one for one in officer.get("audit").json()["items"] if one["kind"] == "hazard.commented"]
    assert [(one["actor"], one["facts"]["note"]) for one in audit] == [("fixer", "cleaned"), ("operator", NOTE)]


def test_who_may_not_read_the_hazard_may_not_comment(office: Any, hazard: str) -> None:
    """A bureau and a wall display are refused; a person of another school finds no hazard."""
    for role in ROLES:
        answer = office.sign_in(role).post(f"hazards/{hazard}/comments", json={"note": "seen"})
        assert answer.status_code == (201 if role in OPERATIONS["comment_hazard"] else 403), role
    assert not OPERATIONS["comment_hazard"] - OPERATIONS["see_events"]
    other = office.sign_in("other")
    assert other.post(f"hazards/{hazard}/comments", json={"note": "seen"}).status_code == 404


def test_a_display_reads_the_timeline_without_comments(office: Any, hazard: str) -> None:
    """A wall in a corridor shows steps, and no text of a person."""
    office.sign_in("operator").post(f"hazards/{hazard}/comments", json={"note": NOTE})
    display = office.sign_in("viewer")
    assert notes(display, hazard) == []
    assert display.get(f"hazards/{hazard}").json()["timeline"]
    assert NOTE not in display.get(f"hazards/{hazard}").text


def test_an_empty_text_and_one_comment_too_many_are_refused(
    office: Any, hazard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its reason in both languages; nothing is written."""
    operator = office.sign_in("operator")
    refused = operator.post(f"hazards/{hazard}/comments", json={"note": "   "})
    assert (refused.status_code, set(refused.json()["errors"][0]["text"])) == (422, {"zh", "en"})
    monkeypatch.setattr(comments, "COMMENTS_MAX", 1)
    assert operator.post(f"hazards/{hazard}/comments", json={"note": "one"}).status_code == 201
    full = operator.post(f"hazards/{hazard}/comments", json={"note": "two"})
    assert (full.status_code, set(full.json()["text"])) == (409, {"zh", "en"})
    assert notes(operator, hazard) == [("operator", "one")]

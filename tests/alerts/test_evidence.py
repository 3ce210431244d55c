"""Evidence of alarms: spans that retention keeps, incidents of a rule and false pages."""

from __future__ import annotations

from typing import Any

from alerts.evidence import Evidence
from detectors import Phase

SECOND_NS = 1_000_000_000
RULE = "smoke-limit"


def marked_false(world: Any, hazard: str) -> None:
    """Close the ticket of a hazard as a false report, by two persons where the danger is major."""
    ticket = next(one for one in world.tickets if one.hazard == hazard)
    done = world.act(ticket, "mark_false", "officer", note="steam")
    if done.state != "false_report":
        done = world.act(done, "countersign", "officer2")
    assert done.close_reason == "false_report"


def test_only_open_paged_hazards_hold_the_logs(world: Any, seen: Any) -> None:
    """The oldest decision of an open, paged hazard; a cleared one holds nothing."""
    evidence = Evidence(world.engine)
    assert (evidence.oldest_paged_ns(), evidence.readings()) == (None, [])
    world.feed(seen(Phase.RAISE, at_s=50, page=False, level=1))
    assert evidence.oldest_paged_ns() is None
    world.feed(seen(Phase.RAISE, sensor="level-1", hazard="flood", at_s=80, page=True))
    start_ns = world.hazards[0].opened_ns - 50 * SECOND_NS
    assert evidence.oldest_paged_ns() == start_ns + 80 * SECOND_NS
    spans = evidence.readings()
    assert [(site, sensor) for site, sensor, *_ in spans] == [("school-1", "level-1"), ("school-1", "smoke-101")]
    assert all(begin_ns == last_ns - 10 * SECOND_NS for *_, begin_ns, last_ns in spans), "the window of the evidence"
    world.feed(seen(Phase.CLEAR, sensor="level-1", hazard="flood", at_s=100))
    assert [one.kind for one in world.hazards if not one.active] == ["flood"]
    assert (evidence.oldest_paged_ns(), [sensor for _, sensor, *_ in evidence.readings()]) == (None, ["smoke-101"])


def test_findings_are_found_by_hazard_and_by_their_own_id(world: Any, seen: Any) -> None:
    """Both names give the findings in order of their begin; an unknown one gives none."""
    world.feed(seen(Phase.RAISE, at_s=10), seen(Phase.RAISE, sensor="smoke-101b", at_s=5))
    evidence, [hazard] = Evidence(world.engine), world.hazards
    both = evidence.findings_named(hazard.id)
    assert [one.sensor for one in both] == ["smoke-101b", "smoke-101"]
    assert evidence.findings_named(both[1].id) == [both[1]]
    assert evidence.findings_named("nothing") == []


def test_incidents_leave_out_drills_and_false_reports(world: Any, seen: Any) -> None:
    """One incident for each hazard that the rule found in the span, with all its sensors and its last clear."""
    world.feed(seen(Phase.RAISE, at_s=10), seen(Phase.RAISE, sensor="smoke-101b", at_s=20))
    world.feed(seen(Phase.CLEAR, sensor="smoke-101", at_s=100))
    world.feed(seen(Phase.RAISE, sensor="smoke-102", at_s=30, drill=True))
    world.feed(seen(Phase.RAISE, sensor="level-1", rule="other", hazard="flood", at_s=40))
    world.feed(seen(Phase.RAISE, site="school-2", at_s=500))
    start_ns = world.hazards[0].opened_ns - 10 * SECOND_NS
    evidence, end_ns = Evidence(world.engine), start_ns + 400 * SECOND_NS
    [(names, begin_ns, last_ns)] = evidence.incidents(RULE, start_ns, end_ns)
    assert names == [("school-1", "smoke-101"), ("school-1", "smoke-101b")]
    assert (begin_ns, last_ns) == (start_ns + 10 * SECOND_NS, end_ns), "an open finding ends with the span"
    world.feed(seen(Phase.CLEAR, sensor="smoke-101b", at_s=200))
    marked_false(world, world.hazards[0].id)
    assert evidence.incidents(RULE, start_ns, end_ns) == []


def test_false_pages_count_hazards_once_and_only_with_a_page(world: Any, seen: Any) -> None:
    """Two paging findings of one false hazard are one false page; a finding without a page is none."""
    world.feed(seen(Phase.RAISE, at_s=10, page=True), seen(Phase.RAISE, sensor="smoke-101b", at_s=20, page=True))
    world.feed(seen(Phase.RAISE, sensor="smoke-102", at_s=30, page=False, level=1))
    start_ns, evidence = world.hazards[0].opened_ns - 10 * SECOND_NS, Evidence(world.engine)
    assert evidence.false_pages(RULE, start_ns) == 0, "no person has marked one"
    world.feed(*(seen(Phase.CLEAR, sensor=one, at_s=90) for one in ("smoke-101", "smoke-101b", "smoke-102")))
    for hazard in world.hazards:
        marked_false(world, hazard.id)
    assert evidence.false_pages(RULE, start_ns) == 1
    assert evidence.false_pages(RULE, start_ns + 60 * SECOND_NS) == 0
    assert evidence.false_pages("other", start_ns) == 0

"""Inspections: routes, sheets, dangers, checks of measures, guard rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts import Actor, Forbidden, GuardFailed, Invalid, NotFound, Stale, format_time
from alerts.inspections.kinds import DAY_NS, HOUR_NS, MINUTE_NS, inspection_kinds
from alerts.inspections.plans import Plan
from alerts.inspections.sheet import ITEM, Inspection, Stored, counts, folded, results_of
from alerts.inspections.store import Wanted
from alerts.inspections.validation import Sent

OFFICER = Actor("officer", frozenset(("officer",)), frozenset(("school-1",)))
GUARD = Actor("guard", frozenset(("operator",)), frozenset(("school-1",)))
APPROVER = Actor("officer2", frozenset(("officer",)), frozenset(("school-1",)))
STRANGER = Actor("other", frozenset(("officer", "admin")), frozenset(("school-2",)))
MEASURES = [
    {"id": "m1", "text": {"zh": "每日巡查"}, "cycle_days": 1, "items": [{"zh": "通道畅通"}, {"zh": "门可推开"}]},
    {"id": "m2", "text": {"zh": "灭火器有效"}, "kind": "engineering", "cycle_days": 30},
    {"id": "m3", "text": {"zh": "感烟探测器在线"}, "kind": "engineering", "sensor": "smoke-101"},
]
POINT: dict[str, Any] = {
    "name": {"zh": "宿舍火灾", "en": "Fire in a dormitory"},
    "zone": "dorm",
    "place": "d-101",
    "hazard": "fire",
    "sources": [{"name": {"zh": "电线"}, "accidents": ["fire"]}],
    "inherent": {"method": "ls", "likelihood": 5, "severity": 5},
    "existing": {"method": "ls", "likelihood": 2, "severity": 5},
    "measures": MEASURES,
}


def nothing(_one: Inspection) -> dict[str, Any]:
    """Return no proofs."""
    return {}


def registered(world: Any, **points: Mapping[str, Any]) -> None:
    """Approve these risk points."""
    register = world.dispatch.register
    for name, changes in points.items():
        register.put(OFFICER, "school-1", name, POINT | changes, version=None)
        register.approve(APPROVER, "school-1", {name: 1})


def made(world: Any, kind: str = "weekly") -> Inspection:
    """Return a new inspection of school-1."""
    found: Inspection = world.dispatch.inspections.store.create(OFFICER, "school-1", Wanted("walk-0001", kind))
    return found


def tick(number: int, item: str, result: str, *, at_ns: int, stop: str = "s1", **further: str) -> Sent:
    """Return a tick as a phone sends it."""
    return Sent(f"entry-{number:04}", ITEM, format_time(at_ns), stop, item, result, **further)


def send(world: Any, *sent: Sent, actor: Actor = OFFICER, walk: str = "walk-0001") -> list[str]:
    """Send entries; return their outcomes."""
    outcomes, _ = world.dispatch.inspections.entries.submit(actor, "school-1", walk, sent, nothing)
    return [one.outcome for one in outcomes]


def sheet(world: Any, walk: str = "walk-0001") -> dict[str, str]:
    """Return the state of each item of the first stop."""
    found, entries = world.dispatch.inspections.store.sheet(OFFICER, "school-1", walk)
    return {one.item.id: one.state for one in folded(found, entries, {})[0].items}


ITEMS = ("m1.0", "m1.1", "m2.0")
TICKS = st.lists(
    st.tuples(
        st.sampled_from(ITEMS), st.sampled_from(("ok", "not_ok", "not_applicable")), st.integers(0, 5), st.booleans()
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ticks=TICKS, data=st.data())
def test_the_result_depends_on_the_set_of_entries_alone(
    make_world: Callable[..., Any], ticks: Sequence[tuple[str, str, int, bool]], data: st.DataObject
) -> None:
    """Any order, any cut into batches and any repetition give the same sheet, checks and number of dangers."""
    results = []
    for shuffled in (False, True):
        world = make_world()
        registered(world, fire={})
        begin_ns = world.now_ns
        made(world)
        world.now_ns += HOUR_NS
        sent = [tick(n, item, result, at_ns=begin_ns + at * MINUTE_NS) for n, (item, result, at, _) in enumerate(ticks)]
        batches = [sent]
        if shuffled:
            order = data.draw(st.permutations(sent))
            cut = data.draw(st.integers(0, len(order)))
            again = [one for one, (*_, twice) in zip(sent, ticks, strict=True) if twice]
            batches = [list(order[:cut]), list(order[cut:]), again]
        for batch in batches:
            if batch:
                send(world, *batch)
        found, entries = world.dispatch.inspections.store.sheet(OFFICER, "school-1", "walk-0001")
        live = world.dispatch.live_grades.statuses(world.dispatch.register.entries(OFFICER, "school-1"))
        states = [(one.measure.id, one.state, one.at_ns) for one in live["school-1/fire"]]
        results.append((sheet(world), states, len({one.danger for one in entries if one.danger}), found.state))
        assert world.dispatch.verify().ok
    assert results[0] == results[1]
    make_world.finish()  # type: ignore[attr-defined]


def stored(number: int, item: str, result: str, at_ns: int) -> Stored:
    """Return a stored tick."""
    return Stored("s", "i", f"e{number}", ITEM, "s1", item, result, "", "", "", "", at_ns, at_ns, True, "p", "", "", "")


def test_a_measure_works_only_with_every_item_answered(world: Any) -> None:
    """One item not in order fails the measure; an open one leaves it; not applicable alone is no check."""
    registered(world, fire={})
    walk = made(world)

    def result(*rows: Stored) -> Any:
        return results_of(folded(walk, rows, {})).get(("fire", "m1"))

    good, bad = stored(1, "m1.0", "ok", 5), stored(2, "m1.1", "not_ok", 7)
    absent = stored(3, "m1.1", "not_applicable", 6)
    assert result(good) is None
    assert result(absent) is None
    assert result(good, absent) == (True, 6)
    assert result(good, bad) == (False, 7)
    assert result(bad) == (False, 7)


def test_an_item_not_in_order_becomes_one_danger_and_fails_its_measure(world: Any) -> None:
    """The danger has the text of the item; its measure fails and proposes a grade; a correction adds no danger."""
    registered(world, fire={})
    made(world)
    at_ns = world.now_ns
    assert send(world, tick(1, "m1.0", "not_ok", at_ns=at_ns, note="有桌椅")) == ["stored"]
    [ticket] = world.tickets
    danger = world.dispatch.danger_queries.by_id([ticket.danger], OFFICER)[ticket.danger]
    assert (danger.source, danger.cause, danger.place) == ("inspection", "fire_equipment", "d-101")
    assert danger.text["zh"] == "宿舍火灾：通道畅通（有桌椅）"
    entries = world.dispatch.register.entries(OFFICER, "school-1")
    assert world.dispatch.live_grades.proposals(entries)["school-1/fire"].precursors[0].rule == "failed_check"
    assert send(world, tick(2, "m1.0", "not_ok", at_ns=at_ns, note="仍有")) == ["stored"]
    assert len(world.tickets) == 1
    assert world.dispatch.danger_queries.by_id([ticket.danger], OFFICER)[ticket.danger].reports == 1
    world.now_ns += MINUTE_NS
    send(world, tick(3, "m1.0", "ok", at_ns=world.now_ns), tick(4, "m1.1", "ok", at_ns=world.now_ns))
    raised = world.dispatch.live_grades.proposals(entries)["school-1/fire"]
    assert [one.rule for one in raised.precursors] == ["open_dangers"]


def test_an_overdue_check_moves_the_grade_and_an_inspection_ends_that(world: Any) -> None:
    """The rule for overdue checks reads the records of inspections."""
    registered(world, fire={})
    world.now_ns += 3 * DAY_NS
    entries = world.dispatch.register.entries(OFFICER, "school-1")
    found = world.dispatch.live_grades.proposals(entries)["school-1/fire"]
    assert [one.rule for one in found.precursors] == ["overdue_check"]
    made(world, "daily_patrol")
    at_ns = world.now_ns
    send(world, *(tick(n, item, "ok", at_ns=at_ns) for n, item in enumerate(("m1.0", "m1.1"))))
    assert "school-1/fire" not in world.dispatch.live_grades.proposals(entries)


def test_a_person_overrules_the_sensor_of_a_measure(world: Any) -> None:
    """A failed check of a measure that a sensor proves counts until a person finds it in order."""
    registered(world, fire={})
    made(world)
    entries = world.dispatch.register.entries(OFFICER, "school-1")

    def state() -> str:
        return str(world.dispatch.live_grades.statuses(entries)["school-1/fire"][2].state)

    assert state() == "works"
    send(world, tick(1, "m3.0", "not_ok", at_ns=world.now_ns))
    assert state() == "failed"
    world.now_ns += MINUTE_NS
    send(world, tick(2, "m3.0", "ok", at_ns=world.now_ns))
    assert state() == "works"


def test_a_known_id_with_other_content_is_refused_and_the_first_stays(world: Any) -> None:
    """A batch with wrong entries stores the right ones; each wrong one has its reason."""
    registered(world, fire={})
    made(world)
    at_ns = world.now_ns
    first = tick(1, "m1.0", "ok", at_ns=at_ns)
    wrong = [
        replace(first, result="not_ok"),
        tick(2, "m9.0", "ok", at_ns=at_ns),
        tick(3, "m1.0", "fine", at_ns=at_ns),
        tick(4, "m1.0", "ok", at_ns=at_ns, stop="s9"),
        replace(first, id="entry-0005", at="2026-11-30T10:00:00"),
        replace(first, id="short"),
        replace(first, id="entry-0006", type="visit"),
        replace(first, id="entry-0007", type="check_in", code="no-code"),
        replace(first, id="entry-0008", type="check_in", tag="unknown"),
    ]
    assert send(world, first, *wrong, first) == ["stored", *(["refused"] * len(wrong)), "repeated"]
    assert sheet(world) == {"m1.0": "ok", "m1.1": "open", "m2.0": "open", "m3.0": "open"}
    assert world.tickets == []


def test_a_device_clock_that_is_ahead_does_not_win_for_ever(world: Any) -> None:
    """A time in the future counts as the time of arrival; the sent time stays in the record."""
    registered(world, fire={})
    made(world)
    send(world, tick(1, "m1.0", "not_ok", at_ns=world.now_ns + 400 * DAY_NS))
    world.now_ns += MINUTE_NS
    send(world, tick(2, "m1.0", "ok", at_ns=world.now_ns))
    assert sheet(world)["m1.0"] == "ok"


def test_orange_points_without_an_inspection_come_first_in_walking_order(world: Any) -> None:
    """A point inspected within the cycle is left to those due; zones and floors give the order of a walk."""
    low = {"existing": {"method": "ls", "likelihood": 1, "severity": 2}}
    orange = {"existing": {"method": "ls", "likelihood": 3, "severity": 5}}
    yellow = {"measures": [{"id": "m1", "text": {"zh": "检查"}, "cycle_days": 1}]} | low
    registered(
        world, due=yellow, pond=orange | {"zone": "pond", "place": "bank"}, fire=orange, calm=low | {"measures": []}
    )
    route = world.dispatch.inspections.store.route(OFFICER, "school-1", "weekly")
    assert [(one.point, one.reason) for one in route.stops] == [
        ("fire", "not_inspected"), ("pond", "not_inspected"), ("due", "due"),
    ]  # fmt: skip
    made(world)
    send(world, tick(1, "m1.0", "ok", at_ns=world.now_ns), tick(2, "m1.1", "ok", at_ns=world.now_ns))
    route = world.dispatch.inspections.store.route(OFFICER, "school-1", "weekly")
    assert [(one.point, one.reason) for one in route.stops][:1] == [("pond", "not_inspected")]
    assert {one.point for one in route.stops[1:]} == {"fire", "due"}
    special = world.dispatch.inspections.store.route(OFFICER, "school-1", "special_drowning")
    assert special.stops == ()


def test_the_same_id_makes_one_inspection_and_rights_and_sites_hold(world: Any) -> None:
    """The first inspection of an id stays; another person, kind, role or school is refused."""
    registered(world, fire={})
    store = world.dispatch.inspections.store
    assert made(world) == made(world)
    with pytest.raises(GuardFailed):
        made(world, "monthly")
    with pytest.raises(NotFound):
        store.create(STRANGER, "school-1", Wanted("walk-0002", "weekly"))
    with pytest.raises(NotFound):
        store.sheet(STRANGER, "school-1", "walk-0001")
    with pytest.raises(NotFound):
        send(world, tick(1, "m1.0", "ok", at_ns=world.now_ns), actor=STRANGER)
    with pytest.raises(Forbidden):
        store.create(Actor("d", frozenset(("district",))), "school-1", Wanted("walk-0002", "weekly"))
    with pytest.raises(Invalid):
        store.create(OFFICER, "school-1", Wanted("walk-0002", "yearly"))
    assert store.all(STRANGER) == []


ROUND = Plan(
    "school-1", "keys", "guard_round", {"zh": "重点部位巡逻", "en": "Key places"}, "", [], [], [], ["all"], 60, True
)


def planned(world: Any, *begins: str, version: int | None = None, **changes: Any) -> Plan:
    """Save a plan of guard rounds and make its inspections."""
    plan = replace(ROUND, begins=list(begins), **changes)
    found: Plan = world.dispatch.inspections.plans.put(OFFICER, plan, version=version)
    world.dispatch.inspections.settle(world.now_ns)
    return found


def rounds(world: Any) -> list[Inspection]:
    """Return the guard rounds, the first window first."""
    return list(reversed(world.dispatch.inspections.store.all(OFFICER, site="school-1")))


def check_in(world: Any, one: Inspection, number: int, stop: int = 0, *, at_ns: int | None = None) -> list[str]:
    """Check in at a stop with the code of its place."""
    code = "https://school/#/report/" + world.dispatch.place_codes.make("school-1", one.stops[stop].place)
    at = format_time(world.now_ns if at_ns is None else at_ns)
    sent = Sent(f"visit-{number:04}", "check_in", at, one.stops[stop].id, code=code)
    return send(world, sent, actor=GUARD, walk=one.id)


def test_a_missed_stop_is_one_finding_until_the_next_round(world: Any) -> None:
    """A round that nobody walked opens one hazard for each stop, without a page; the next check-in clears it."""
    planned(world, "06:30", "12:00", "18:00")
    first, second = rounds(world)[:2]
    assert [one.place for one in first.stops] == ["d-101", "bank"]
    world.now_ns = first.begin_ns + MINUTE_NS
    assert check_in(world, first, 1) == ["stored"]
    world.now_ns = first.end_ns + HOUR_NS
    world.dispatch.inspections.settle(world.now_ns)
    world.dispatch.inspections.settle(world.now_ns + MINUTE_NS)
    assert [(one.kind, one.evidence["page"]) for one in world.active_findings()] == [("round_missed", False)]
    [hazard] = world.hazards
    assert (hazard.place, hazard.active, hazard.paged_grade) == ("bank", True, 0)
    world.now_ns = second.begin_ns + MINUTE_NS
    check_in(world, second, 2, 1)
    world.dispatch.inspections.settle(world.now_ns)
    assert [one.active for one in world.hazards] == [False]
    check_in(world, second, 3, 0)
    found, _ = world.dispatch.inspections.store.sheet(OFFICER, "school-1", second.id)
    assert found.state == "done"


def test_an_offline_round_that_arrives_late_ends_its_finding(world: Any) -> None:
    """The device time within the window counts, whenever the phone sends; a time outside it does not."""
    planned(world, "06:30")
    [one] = rounds(world)
    world.now_ns = one.end_ns + 3 * HOUR_NS
    world.dispatch.inspections.settle(world.now_ns)
    assert len(world.active_findings()) == 2
    check_in(world, one, 1, 0, at_ns=one.begin_ns + MINUTE_NS)
    check_in(world, one, 2, 1, at_ns=one.end_ns + MINUTE_NS)
    world.dispatch.inspections.settle(world.now_ns)
    assert [finding.sensor for finding in world.active_findings()] == ["guard_round/bank"]
    check_in(world, one, 3, 1, at_ns=one.begin_ns + 2 * MINUTE_NS)
    world.dispatch.inspections.settle(world.now_ns)
    assert world.active_findings() == []
    assert rounds(world)[0].state == "done"


def test_a_check_in_by_hand_or_at_another_place_is_no_proof(world: Any) -> None:
    """Only the code or tag of the place counts; a check-in by hand is kept and shown as such."""
    planned(world, "06:30")
    [one] = rounds(world)
    world.now_ns = one.begin_ns + MINUTE_NS
    at = format_time(world.now_ns)
    elsewhere = world.dispatch.place_codes.make("school-1", "d-102")
    assert send(world, Sent("visit-0001", "check_in", at, "s1", code=elsewhere), walk=one.id) == ["refused"]
    assert send(world, Sent("visit-0002", "check_in", at, "s1"), walk=one.id) == ["stored"]
    world.dispatch.inspections.plans.put_tag(OFFICER, "school-1", "04a2", "bank")
    assert send(world, Sent("visit-0003", "check_in", at, "s2", tag="04a2"), walk=one.id) == ["stored"]
    _, entries = world.dispatch.inspections.store.sheet(OFFICER, "school-1", one.id)
    assert {entry.way: counts(entry) for entry in entries} == {"manual": False, "nfc": True}


def test_a_plan_is_checked_versioned_and_its_rounds_are_made_once(world: Any) -> None:
    """Wrong fields are named together; a change replaces planned rounds; an inactive plan ends its findings."""
    with pytest.raises(Invalid) as wrong:
        planned(world, "25:00", window_min=0, places=["nowhere"], days=["never"])
    assert set(wrong.value.fields) == {"begins", "window_min", "places", "days"}
    plan = planned(world, "06:30", "12:00")
    assert not plan.enough
    world.dispatch.inspections.settle(world.now_ns)
    assert len(rounds(world)) == 2
    with pytest.raises(Stale):
        planned(world, "07:00")
    planned(world, *inspection_kinds()["guard_round"].begins, version=1)
    assert len(rounds(world)) == 5
    world.now_ns += 2 * DAY_NS
    world.dispatch.inspections.settle(world.now_ns)
    assert world.active_findings()
    planned(world, "06:30", version=2, active=False)
    assert world.active_findings() == []


def test_entries_survive_a_restart(world: Any) -> None:
    """A sheet after a restart equals the one before, and a repeated batch is known."""
    registered(world, fire={})
    made(world)
    sent = tick(1, "m1.0", "ok", at_ns=world.now_ns)
    send(world, sent)
    before = [asdict(one) for one in world.dispatch.inspections.store.sheet(OFFICER, "school-1", "walk-0001")[1]]
    world.reopen()
    after = [asdict(one) for one in world.dispatch.inspections.store.sheet(OFFICER, "school-1", "walk-0001")[1]]
    assert before == after
    assert send(world, sent) == ["repeated"]

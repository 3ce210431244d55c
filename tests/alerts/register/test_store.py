"""Risk register: versions, approval, audit, import of the campus file, templates and lists."""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from alerts import Actor, Grade, GuardFailed, Invalid, NotFound, Stale
from alerts.hazards.provisional import CONFIRM
from alerts.register import course
from alerts.register.list_reader import read_list
from alerts.register.lists import write_list
from alerts.register.records import Entry, RegisterZone
from alerts.register.templates import post_names, templates
from alerts.risk.causes import causes
from alerts.risk.content import Content, Factors, Measure, Source, Text, checked
from alerts.risk.live_rules import DAY_NS
from detectors import Phase

OFFICER = Actor("officer", frozenset(("officer",)), frozenset(("school-1",)))
DEPUTY = Actor("officer2", frozenset(("officer",)), frozenset(("school-1",)))
STRANGER = Actor("other", frozenset(("officer",)), frozenset(("school-2",)))
POINT: dict[str, Any] = {
    "name": {"zh": "宿舍火灾", "en": "Fire in a dormitory"},
    "zone": "dorm",
    "hazard": "fire",
    "inherent": {"method": "ls", "likelihood": 4, "severity": 5},
    "existing": {"method": "ls", "likelihood": 2, "severity": 5},
    "measures": [{"id": "m1", "text": {"zh": "每日巡查"}, "post": "dorm", "cycle_days": 1}],
}


def test_a_risk_point_is_edited_approved_and_removed_with_versions_and_audit(world: Any) -> None:
    """An edit waits for approval; stale versions and other schools are refused; the audit explains every row."""
    register = world.dispatch.register
    made = register.put(OFFICER, "school-1", "r1", POINT, version=None)
    assert (made.state, made.version, made.existing) == ("draft", 1, None)
    with pytest.raises(Stale):
        register.put(OFFICER, "school-1", "r1", POINT, version=None)
    with pytest.raises(NotFound):
        register.put(STRANGER, "school-1", "r1", POINT, version=1)
    assert register.approved(["school-1"]) == []
    [done] = register.approve(DEPUTY, "school-1", {"r1": 1})
    assert (done.state, done.version, done.inherent, done.existing, done.live) == (
        "approved", 2, Grade.RED, Grade.YELLOW, Grade.YELLOW,
    )  # fmt: skip
    assert done.approved is not None
    assert (done.approved.level, done.approved.existing.version) == ("school", "1")
    changed = register.put(OFFICER, "school-1", "r1", POINT | {"post": "guard"}, version=2)
    assert changed.state == "changed"
    assert changed.approved is not None
    assert changed.approved.post == ""
    world.now_ns += DAY_NS
    register.remove(OFFICER, "school-1", "r1", version=3)
    assert register.entries(OFFICER, "school-1") == []
    past = course.as_of(world.engine, {"school-1"}, world.now_ns - 1)
    assert [(one.id, one.grade) for one in past] == [("r1", Grade.YELLOW)]
    assert course.as_of(world.engine, {"school-1"}, world.now_ns) == []
    again = register.put(OFFICER, "school-1", "r1", POINT, version=None)
    assert (again.state, again.version) == ("draft", 5)
    kinds = [event.kind for event in register.history(OFFICER, "school-1", "r1")]
    assert kinds == [
        "risk_point.edited",
        "risk_point.removed",
        "risk_point.edited",
        "risk_point.approved",
        "risk_point.edited",
    ]
    assert world.dispatch.verify().rows_differing == ()


def test_wrong_fields_are_reported_together(world: Any) -> None:
    """Each with its path, in both languages; a measure cannot raise a risk."""
    wrong = POINT | {
        "kind": "x",
        "hazard": "x",
        "existing": {"method": "ls", "likelihood": 5, "severity": 5},
        "inherent": {"method": "ls", "likelihood": 1, "severity": 5},
        "measures": [{"id": "m1", "kind": "x"}, {"id": "m1", "text": {"en": "a"}, "cycle_days": -1}],
    }
    with pytest.raises(Invalid) as caught:
        world.dispatch.register.put(OFFICER, "school-1", "r1", wrong, version=None)
    assert set(caught.value.fields) == {
        "kind", "hazard", "existing", "measures.0.id", "measures.0.text", "measures.0.kind", "measures.1.id",
        "measures.1.cycle_days",
    }  # fmt: skip
    assert set(caught.value.zh) == set(caught.value.fields)
    with pytest.raises(Invalid, match="allowed is one of dorm, pond"):
        world.dispatch.register.put(OFFICER, "school-1", "r1", POINT | {"zone": "x"}, version=None)


def test_the_campus_file_fills_an_empty_register_once(world: Any) -> None:
    """Its points are approved as they graded before; a school with a register keeps its own."""
    assert world.dispatch.register.fill() == ["school-1", "school-2"]
    [entry] = world.dispatch.register.entries(OFFICER)
    assert (entry.id, entry.state, entry.existing, entry.inherent) == ("dorm-fire", "approved", Grade.BLUE, None)
    assert world.dispatch.register.fill() == []
    assert world.dispatch.verify().ok


def test_the_editor_approves_no_own_edit_under_any_account(world: Any) -> None:
    """Two accounts of one person count as one; all or none are approved; a second person approves."""
    register = world.dispatch.register
    world.employ("officer")
    world.employ("officer2", person="officer")
    other = world.employ("principal", "officer", sites=["school-1"])
    for point in ("r1", "r2"):
        register.put(OFFICER, "school-1", point, POINT, version=None)
    for actor in (OFFICER, DEPUTY):
        with pytest.raises(GuardFailed, match="you edited r1") as caught:
            register.approve(actor, "school-1", {"r1": 1})
        assert "另一人审批" in caught.value.zh
    register.put(other, "school-1", "r2", POINT | {"post": "guard"}, version=1)
    with pytest.raises(GuardFailed, match="you edited r2"):
        register.approve(other, "school-1", {"r1": 1, "r2": 2})
    assert register.approved(["school-1"]) == []
    assert [one.state for one in register.approve(other, "school-1", {"r1": 1})] == ["approved"]
    assert [one.approved_by for one in register.approve(DEPUTY, "school-1", {"r2": 2})] == ["officer2"]


def test_a_proposal_counts_once_confirmed_and_ends_with_its_evidence(world: Any, seen: Any) -> None:
    """A failed check raises the likelihood up to the inherent one; a good check lowers the grade again."""
    register, live = world.dispatch.register, world.dispatch.live_grades
    register.put(OFFICER, "school-1", "r1", POINT, version=None)
    register.approve(DEPUTY, "school-1", {"r1": 1})
    world.now_ns += 3 * DAY_NS
    entries = register.entries(OFFICER)
    raised = live.proposals(entries)["school-1/r1"]
    assert [one.rule for one in raised.precursors] == ["overdue_check"]
    assert (raised.grade, raised.likelihood) == (Grade.ORANGE, 3)
    assert entries[0].live is Grade.YELLOW
    live.decide(OFFICER, "school-1", "r1", decision=CONFIRM, colour="orange", reason="seen")
    assert register.entries(OFFICER)[0].live is Grade.ORANGE
    world.dispatch.tick(world.now_ns)
    assert register.entries(OFFICER)[0].live is Grade.ORANGE
    world.now_ns += DAY_NS // 2
    register.check(OFFICER, "school-1", "r1", "m1", works=True, note="")
    world.dispatch.tick(world.now_ns)
    assert register.entries(OFFICER)[0].live is Grade.YELLOW
    world.now_ns += 1
    register.check(OFFICER, "school-1", "r1", "m1", works=False, note="lamp broken")
    assert live.statuses(entries)["school-1/r1"][0].state == "failed"
    assert course.as_of(world.engine, {"school-1"}, world.now_ns - 2)[0].grade is Grade.ORANGE
    world.feed(seen(Phase.RAISE, hazard="sensor_silent", rule="offline", metric="", level=1))
    rules = [one.rule for one in live.proposals(register.entries(OFFICER))["school-1/r1"].precursors]
    assert "blind_detector" in rules
    assert world.dispatch.verify().rows_differing == ()


@pytest.mark.parametrize("name", sorted(templates()))
def test_a_template_is_complete(name: str) -> None:
    """At least 60 points in both languages, each with measures whose post and cycle are known."""
    chosen = templates()[name]
    assert len(chosen.points) >= 60
    zones = {zone.id for zone in chosen.zones}
    for point, content in chosen.points.items():
        assert content.zone in zones, point
        assert content.hazard in {"", *causes()}, point
        assert content.inherent is not None
        assert content.measures, point
        assert all(
            one.post in post_names() and one.cycle_days and one.text.zh and one.text.en for one in content.measures
        )
        assert content.sources[0].name.zh, point
        assert content.sources[0].name.en, point


def test_a_template_fills_a_blank_school(world: Any) -> None:
    """Its zones are those of the school from now on; a list of the school reads back as the same points."""
    chosen = templates()["kindergarten"]
    zones = {zone.id for zone in chosen.zones}
    register = world.dispatch.register
    new, _ = register.write(OFFICER, "school-1", chosen.zones_of("school-1"), chosen.points, origin="template")
    assert new == len(chosen.points)
    entries = register.entries(OFFICER, "school-1")
    assert ("school-1", "gate") in world.registry.zones
    for form in ("xlsx", "csv"):
        file = write_list(entries, register.zones(OFFICER, "school-1"), form=form, language="zh")
        assert read_list(file, form=form, zones=zones) == ([], dict(chosen.points))
    assert register.write(OFFICER, "school-1", [], chosen.points, origin="list") == (0, 0)


TEXT = st.builds(Text, *(st.text(st.characters(categories=("L", "N", "P")), max_size=8),) * 2)
NAMED = TEXT.filter(lambda text: bool(text.zh or text.en))
SOURCE = st.builds(Source, NAMED, TEXT, st.lists(st.sampled_from(["fire", "crush"]), unique=True).map(tuple))
MEASURE = st.builds(
    Measure, st.just("m1"), NAMED, st.sampled_from(["engineering", "training"]), cycle_days=st.integers(0, 400),
    items=st.lists(NAMED, max_size=3).map(tuple), sensor=st.sampled_from(["", "smoke-1"]),
)  # fmt: skip
FACTORS = st.one_of(
    st.builds(Factors, st.just("ls"), st.just(""), st.just(2.0), st.integers(1, 5).map(float)),
    st.builds(Factors, st.just("lec"), st.just(""), st.just(0.5), st.sampled_from([1.0, 40.0]), st.just(6.0)),
)
CONTENT = st.builds(
    Content, NAMED, st.just("dorm"), object=TEXT, unit=TEXT, sources=st.lists(SOURCE, max_size=3).map(tuple),
    existing=FACTORS, measures=st.lists(MEASURE, max_size=1).map(tuple), emergency=TEXT, post=st.just("guard"),
)  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(CONTENT)
def test_a_list_round_trips(content: Content) -> None:
    """A written list reads back as the same content, in both formats and with headings of both languages."""
    found = checked(content.plain())
    entry = Entry("s", "r1", "dorm", 1, "draft", found, None, None, None, None, 1, 0, "a", 0, None, None)
    zone = RegisterZone("s", "dorm", 1, {"zh": "宿舍", "en": "Dormitory"}, "", 1)
    for form, language in (("xlsx", "zh"), ("csv", "en")):
        file = write_list([entry], [zone], form=form, language=language)
        assert read_list(file, form=form, zones={"dorm"}) == ([], {"r1": found})


def test_every_wrong_row_of_a_list_is_reported_and_none_imported() -> None:
    """A thousand rows with two errors each give two thousand reports with row and column."""
    lines = ["id,zone,name.zh,existing.likelihood,existing.severity,kind"]
    lines += [f"r{number},dorm,点,9,2,x" for number in range(1_000)]
    with pytest.raises(Invalid) as caught:
        read_list("\n".join(lines).encode(), form="csv", zones={"dorm"})
    assert len(caught.value.fields) == 2_000
    assert caught.value.fields["row 2, kind"].startswith("'x': allowed is one of place")
    assert "row 1001, existing.likelihood" in caught.value.fields


@pytest.mark.parametrize(
    ("content", "form", "place"),
    [
        (b"", "csv", "row 1"),
        (b"nothing,here\n1,2", "csv", "row 1"),
        (b"id\n", "csv", "content"),
        (b"\xff\xfe\xfa", "csv", "content"),
        (b"PK not a workbook", "xlsx", "content"),
        (b"id,zone,name.zh\nr 1,dorm,x", "csv", "row 2, id"),
        (b"id,zone,name.zh\nr1,dorm,x\nr2,dorm,y\nr1,dorm,z", "csv", "row 4, id"),
        (
            b"id,zone,name.zh,measure.id,measure.text.zh,measure.cycle_days\nr1,dorm,x,m1,y,often",
            "csv",
            "row 2, measure.cycle_days",
        ),
        (b"id,zone,name.zh,measure.id,measure.text.zh\nr1,dorm,x,m1,y\nr1,,,m1,z", "csv", "row 3, measure.id"),
    ],
)
def test_a_bad_list_is_refused_with_its_place(content: bytes, form: Any, place: str) -> None:
    """Broken files, missing headings and wrong cells are named."""
    with pytest.raises(Invalid) as caught:
        read_list(content, form=form, zones={"dorm"})
    assert place in caught.value.fields, caught.value.fields


def test_a_cell_of_a_list_is_no_formula() -> None:
    """A spreadsheet program runs none of the texts of an export."""
    content = checked(POINT | {"name": {"zh": "=1+1", "en": "@SUM(1)"}, "emergency": {"zh": "-1", "en": "'+1"}})
    entry = Entry("s", "r1", "dorm", 1, "draft", content, None, None, None, None, 1, 0, "a", 0, None, None)
    forms: tuple[Any, ...] = ("csv", "xlsx")
    for form in forms:
        file = write_list([entry], [], form=form, language="en")
        assert read_list(file, form=form, zones={"dorm"}) == ([], {"r1": content})
    text = write_list([entry], [], form="csv", language="en").decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def workbook(sheet: bytes, *, encrypted: bool = False) -> bytes:
    """Return a workbook with this content of its sheet."""
    book, output = io.BytesIO(), io.BytesIO()
    Workbook().save(book)
    with zipfile.ZipFile(book) as parts, zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as made:
        for name in parts.namelist():
            made.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else parts.read(name))
    if not encrypted:
        return output.getvalue()
    return (
        output.getvalue()
        .replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01")
        .replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    )


@pytest.mark.parametrize("content", [workbook(b"<worksheet><a"), workbook(b"", encrypted=True)])
def test_a_damaged_or_encrypted_workbook_is_refused(content: bytes) -> None:
    """Neither is a fault of the service."""
    with pytest.raises(Invalid) as caught:
        read_list(content, form="xlsx", zones={"dorm"})
    assert set(caught.value.fields) == {"content"}


def test_a_cell_in_the_last_column_costs_no_memory() -> None:
    """A small file with one far cell in each row would have 300 million cells."""
    rows = "".join(f'<row r="{n}"><c r="XFD{n}" t="n"><v>1</v></c></row>' for n in range(2, 2_002))
    sheet = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    tracemalloc.start()
    with pytest.raises(Invalid):
        read_list(
            workbook(f'<worksheet xmlns="{sheet}"><sheetData>{rows}</sheetData></worksheet>'.encode()),
            form="xlsx",
            zones={"dorm"},
        )
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_hazard_finds_its_approved_risk_point(world: Any, seen: Any) -> None:
    """An approved point stays in its zone while an edit that moves it waits."""
    register = world.dispatch.register
    register.put(OFFICER, "school-1", "r1", POINT | {"place": "d-101"}, version=None)
    register.put(OFFICER, "school-1", "r2", POINT | {"zone": "pond", "hazard": "flood"}, version=None)
    register.approve(DEPUTY, "school-1", {"r1": 1, "r2": 1})
    register.put(OFFICER, "school-1", "r1", POINT | {"zone": "pond"}, version=2)
    world.feed(seen(Phase.RAISE), seen(Phase.RAISE, sensor="level-1", metric="level", hazard="flood", rule="level"))
    found = world.dispatch.danger_queries.by_id([one.danger for one in world.tickets], OFFICER)
    assert {one.cause: one.risk_point for one in found.values()} == {"fire": "r1", "flood": "r2"}

"""The lookout and its flow: from memory comes what will be stored, under its ids, and nothing of it stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts import AlertDispatch, MemoryOutbox, Notice, Page, Receipt, open_database, read_registry
from alerts.people.access import Actor
from ingest import Frame, Priority
from ingest.mqtt import Chunk, Failing, FirstArrivals
from twinward.flow import Flow, Origin, origin
from twinward.settings import Settings
from twinward.stages import DETECT
from twinward.standby.controller import BACKLOG_S, LATE_S, SOON_S, Mode, StandbyController
from twinward.standby.memory_flow import MemoryFlow
from twinward.standby.self_monitor import DiskSpace
from twinward.tables import read_tables

NOW_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
ADMIN = Actor("admin", frozenset(("admin",)))
CAMPUS: dict[str, Any] = {
    "site": [{"id": "s"}],
    "zone": [{"site": "s", "id": "dorm", "key": "dormitory"}],
    "place": [{"site": "s", "zone": "dorm", "id": "d-101"}],
    "sensor": [{"site": "s", "id": "smoke-1", "kind": "smoke", "place": "d-101", "period_s": 60}],
}


@dataclass
class Phone:
    """A channel in memory."""

    name: str = "phone"
    for_programs: bool = False
    got: list[Notice] = field(default_factory=list)

    def deliver(self, notice: Notice) -> Receipt:
        """Keep it."""
        self.got.append(notice)
        return Receipt(delivered=True)


class School:
    """Everything of the service but its threads, on real files: one call takes messages all the way."""

    def __init__(self, folder: Path) -> None:
        self.now_ns = NOW_NS
        clock = lambda: self.now_ns  # noqa: E731
        self.phone, self.registry = Phone(), read_registry(CAMPUS)
        self.tables = replace(read_tables(Settings()), registry=self.registry)
        self.flow = Flow(replace(Settings(), data_dir=folder), self.tables, clock)
        self.log, self.detections, self.catalog = self.flow.log, self.flow.detections, self.flow.catalog
        self.intake = self.flow.intake()
        self.engine = open_database(f"sqlite:///{folder / 'alerts.sqlite'}")
        self.desk = AlertDispatch(self.engine, self.registry, clock, channels=[self.phone])
        self.steps = self.flow.detection()
        self.cursors = [step.stage.recover() for step in self.steps]
        self.origin: Origin = origin(
            Settings(),
            self.tables,
            clock,
            catalog=self.catalog,
            logs=(self.log, self.detections),
            alerting=(self.engine, [self.phone], lambda: False),
        )

    def store(self, chunks: Sequence[tuple[Sequence[Frame], int]], *, judged: bool = True, told: bool = True) -> None:
        """Messages into the log; then to the detectors, and to the desk, unless those are stopped."""
        for frames, at_ns in chunks:
            self.intake.accept(frames, at_ns)
            sealed = self.intake.seal(at_ns)
            if sealed is not None:
                self.log.append(sealed)
        for place, step in enumerate(self.steps) if judged else ():
            if entries := step.source.read(self.cursors[place], limit=10_000):
                step.stage.process(entries)
                self.cursors[place] = entries[-1].seq
            step.stage.idle()
        for lane in Priority if told else ():
            for entry in self.detections.lane(lane).read(self.desk.cursor(lane), limit=10_000):
                self.desk.apply(entry.detections, self.catalog, cursor=entry.seq, lane=lane)

    def pages(self) -> set[tuple[str, str]]:
        """Id and type of every page that is stored for the phone."""
        found = self.desk.queries.notices(ADMIN, site=None, page=Page(10_000))
        return {(notice.id, notice.type) for notice in found if notice.channel == "phone"}

    def close(self) -> None:
        """Let go of the files."""
        self.flow.close()
        self.engine.dispose()


@pytest.fixture
def make_school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], School]]:
    """Makes schools, closed after the test."""
    made: list[School] = []

    def make() -> School:
        made.append(School(tmp_path_factory.mktemp("school")))
        return made[-1]

    yield make
    for school in made:
        school.close()


def frame(sensor: str, number: int, *, smoke: bool) -> Frame:
    """A message without a time of its own."""
    body = b'{"seq": %d, "smoke": %s}' % (number, b"true" if smoke else b"false")
    return (0, 0, b"campus/s/smoke/" + sensor.encode(), body)


stories = st.lists(
    st.tuples(
        st.sampled_from(["smoke-1", "smoke-2", "new-1", "new-2"]), st.booleans(), st.sampled_from([1, 20, 90, 4_000])
    ),
    min_size=1,
    max_size=12,
)


def chunks_of(story: Sequence[tuple[str, bool, int]]) -> list[tuple[list[Frame], int]]:
    """Each message as a chunk of its own with its arrival."""
    at_ns, chunks = NOW_NS, []
    for number, (sensor, smoke, gap_s) in enumerate(story):
        at_ns += gap_s * SECOND_NS
        chunks.append(([frame(sensor, number, smoke=smoke)], at_ns))
    return chunks


@given(story=stories, cuts=st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_memory_goes_on_from_wherever_the_durable_flow_stopped(
    make_school: Callable[[], School], story: list[tuple[str, bool, int]], cuts: tuple[int, int, int]
) -> None:
    """Told, judged, logged, unlogged: wherever each ends, memory pages what the stored flow pages later, by id."""
    told, judged, logged = sorted(cuts)
    school, chunks = make_school(), chunks_of(story)
    school.store(chunks[:told])
    known = school.pages()
    school.store(chunks[told:judged], told=False)
    school.store(chunks[judged:logged], judged=False, told=False)
    before = (len(school.catalog), school.log.head(), school.detections.head())
    flow = MemoryFlow(school.origin)
    for frames, at_ns in chunks[logged:]:
        flow.accept(frames, at_ns)
    mine = {(notice.id, notice.type) for notice in flow.drain_notices() if notice.channel == "phone"}
    flow.close()
    assert flow.blank == ""
    assert (len(school.catalog), school.log.head(), school.detections.head()) == before
    assert school.pages() == known
    school.store(chunks[logged:])
    assert mine == school.pages() - known


@given(story=stories, cuts=st.tuples(st.integers(0, 12), st.integers(0, 12)), data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ahead_of_a_backlog_memory_pages_what_the_stored_flow_pages_when_it_gets_there(
    make_school: Callable[[], School], story: list[tuple[str, bool, int]], cuts: tuple[int, int], data: st.DataObject
) -> None:
    """Logged, waiting at the broker, heard: no sensor of which nothing waits pages twice, and none is missed."""
    logged, heard = sorted(cuts)
    waiting = data.draw(st.sets(st.sampled_from(["smoke-1", "smoke-2", "new-1", "new-2"])))
    chunks = chunks_of(story)
    kept = [  # sensors have said something in the backlog or say something now, not both
        number
        for number, (sensor, _, _) in enumerate(story)
        if number < logged or (sensor in waiting) == (number < heard)
    ]
    school = make_school()
    school.store([chunks[number] for number in kept if number < logged])
    known = school.pages()
    flow = MemoryFlow(school.origin, urgent_alone=True)
    for number in kept:
        if number >= heard:
            flow.accept(*chunks[number])
    mine = {(notice.id, notice.type) for notice in flow.drain_notices() if notice.channel == "phone"}
    flow.close()
    school.store([chunks[number] for number in kept if logged <= number < heard])
    backlog = school.pages() - known
    school.store([chunks[number] for number in kept if number >= heard])
    assert mine == school.pages() - known - backlog


def test_without_log_and_database_a_fire_still_pages(make_school: Callable[[], School]) -> None:
    """A disk that reads no more: known sensors, no past, and the id that the alarm will have."""
    school = make_school()
    gone = SimpleNamespace(recent_keys=_io_error, memory=_io_error, urgent=lambda: gone)
    blank = origin(
        Settings(),
        school.tables,
        lambda: NOW_NS,
        catalog=school.catalog,
        logs=(gone, gone),  # type: ignore[arg-type]
        alerting=(school.engine, [school.phone], lambda: False),
    )
    flow = MemoryFlow(blank)
    chunk = ([frame("smoke-1", 1, smoke=True)], NOW_NS)
    flow.accept(*chunk)
    assert flow.blank == "log"
    school.store([chunk])
    assert {notice.hazard for notice in flow.drain_notices()} == {
        hazard.id for hazard in school.desk.queries.hazards(ADMIN, site=None, active=None, page=Page(10))
    }
    flow.close()


def test_a_detection_that_no_desk_can_take_holds_up_no_other(make_school: Callable[[], School]) -> None:
    """What the durable stage fails at is passed over in memory, counted, and later alarms page."""
    school = make_school()
    school.store(chunks_of([("smoke-1", True, 1)]), told=False)
    (entry,) = school.detections.read(0)
    rows = len(entry.detections)
    poison = replace(entry.detections, rule=["another"] * rows, hazard=["no such hazard"] * rows)
    school.detections.append(poison, source=school.log.head(), stage=DETECT)
    flow = MemoryFlow(school.origin)
    flow.accept([frame("new-1", 9, smoke=True)], NOW_NS + 90 * SECOND_NS)
    assert flow.refused_total == rows
    assert [notice.type for notice in flow.drain_notices() if notice.channel == "phone"] == ["hazard.opened"] * 2
    flow.close()


def _io_error(*_: object) -> Any:
    raise OSError(5, "Input/output error")


class Source:
    """The session of the log as the test wants it."""

    def __init__(self) -> None:
        self.fails: Failing | None = None
        self.chunks: list[Chunk] = []
        self.waits_s = 0.0

    def failing(self) -> Failing | None:
        """As the test says."""
        return self.fails

    def unstored(self) -> list[Chunk]:
        """As the test says."""
        return list(self.chunks)

    def delay_s(self) -> float:
        """As the test says."""
        return self.waits_s


class TransientSession:
    """The passing session as the test wants it."""

    def __init__(self) -> None:
        self.hears, self.opened, self.closed, self.errors_total = False, 0, 0, 0
        self.frames: list[Frame] = []
        self.deaf = False

    def listen(self) -> list[Frame]:
        """What the test has published since."""
        if not self.hears and not self.deaf:
            self.hears, self.opened = True, self.opened + 1
        frames, self.frames = self.frames, []
        return frames if self.hears else []

    def want(self, topics: Sequence[str]) -> None:
        """Nothing more is wanted by these formats."""
        assert not topics

    def close(self) -> None:
        """Gone."""
        self.hears, self.closed = False, self.closed + 1


@dataclass
class Post:
    """A running lookout over a school, with its source, ear and messenger."""

    school: School
    source: Source
    ear: TransientSession
    urgent_ear: TransientSession
    lookout: StandbyController
    messenger: MemoryOutbox
    stage_error: list[str]

    def pages(self) -> list[str]:
        """Types of what the phone got."""
        return [notice.type for notice in self.school.phone.got]

    def fail(self) -> None:
        """The log takes nothing from now on."""
        self.source.fails = Failing(time.monotonic(), OSError(28, "No space left on device"))


@pytest.fixture
def post(make_school: Callable[[], School], tmp_path: Path) -> Iterator[Post]:
    """A lookout that looks out; real time."""
    school, source, ear, urgent_ear, errors = make_school(), Source(), TransientSession(), TransientSession(), [""]
    messenger = MemoryOutbox([school.phone], time.time_ns)
    lookout = StandbyController(
        lambda alone: MemoryFlow(school.origin, urgent_alone=alone),
        messenger,
        time.time_ns,
        channels=[school.phone],
        room=DiskSpace(tmp_path, least=0.0),
        stages={"detect": lambda: errors[0]},
        source=source,
        ears={Mode.EAR: ear, Mode.URGENT_EAR: urgent_ear},  # type: ignore[dict-item]
        heard=FirstArrivals(),
    )
    messenger.start()
    lookout.start()
    yield Post(school, source, ear, urgent_ear, lookout, messenger, errors)
    lookout.stop()
    messenger.stop()


def until(condition: Callable[[], object]) -> None:
    """Until it holds, twenty seconds at most."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_at_rest_it_opens_no_session_and_sends_nothing(post: Post) -> None:
    """Everything works: nothing happens."""
    time.sleep(0.5)
    assert (post.ear.opened, post.pages(), post.lookout.status()["judging"]) == (0, [], False)


def test_alarms_that_were_taken_before_and_heard_after_the_fault_both_page(post: Post) -> None:
    """What the log's session holds and what the ear hears; the fault itself is told too; then all of it ends."""
    post.source.chunks = [Chunk(1, [frame("smoke-1", 1, smoke=True)], time.time_ns(), known=False)]
    post.fail()
    until(lambda: post.ear.hears)
    post.ear.frames = [frame("new-7", 2, smoke=True)]
    until(lambda: sorted(post.pages()) == ["hazard.opened", "hazard.opened", "service.fault"])
    assert [fault.cause.code for fault in post.lookout.faults] == ["disk_full"]
    assert post.school.catalog.find("s", "new-7") is None
    post.source.fails = None
    until(lambda: post.ear.closed == 1)
    until(lambda: not post.lookout.status()["judging"])


def test_a_message_that_both_sessions_have_is_judged_once(post: Post) -> None:
    """The log's session takes it after the ear, marked as known: no second hazard, no second page."""
    post.fail()
    until(lambda: post.ear.hears)
    smoke = frame("smoke-1", 1, smoke=True)
    post.ear.frames = [smoke]
    until(lambda: "hazard.opened" in post.pages())
    messages = post.lookout.status()["messages"]
    post.source.chunks = [Chunk(1, [smoke], time.time_ns(), known=True)]
    time.sleep(0.5)
    assert post.lookout.status()["messages"] == messages
    assert post.pages().count("hazard.opened") == 1


def test_a_moment_of_trouble_wakes_nobody(post: Post) -> None:
    """The session is opened at once, so that nothing is missed; nothing is judged or told within the second."""
    post.fail()
    until(lambda: post.ear.hears)
    post.source.fails = None
    until(lambda: post.ear.closed == 1)
    assert (post.pages(), post.lookout.status()["watches"]) == ([], 0)


def test_a_stage_that_fails_is_stood_in_for_from_the_log(post: Post) -> None:
    """The log takes readings and the detectors' stage cannot write: what the log has is judged in memory."""
    post.stage_error[0] = "OperationalError: database or disk is full"
    post.school.store(chunks_of([("smoke-1", True, 1)]), judged=False, told=False)
    until(lambda: "hazard.opened" in post.pages())
    post.school.store(chunks_of([("new-1", True, 90)]), judged=False, told=False)
    until(lambda: post.pages().count("hazard.opened") == 2)
    assert post.ear.opened == 0
    until(lambda: [fault.part for fault in post.lookout.faults] == ["detect"])


def test_ahead_of_a_backlog_fires_page_and_nothing_else_is_judged(post: Post) -> None:
    """Messages wait at the broker: what is heard of life safety pages now; people are told, and that it is over."""
    post.source.waits_s = BACKLOG_S + 1
    post.source.chunks = [Chunk(1, [frame("smoke-1", 1, smoke=True)], time.time_ns(), known=False)]
    until(lambda: post.urgent_ear.hears)
    flood = (0, 0, b"campus/s/env/lab", b'{"seq": 1, "temperature": 90}')
    post.urgent_ear.frames = [flood, frame("new-7", 2, smoke=True)]
    until(lambda: sorted(post.pages()) == ["hazard.opened", "service.fault"])
    [notice] = [notice for notice in post.school.phone.got if notice.type == "hazard.opened"]
    assert notice.body["kind"] == "fire"
    assert "new-7" in notice.body["place"]["en"]
    assert [(fault.part, fault.grade) for fault in post.lookout.faults] == [("backlog", "red")]
    post.source.waits_s = 0.0
    until(lambda: post.urgent_ear.closed == 1)
    until(lambda: post.pages().count("service.recovered") == 1)
    assert post.ear.opened == 0


def test_what_is_heard_while_messages_come_late_pages_once_there_is_a_backlog(post: Post) -> None:
    """It listens early, and judges nothing as long as the log's session may still come in time; people are not told."""
    post.source.waits_s = (SOON_S + LATE_S) / 2
    until(lambda: post.urgent_ear.hears)
    post.urgent_ear.frames = [frame("new-7", 2, smoke=True)]
    time.sleep(1.5)
    assert (post.pages(), post.lookout.status()["watches"], post.lookout.faults) == ([], 0, [])
    post.source.waits_s = LATE_S + 1
    until(lambda: "hazard.opened" in post.pages())
    time.sleep(2.5)
    assert post.pages() == ["hazard.opened"]


def test_where_messages_come_late_now_and_then_nothing_gathers(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was heard long ago has come by the log's session: it is let go of, and never judged."""
    monkeypatch.setattr("twinward.standby.controller.HEARD_NS", SECOND_NS // 2)
    post.source.waits_s = (SOON_S + LATE_S) / 2
    until(lambda: post.urgent_ear.hears)
    post.urgent_ear.frames = [frame("new-7", 2, smoke=True)]
    time.sleep(1.5)
    post.source.waits_s = LATE_S + 1
    until(lambda: post.lookout.status()["judging"])
    time.sleep(0.5)
    assert (post.lookout.status()["messages"], post.lookout.status()["unjudged"]) == (0, 0)


def test_a_log_that_fails_comes_before_a_backlog(post: Post) -> None:
    """The session for life safety alone gives way to the one that hears everything, and comes back."""
    post.source.waits_s = LATE_S + 1
    until(lambda: post.urgent_ear.hears)
    post.fail()
    until(lambda: post.ear.hears and not post.urgent_ear.hears)
    post.source.fails = None
    until(lambda: post.urgent_ear.hears and not post.ear.hears)
    assert (post.urgent_ear.opened, post.ear.opened) == (2, 1)


def test_an_error_in_it_is_counted_and_it_begins_anew(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow that breaks is thrown away; the thread lives, and alarms page as soon as there is a new flow."""
    broken = [True]
    accept = MemoryFlow.accept

    def failing(self: MemoryFlow, frames: Sequence[Frame], arrival_ns: int) -> list[str]:
        if broken[0]:
            raise RuntimeError("a bug")
        return accept(self, frames, arrival_ns)

    monkeypatch.setattr(MemoryFlow, "accept", failing)
    post.source.chunks = [Chunk(1, [frame("smoke-1", 1, smoke=True)], time.time_ns(), known=False)]
    post.fail()
    until(lambda: post.lookout.counts["errors"] > 0)
    broken[0] = False
    until(lambda: "hazard.opened" in post.pages())
    assert post.lookout.alive()


def test_without_its_session_it_judges_what_the_log_holds(post: Post) -> None:
    """A broker that refuses the second session costs what comes later, not what is there."""
    post.ear.deaf = True
    post.source.chunks = [Chunk(1, [frame("smoke-1", 1, smoke=True)], time.time_ns(), known=False)]
    post.fail()
    until(lambda: "hazard.opened" in post.pages())
    assert not post.lookout.status()["hearing"]

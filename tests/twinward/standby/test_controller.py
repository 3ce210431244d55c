"""Degraded mode: pages from memory have the ids of the stored notices and leave nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
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
from twinward.detection.lane import DETECT
from twinward.flow import Flow
from twinward.settings import Settings
from twinward.standby import (
    DiskSpace,
    FaultDetector,
    FaultReporter,
    MemoryFlow,
    Receiver,
    Sessions,
    StandbyController,
)
from twinward.standby.faults import BACKLOG_S, LATE_S, SOON_S
from twinward.tables import read_tables

NOW_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
ADMIN = Actor("admin", frozenset(("admin",)))
CAMPUS: dict[str, Any] = {
    "site": [{"id": "s"}],
    "zone": [{"site": "s", "id": "lab", "key": "laboratory"}],
    "place": [{"site": "s", "zone": "lab", "id": "d-101"}],
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
    """The flow of a service without threads, on real files."""

    def __init__(self, folder: Path, database: bytes) -> None:
        self.now_ns = NOW_NS
        clock = lambda: self.now_ns  # noqa: E731
        self.phone, self.registry = Phone(), read_registry(CAMPUS)
        self.tables = replace(read_tables(Settings()), registry=self.registry)
        self.flow = Flow(replace(Settings(), data_dir=folder), self.tables, clock)
        self.log, self.detections, self.catalog = self.flow.log, self.flow.detections, self.flow.catalog
        self.intake = self.flow.intake()
        (folder / "alerts.sqlite").write_bytes(database)
        self.engine = open_database(f"sqlite:///{folder / 'alerts.sqlite'}")
        self.dispatch = AlertDispatch(self.engine, self.registry, clock, channels=[self.phone])
        self.steps = self.flow.detection()
        self.cursors = [step.stage.recover() for step in self.steps]
        self.origin = self.flow.origin(self.engine, [self.phone], lambda: False)

    def store(self, chunks: Sequence[tuple[Sequence[Frame], int]], *, score: bool = True, apply: bool = True) -> None:
        """Append messages to the log; then run detection and alerts, unless the arguments stop them."""
        for frames, at_ns in chunks:
            self.intake.accept(frames, at_ns)
            sealed = self.intake.seal(at_ns)
            if sealed is not None:
                self.log.append(sealed)
        for place, step in enumerate(self.steps) if score else ():
            if entries := step.source.read(self.cursors[place], limit=10_000):
                step.stage.process(entries)
                self.cursors[place] = entries[-1].seq
            step.stage.idle()
        for lane in Priority if apply else ():
            for entry in self.detections.lane(lane).read(self.dispatch.cursor(lane), limit=10_000):
                self.dispatch.apply(entry.detections, self.catalog, cursor=entry.seq, lane=lane)

    def pages(self) -> set[tuple[str, str]]:
        """Return id and type of every stored page of the phone."""
        found = self.dispatch.queries.notices(ADMIN, site=None, page=Page(10_000))
        return {(notice.id, notice.type) for notice in found if notice.channel == "phone"}

    def close(self) -> None:
        """Close the files."""
        self.flow.close()
        self.engine.dispose()


@pytest.fixture
def make_school(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[Callable[[], School]]:
    """Return a factory of schools, closed after the test."""
    made: list[School] = []

    def make() -> School:
        made.append(School(tmp_path_factory.mktemp("school"), sqlite_template))
        return made[-1]

    yield make
    for school in made:
        school.close()


def frame(sensor: str, number: int, *, smoke: bool) -> Frame:
    """Return a message without event time."""
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
    """Return each message as a chunk with its arrival."""
    at_ns, chunks = NOW_NS, []
    for number, (sensor, smoke, gap_s) in enumerate(story):
        at_ns += gap_s * SECOND_NS
        chunks.append(([frame(sensor, number, smoke=smoke)], at_ns))
    return chunks


@given(story=stories, cuts=st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_memory_continues_from_any_position_of_the_durable_flow(
    make_school: Callable[[], School], story: list[tuple[str, bool, int]], cuts: tuple[int, int, int]
) -> None:
    """For any ends of alerts, detection and log, the pages from memory are the later pages of the durable flow."""
    applied, scored, logged = sorted(cuts)
    school, chunks = make_school(), chunks_of(story)
    school.store(chunks[:applied])
    known = school.pages()
    school.store(chunks[applied:scored], apply=False)
    school.store(chunks[scored:logged], score=False, apply=False)
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
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ahead_of_a_backlog_memory_sends_the_later_pages_of_the_durable_flow(
    make_school: Callable[[], School], story: list[tuple[str, bool, int]], cuts: tuple[int, int], data: st.DataObject
) -> None:
    """Of sensors without waiting messages, no page is missed and none is sent twice."""
    logged, received = sorted(cuts)
    waiting = data.draw(st.sets(st.sampled_from(["smoke-1", "smoke-2", "new-1", "new-2"])))
    chunks = chunks_of(story)
    kept = [  # each sensor has messages in the backlog or new ones, not both
        number
        for number, (sensor, _, _) in enumerate(story)
        if number < logged or (sensor in waiting) == (number < received)
    ]
    school = make_school()
    school.store([chunks[number] for number in kept if number < logged])
    known = school.pages()
    flow = MemoryFlow(school.origin, urgent_alone=True)
    for number in kept:
        if number >= received:
            flow.accept(*chunks[number])
    mine = {(notice.id, notice.type) for notice in flow.drain_notices() if notice.channel == "phone"}
    flow.close()
    school.store([chunks[number] for number in kept if logged <= number < received])
    backlog = school.pages() - known
    school.store([chunks[number] for number in kept if number >= received])
    assert mine == school.pages() - known - backlog


def test_without_log_and_database_a_fire_still_pages(make_school: Callable[[], School]) -> None:
    """An unreadable disk costs the state of the detectors, not the sensors or the id of the alarm."""
    school = make_school()
    gone: Any = SimpleNamespace(recent_keys=_io_error, memory=_io_error, end=_io_error, urgent=lambda: gone)
    unreadable = copy(school.flow)
    unreadable.log = unreadable.detections = gone
    flow = MemoryFlow(unreadable.origin(school.engine, [school.phone], lambda: False))
    chunk = ([frame("smoke-1", 1, smoke=True)], NOW_NS)
    flow.accept(*chunk)
    assert flow.blank == "log"
    school.store([chunk])
    assert {notice.hazard for notice in flow.drain_notices()} == {
        hazard.id for hazard in school.dispatch.queries.hazards(ADMIN, site=None, active=None, page=Page(10))
    }
    flow.close()


def test_a_detection_that_alerts_reject_delays_no_other(make_school: Callable[[], School]) -> None:
    """It is counted and skipped in memory, and later alarms page."""
    school = make_school()
    school.store(chunks_of([("smoke-1", True, 1)]), apply=False)
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
    """A durable session with the state of the test."""

    def __init__(self) -> None:
        self.fails: Failing | None = None
        self.chunks: list[Chunk] = []
        self.waits_s = 0.0

    def failing(self) -> Failing | None:
        """Return the state of the test."""
        return self.fails

    def unstored(self) -> list[Chunk]:
        """Return the state of the test."""
        return list(self.chunks)

    def delay_s(self) -> float:
        """Return the state of the test."""
        return self.waits_s

    def unreachable_s(self) -> float:
        """Return no time: the broker answers."""
        return 0.0


class TransientSession:
    """A transient session with the messages of the test."""

    def __init__(self) -> None:
        self.subscribed, self.opened, self.closed, self.errors_total = False, 0, 0, 0
        self.frames: list[Frame] = []
        self.refused = False

    def receive(self) -> list[Frame]:
        """Return the messages since the last call."""
        if not self.subscribed and not self.refused:
            self.subscribed, self.opened = True, self.opened + 1
        frames, self.frames = self.frames, []
        return frames if self.subscribed else []

    def subscribe(self, topics: Sequence[str]) -> None:
        """Accept no topic: these formats ask for none."""
        assert not topics

    def close(self) -> None:
        """Close the session."""
        self.subscribed, self.closed = False, self.closed + 1


@dataclass
class Post:
    """A running controller over a school, with its sessions and outbox."""

    school: School
    source: Source
    session: TransientSession
    urgent_session: TransientSession
    standby: StandbyController
    outbox: MemoryOutbox
    stage_error: list[str]

    def pages(self) -> list[str]:
        """Return the types of the notices of the phone."""
        return [notice.type for notice in self.school.phone.got]

    def fail(self) -> None:
        """Let the log reject every batch."""
        self.source.fails = Failing(time.monotonic(), OSError(28, "No space left on device"))


@pytest.fixture
def post(make_school: Callable[[], School], tmp_path: Path) -> Iterator[Post]:
    """Return a running controller; real time."""
    school, source, session, urgent_session = make_school(), Source(), TransientSession(), TransientSession()
    outbox, errors = MemoryOutbox([school.phone], time.time_ns), [""]
    stages, space = {"detect": lambda: errors[0]}, DiskSpace(tmp_path, least=0.0)
    sessions = Sessions(session, urgent_session)  # type: ignore[arg-type]
    standby = StandbyController(
        lambda urgent_alone: MemoryFlow(school.origin, urgent_alone=urgent_alone),
        outbox,
        time.time_ns,
        detector=FaultDetector(source, stages, space),
        reporter=FaultReporter(tuple(stages), outbox, [school.phone], time.time_ns),
        receiver=Receiver(source, sessions, FirstArrivals(), time.time_ns),
        space=space,
    )
    outbox.start()
    standby.start()
    yield Post(school, source, session, urgent_session, standby, outbox, errors)
    standby.stop()
    outbox.stop()


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds, at most 20 s."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "condition not reached within 20 s"
        time.sleep(0.02)


def test_without_a_fault_no_session_opens_and_no_notice_is_sent(post: Post) -> None:
    """The controller stays idle."""
    time.sleep(0.5)
    assert (post.session.opened, post.pages(), post.standby.status()["scoring"]) == (0, [], False)


def test_alarms_received_before_and_after_the_fault_both_page(post: Post) -> None:
    """Messages of both sessions and the fault itself are sent; then degraded mode ends."""
    post.source.chunks = [Chunk(1, [frame("smoke-1", 1, smoke=True)], time.time_ns(), known=False)]
    post.fail()
    until(lambda: post.session.subscribed)
    post.session.frames = [frame("new-7", 2, smoke=True)]
    until(lambda: sorted(post.pages()) == ["hazard.opened", "hazard.opened", "service.fault"])
    assert [fault.cause.code for fault in post.standby.faults] == ["disk_full"]
    assert post.school.catalog.find("s", "new-7") is None
    post.source.fails = None
    until(lambda: post.session.closed == 1)
    until(lambda: not post.standby.status()["scoring"])


def test_a_message_of_both_sessions_is_scored_once(post: Post) -> None:
    """The durable session receives it later, as known: no second hazard, no second page."""
    post.fail()
    until(lambda: post.session.subscribed)
    smoke = frame("smoke-1", 1, smoke=True)
    post.session.frames = [smoke]
    until(lambda: "hazard.opened" in post.pages())
    messages = post.standby.status()["messages"]
    post.source.chunks = [Chunk(1, [smoke], time.time_ns(), known=True)]
    time.sleep(0.5)
    assert post.standby.status()["messages"] == messages
    assert post.pages().count("hazard.opened") == 1


def test_a_short_fault_pages_nobody(post: Post) -> None:
    """The session opens immediately, so that no message is missed; scoring starts after a second."""
    post.fail()
    until(lambda: post.session.subscribed)
    post.source.fails = None
    until(lambda: post.session.closed == 1)
    assert (post.pages(), post.standby.status()["watches"]) == ([], 0)


def test_a_failed_stage_is_replaced_by_the_flow_in_memory(post: Post) -> None:
    """The log accepts readings and detection cannot write: the entries of the log are scored in memory."""
    post.stage_error[0] = "OperationalError: database or disk is full"
    post.school.store(chunks_of([("smoke-1", True, 1)]), score=False, apply=False)
    until(lambda: "hazard.opened" in post.pages())
    post.school.store(chunks_of([("new-1", True, 90)]), score=False, apply=False)
    until(lambda: post.pages().count("hazard.opened") == 2)
    assert post.session.opened == 0
    until(lambda: [fault.part for fault in post.standby.faults] == ["detect"])


def test_ahead_of_a_backlog_only_life_safety_is_scored(post: Post) -> None:
    """Messages wait at the broker: new alarms page now; start and end of the backlog are reported."""
    post.source.waits_s = BACKLOG_S + 1
    post.source.chunks = [Chunk(1, [frame("smoke-1", 1, smoke=True)], time.time_ns(), known=False)]
    until(lambda: post.urgent_session.subscribed)
    flood = (0, 0, b"campus/s/env/lab", b'{"seq": 1, "temperature": 90}')
    post.urgent_session.frames = [flood, frame("new-7", 2, smoke=True)]
    until(lambda: sorted(post.pages()) == ["hazard.opened", "service.fault"])
    [notice] = [notice for notice in post.school.phone.got if notice.type == "hazard.opened"]
    assert notice.body["kind"] == "fire"
    assert "new-7" in notice.body["place"]["en"]
    assert [(fault.part, fault.grade) for fault in post.standby.faults] == [("backlog", "red")]
    post.source.waits_s = 0.0
    until(lambda: post.urgent_session.closed == 1)
    until(lambda: post.pages().count("service.recovered") == 1)
    assert post.session.opened == 0


def test_messages_received_during_a_short_delay_page_once_it_is_long(post: Post) -> None:
    """Receiving starts early. Scoring waits while the durable session may still be in time; no fault is reported."""
    post.source.waits_s = (SOON_S + LATE_S) / 2
    until(lambda: post.urgent_session.subscribed)
    post.urgent_session.frames = [frame("new-7", 2, smoke=True)]
    time.sleep(1.5)
    assert (post.pages(), post.standby.status()["watches"], post.standby.faults) == ([], 0, [])
    post.source.waits_s = LATE_S + 1
    until(lambda: "hazard.opened" in post.pages())
    time.sleep(2.5)
    assert post.pages() == ["hazard.opened"]


def test_an_occasional_delay_fills_no_buffer(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of ten seconds ago are in the durable session: they are dropped and never scored."""
    monkeypatch.setattr("twinward.standby.receiver.DUPLICATED_AFTER_NS", SECOND_NS // 2)
    post.source.waits_s = (SOON_S + LATE_S) / 2
    until(lambda: post.urgent_session.subscribed)
    post.urgent_session.frames = [frame("new-7", 2, smoke=True)]
    time.sleep(1.5)
    post.source.waits_s = LATE_S + 1
    until(lambda: post.standby.status()["scoring"])
    time.sleep(0.5)
    assert (post.standby.status()["messages"], post.standby.status()["unscored"]) == (0, 0)


def test_a_failed_log_comes_before_a_backlog(post: Post) -> None:
    """The session for life safety closes for the one of all messages, and opens again."""
    post.source.waits_s = LATE_S + 1
    until(lambda: post.urgent_session.subscribed)
    post.fail()
    until(lambda: post.session.subscribed and not post.urgent_session.subscribed)
    post.source.fails = None
    until(lambda: post.urgent_session.subscribed and not post.session.subscribed)
    assert (post.urgent_session.opened, post.session.opened) == (2, 1)


def test_an_error_is_counted_and_degraded_mode_starts_again(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed flow is discarded; the thread runs on, and alarms page with the next flow."""
    broken = [True]
    accept = MemoryFlow.accept

    def failing(self: MemoryFlow, frames: Sequence[Frame], arrival_ns: int) -> list[str]:
        if broken[0]:
            raise RuntimeError("a bug")
        return accept(self, frames, arrival_ns)

    monkeypatch.setattr(MemoryFlow, "accept", failing)
    post.source.chunks = [Chunk(1, [frame("smoke-1", 1, smoke=True)], time.time_ns(), known=False)]
    post.fail()
    until(lambda: post.standby.counts["errors"] > 0)
    broken[0] = False
    until(lambda: "hazard.opened" in post.pages())
    assert post.standby.alive()


def test_without_its_session_it_scores_the_messages_of_the_durable_one(post: Post) -> None:
    """A broker that rejects the transient session costs later messages only."""
    post.session.refused = True
    post.source.chunks = [Chunk(1, [frame("smoke-1", 1, smoke=True)], time.time_ns(), known=False)]
    post.fail()
    until(lambda: "hazard.opened" in post.pages())
    assert not post.standby.status()["receiving"]

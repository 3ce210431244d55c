"""Log on NATS: fences, lost answers, deleted streams, copies of nodes, faults of servers."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import COLUMNS, Count, Counts, MessageKeys, Sealed, from_columns
from tests.processes import Nats, NatsCluster, until
from twinward.errors import ConfigError, LogUnavailable, OwnerLost
from twinward.log import TelemetryLog
from twinward.log.jetstream import chain
from twinward.log.jetstream import stream as streams
from twinward.log.jetstream.address import address
from twinward.log.jetstream.client import Client
from twinward.log.jetstream.commit import Commit
from twinward.log.jetstream.stream import CHANGE, OWNER, Stream, StreamGone
from twinward.log.owners import Owner
from twinward.log.server import ServerLog
from twinward.log.verify import Report

from .conftest import NUMBERS, NatsLogs
from .test_log import batch_of, detections_of, sealed_of

ROOT = Path(__file__).parents[3]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Nats]:
    """A NATS server that a test stops and kills."""
    server = Nats(tmp_path / "server")
    server.start()
    yield server
    server.stop()


def bare(logs: NatsLogs, log: str = "telemetry") -> tuple[Client, Stream]:
    """Return a connection of its own, and the stream of a log."""
    client = Client(address(logs.url))
    return client, Stream(client, address(logs.url), log, 0)


def stored(log: TelemetryLog, number: int) -> int:
    """Append the batch of a number until the log accepts it, and return its position."""

    def attempt() -> int:
        try:
            return log.append(sealed_of(number, keys=[number]))
        except LogUnavailable:
            return 0

    return until(attempt, timeout_s=60, what="an append")


@pytest.mark.postgresql
def test_a_former_owner_is_refused_by_the_stream(nats_logs: NatsLogs, postgresql_database: str, tmp_path: Path) -> None:
    """The epoch is in PostgreSQL; the claim of the next owner ends the writes of a paused one, which reads on."""
    with (
        closing(Owner(postgresql_database, "node-a")) as first,
        closing(Owner(postgresql_database, "node-b")) as second,
    ):
        assert first.claim(["detect", "ingest"])
        nats_logs.owner = first
        other = NatsLogs(nats_logs.url, tmp_path / "b")
        other.owner = second
        with (
            closing(nats_logs.telemetry()) as log,
            closing(nats_logs.detections()) as detections,
            closing(other.telemetry()) as taken,
        ):
            assert log.append(sealed_of(1)) == 1
            detections.append(detections_of(1), source=1, stage="a")
            with pytest.raises(OwnerLost):
                taken.append(sealed_of(2))
            second.lost = ""
            with psycopg.connect(postgresql_database.replace("+psycopg", ""), autocommit=True) as db:
                db.execute("UPDATE twinward_log.owners SET renewed = renewed - interval '1 hour'")
            assert second.claim(["ingest"])
            assert taken.append(sealed_of(2)) == 2
            with pytest.raises(OwnerLost, match="belongs to another node"):
                log.append(sealed_of(3))
            assert first.lost == "ingest"
            until(lambda: log.head() == 2, timeout_s=10, what="the entry of the new owner")
            assert log.verify() == taken.verify()


@pytest.mark.postgresql
def test_a_new_owner_reads_its_state_behind_the_last_write_of_the_former_one(
    nats_logs: NatsLogs, postgresql_database: str, tmp_path: Path
) -> None:
    """The opening claims the stream, also while the former owner writes: what it stores later would be stored twice."""
    with (
        closing(Owner(postgresql_database, "node-a")) as first,
        closing(Owner(postgresql_database, "node-b", lease_s=0.0)) as second,
    ):
        assert first.claim(["ingest"])
        nats_logs.owner = first
        other = NatsLogs(nats_logs.url, tmp_path / "b")
        other.owner = second
        with closing(nats_logs.telemetry()) as log:
            log.append(sealed_of(1, keys=[1]))
            assert second.claim(["ingest"])
            log.append(sealed_of(2, keys=[2]))
            with closing(other.telemetry()) as taken:
                assert taken.recent_keys(9).tolist() == [1, 2]
                with pytest.raises(OwnerLost):
                    log.append(sealed_of(3, keys=[3]))
                assert taken.append(sealed_of(3, keys=[3])) == 3


def test_without_a_database_one_node_writes(nats_logs: NatsLogs, tmp_path: Path) -> None:
    """Another node is refused when it opens the log; an earlier start of the same node is refused at its write."""
    with closing(nats_logs.telemetry()) as before:
        before.append(sealed_of(1))
        with pytest.raises(LogUnavailable, match="node node-a writes this log"):
            NatsLogs(nats_logs.url, tmp_path / "b", node="node-b").telemetry()
        again = NatsLogs(nats_logs.url, tmp_path)
        with closing(again.telemetry()) as log:
            assert log.append(sealed_of(2)) == 2
            with pytest.raises(OwnerLost):
                before.append(sealed_of(3))
            assert log.head() == 2


def test_an_append_without_an_answer_is_not_repeated(nats_logs: NatsLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The retry of the same batch finds it, also behind a later write; another equal batch is a new entry."""
    batch = Sealed(batch_of(1), [MessageKeys([1]), Counts({Count("s", "native", "stored"): 20})])
    with closing(nats_logs.telemetry()) as log:
        log.append(sealed_of(0))
        send = Client.publish

        def lost(client: Client, *given: Any) -> bytes:
            send(client, *given)
            raise LogUnavailable("nats", "the answer is lost")

        for position in (2, 3):
            with monkeypatch.context() as patch:
                patch.setattr(Client, "publish", lost)
                with pytest.raises(LogUnavailable, match="lost"):
                    log.append(batch)
            if position == 3:
                with log._chain.changing(owned=True) as db:
                    db.execute("DELETE FROM spool")
            assert log.append(batch) == position
        assert log.accounting()[0]["rows"] == 60
        assert log.append(batch) == 4
        assert log.verify().ok


def test_large_changes_are_stored_whole_or_not_at_all(nats_logs: NatsLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body beyond max_payload is an atomic batch; a torn one leaves nothing; one beyond the bound is refused."""
    rows = 400_000
    random = np.random.default_rng(1)
    columns = {name: np.frombuffer(random.bytes(rows * np.dtype(kind).itemsize), kind) for name, kind in COLUMNS}
    columns |= {name: np.zeros(rows, kind) for name, kind in COLUMNS if np.dtype(kind).kind == "f"}
    large = Sealed(from_columns(columns), [MessageKeys([7])])
    client, stream = bare(nats_logs)
    with closing(client), closing(nats_logs.telemetry()) as log:
        log.append(sealed_of(1))
        log.append(large)
        extent = stream.extent()
        assert extent is not None
        assert extent.last > 5
        assert np.array_equal(log.read(1)[0].batch.sensor, large.batch.sensor)
        send = Client.publish
        with monkeypatch.context() as patch:
            patch.setattr(Client, "publish", lambda self, subject, parts: send(self, subject, parts[:-1]) or b"{}")
            with pytest.raises(KeyError):
                log.append(large)
        assert (stream.extent(), log.head(), log.append(sealed_of(2))) == (extent, 2, 3)
        with monkeypatch.context() as patch:
            patch.setattr(streams, "PARTS_MAX", 3)
            with pytest.raises(LogUnavailable, match="raise max_payload"):
                log.append(large)
        assert log.append(sealed_of(3)) == 4
        assert log.verify().ok


def test_a_deleted_stream_is_named_and_never_begun_again(nats_logs: NatsLogs, tmp_path: Path) -> None:
    """Appends and openings are refused, also with a new stream of the same name or without the copy."""
    client, stream = bare(nats_logs)
    with closing(client):
        with closing(nats_logs.telemetry()) as log:
            log.append(sealed_of(1))
            stream._api(f"STREAM.DELETE.{stream.name}", {})
            with pytest.raises(StreamGone, match="was deleted"):
                log.append(sealed_of(2))
            with pytest.raises(StreamGone, match="was deleted"):
                log.verify()
        for copy in ("there", "gone"):
            if copy == "gone":
                (tmp_path / "telemetry.copy.sqlite").unlink()
            with pytest.raises(StreamGone, match="was deleted"):
                nats_logs.telemetry()
            stream.create(1)
            with pytest.raises(StreamGone, match="was replaced"):
                nats_logs.telemetry()
            stream._api(f"STREAM.DELETE.{stream.name}", {})


def test_a_lost_end_is_refused_and_stays_in_the_report(nats_logs: NatsLogs, tmp_path: Path) -> None:
    """A stream that ends before the copy is refused; without the copy the log continues, and verify names the loss."""
    with closing(nats_logs.telemetry()) as log:
        for number in range(6):
            log.append(sealed_of(number))
        nats_logs.edit("DELETE FROM entries WHERE seq > 3")
    with pytest.raises(StreamGone, match="ends at message 3; this node has message 7"):
        nats_logs.telemetry()
    (tmp_path / "telemetry.copy.sqlite").unlink()
    with closing(nats_logs.telemetry()) as log:
        assert log.verify().reason == "the end is cut: entry 6 existed, the last one is 3"
        assert [log.append(sealed_of(number)) for number in range(3)] == [4, 5, 6]
        assert log.verify().reason == "the log was cut before entry 6 and continued"


def test_a_new_copy_has_the_tables_of_all_deleted_entries(
    nats_logs: NatsLogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention stores a base; a new node and one that was away read the same entries, tables and digests."""
    monkeypatch.setattr(chain, "SPARE_BYTES", -(2**40))
    ticks = iter(range(1, 1_000))
    away = NatsLogs(nats_logs.url, tmp_path / "away")
    with closing(nats_logs.telemetry(clock=lambda: next(ticks))) as log, closing(nats_logs.detections()) as found:
        log.append(sealed_of(0, keys=[0]))
        away.telemetry().close()
        for number in range(1, 10):
            log.append(sealed_of(number, keys=[number]))
        assert log.retain(before_ns=8, up_to=9) == 7
        log.append(sealed_of(10, keys=[10]))
        assert log.retain(before_ns=9, up_to=9) == 1
        for number in range(1, 4):
            found.append(detections_of(number), source=number, stage="a")
            found.snapshot(number, bytes([number]), stage="a")
        for node in (away, NatsLogs(nats_logs.url, tmp_path / "new"), nats_logs):
            with closing(node.telemetry()) as other, closing(node.detections()) as states:
                assert [one.seq for one in other.read(0)] == [9, 10, 11]
                assert (other.tip(), other.first()) == (log.tip(), 9)
                assert other.recent_keys(99).tolist() == list(range(11))
                assert other.accounting() == log.accounting()
                assert other.verify() == log.verify()
                assert states.latest_snapshot("a") == (3, b"\x03")


def test_states_without_entries_are_compacted(
    nats_logs: NatsLogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream of states alone shrinks to a base and the last message of the owner, which still orders the writers."""
    monkeypatch.setattr(chain, "SPARE_BYTES", -(2**40))
    client, stream = bare(nats_logs, "detections")
    random, state = np.random.default_rng(1), b""
    with closing(client), closing(nats_logs.detections()) as log:
        for number in range(1, 4):
            log.snapshot(number, state := random.bytes(3_000_000), stage="a")
        assert log.retain(before_ns=2**62, up_to=9) == 0
        extent = stream.required()
        assert (extent.first, log.latest_snapshot("a")) == (8, (3, state))
        log.snapshot(4, b"later", stage="a")
        with closing(NatsLogs(nats_logs.url, tmp_path / "new").detections()) as other:
            assert other.latest_snapshot("a") == (4, b"later")
            other.append(detections_of(1), source=5, stage="a")
            assert other.verify().ok


def test_readers_and_writer_continue_after_a_restart_of_the_server(own_server: Nats, tmp_path: Path) -> None:
    """Kill -9 of the server: an append fails or is stored once, and a reader on another node receives all."""
    logs = NatsLogs(f"{own_server.url}/restart", tmp_path)
    with closing(logs.telemetry()) as log:
        stored(log, 0)
        reader = NatsLogs(logs.url, tmp_path / "reader")
        with closing(reader.telemetry()) as other:
            for number in range(1, 4):
                own_server.kill()
                with pytest.raises(LogUnavailable):
                    log.append(sealed_of(number, keys=[number]))
                assert other.head() == number
                until(lambda: not other.answers(), timeout_s=60, what="the report of the fault")
                own_server.start()
                assert stored(log, number) == number + 1
                assert until(lambda seq=number: other.wait(seq, 10), timeout_s=60, what="the entry")
            assert other.recent_keys(9).tolist() == [0, 1, 2, 3]
            until(other.answers, timeout_s=60, what="the end of the fault")
            assert log.verify() == other.verify()
            assert log.verify().ok


def test_a_reader_follows_over_the_end_of_a_pull_without_a_fault(
    nats_logs: NatsLogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server reports the end of each pull after its last message, also while the next pull has begun."""
    monkeypatch.setattr(streams, "_PULL_MESSAGES", 4)
    consumers: list[str] = []
    create = Stream._consumer

    def counted(stream: Stream, after: int) -> str:
        consumers.append(create(stream, after))
        return consumers[-1]

    monkeypatch.setattr(Stream, "_consumer", counted)
    with closing(nats_logs.telemetry()) as log:
        reader = NatsLogs(nats_logs.url, tmp_path / "reader")
        with closing(reader.telemetry()) as other:
            for number in range(30):
                log.append(sealed_of(number))
            until(lambda: other.head() == 30, timeout_s=60, what="all entries")
        reader.close()
    assert len(consumers) == 2  # one for each copy
    assert "batch completed" not in caplog.text


def test_a_stream_that_other_servers_create_now_is_awaited(
    nats_logs: NatsLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of a cluster may refuse the name before it has the stream: the opening waits for it."""
    client, stream = bare(nats_logs)
    with closing(client):
        made = stream.create(1)
        extent, answers = Stream.extent, itertools.count()

        def late(one: Stream) -> Any:
            return extent(one) if next(answers) >= 2 else None

        monkeypatch.setattr(Stream, "extent", late)
        assert stream.create(1) == made
        monkeypatch.setattr(Stream, "extent", lambda _: None)
        monkeypatch.setattr(streams, "ANSWER_S", 0.0)
        with pytest.raises(LogUnavailable, match="another process creates the stream"):
            stream.create(1)


def test_a_killed_leader_loses_and_repeats_no_entry(tmp_path: Path) -> None:
    """Three nodes, kill -9 of the leader under appends: every acknowledged entry is there once."""
    cluster = NatsCluster(tmp_path)
    cluster.start()
    try:
        logs = NatsLogs(f"{cluster.url}/leader", tmp_path / "a")
        log = until(lambda: _opened(logs), timeout_s=60, what="a leader of the cluster")
        acknowledged: list[int] = []
        ended = threading.Event()

        def write() -> None:
            while not ended.is_set():
                acknowledged.append(stored(log, len(acknowledged)))

        writer = threading.Thread(target=write)
        with closing(log):
            writer.start()
            for _ in range(2):
                seen = len(acknowledged)
                until(lambda least=seen: len(acknowledged) > least + 20, timeout_s=60, what="appends")
                leader = _leader(log, cluster)
                leader.kill()
                seen = len(acknowledged)
                until(lambda least=seen: len(acknowledged) > least + 20, timeout_s=60, what="appends after the kill")
                leader.start()
            ended.set()
            writer.join(60)
            assert acknowledged == list(range(1, len(acknowledged) + 1))
            assert log.recent_keys(90).tolist() == [number - 1 for number in acknowledged[-90:]]
            report = until(lambda: _verified(log), timeout_s=60, what="a report")
            assert (report.ok, report.entries) == (True, len(acknowledged))
    finally:
        cluster.stop()


def _opened(logs: NatsLogs) -> TelemetryLog | None:
    try:
        return logs.telemetry()
    except LogUnavailable:
        return None


def _verified(log: TelemetryLog) -> Report | None:
    try:
        return log.verify()
    except LogUnavailable:
        return None


def _leader(log: TelemetryLog, cluster: NatsCluster) -> Nats:
    stream = log._chain._stream  # type: ignore[attr-defined] # of the chain on NATS
    name = until(lambda: _leader_name(stream), timeout_s=60, what="a leader")
    return next(node for node in cluster.nodes if name == f"n{node.port}")


def _leader_name(stream: Stream) -> str:
    try:
        return str(stream._api(f"STREAM.INFO.{stream.name}", {})["cluster"].get("leader", ""))
    except LogUnavailable:
        return ""


def test_statements_of_the_stream_reach_no_other_file(nats_logs: NatsLogs, tmp_path: Path) -> None:
    """A forged message that attaches a file is refused; the fault is named, and an append behind it is not repeated."""
    client, stream = bare(nats_logs)
    with closing(client), closing(nats_logs.telemetry()) as log:
        log.append(sealed_of(1))
        target = tmp_path / "other.sqlite"
        stream.publish(CHANGE, *Commit("forged", writes=[(f"ATTACH '{target}' AS other", [[]])]).pack())
        for _ in range(2):
            with pytest.raises(LogUnavailable, match="not authorized"):
                log.append(sealed_of(2))
        assert not target.exists()
        assert (log.head(), log.verify().entries) == (1, 2)


def test_an_entry_that_continues_nothing_is_not_applied(nats_logs: NatsLogs) -> None:
    """A copy refuses an entry whose digest does not continue its last one, and verify names it."""
    client, stream = bare(nats_logs)
    with closing(client), closing(nats_logs.telemetry()) as log:
        log.append(sealed_of(1))
        message = next(one for one in stream.read(0, stream.required().last) if "Twinward-Digest" in one.headers)
        kept = {name: message.headers[name] for name in message.headers if name.startswith("Twinward")}
        stream.publish(OWNER, message.body, kept | {"Twinward-Position": "2"})
        with pytest.raises(LogUnavailable, match="entry 2 does not continue entry 1"):
            log.append(sealed_of(2))
        assert log.verify().first_bad_seq == 2


def test_a_reader_creates_no_stream(nats_logs: NatsLogs, tmp_path: Path) -> None:
    """A wrong URL raises an error that names the setting; a reader of a present log appends nothing."""
    place = ServerLog(nats_logs.url, "telemetry", head=tmp_path / "reader" / "telemetry")
    with pytest.raises(LogUnavailable, match=r"check log\.url"):
        TelemetryLog(place, clock=time.time_ns)
    nats_logs.telemetry().close()
    with closing(TelemetryLog(place, clock=time.time_ns)) as log, pytest.raises(OwnerLost):
        log.append(sealed_of(1))


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(st.booleans(), max_size=4)),
        st.tuples(st.just("retain"), st.integers(0, 30), st.integers(0, 30)),
        st.tuples(st.just("reopen")),
        st.tuples(st.just("new node")),
    ),
    max_size=14,
)


@given(_STEPS, st.sampled_from((-(2**40), chain.SPARE_BYTES)))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_log_on_nats_equals_a_log_in_a_file(nats_server: Nats, steps: list[tuple[Any, ...]], spare: int) -> None:
    """After any steps both have the same entries, digests, keys and accounts, also from a new copy."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        folder, url = Path(name), f"{nats_server.url}/equal-{next(NUMBERS)}"
        patch.setattr(chain, "SPARE_BYTES", spare)
        ticks, file_ticks = itertools.count(1), itertools.count(1)
        nodes = itertools.count()
        logs = NatsLogs(url, folder / "nats")
        log = logs.telemetry(clock=lambda: next(ticks))
        opened.callback(lambda: log.close())  # noqa: PLW0108 - the last opening
        plain = TelemetryLog(folder / "file.sqlite", clock=lambda: next(file_ticks), keys_max=100, quarantine_max=10)
        opened.callback(plain.close)
        for number, (step, *given_values) in enumerate(steps):
            if step == "append":
                flags = np.array(given_values[0], bool)
                sealed = Sealed(
                    batch_of(number, len(flags)), [MessageKeys([number]), Counts({Count("s", "n", "x"): 1})], flags
                )
                assert log.append(sealed) == plain.append(sealed)
            elif step == "retain":
                before_ns, up_to = given_values
                assert log.retain(before_ns=before_ns, up_to=up_to) == plain.retain(before_ns=before_ns, up_to=up_to)
            else:
                log.close()
                if step == "new node":
                    logs = NatsLogs(url, folder / f"nats-{next(nodes)}")
                log = logs.telemetry(clock=lambda: next(ticks))
            assert [(one.seq, one.digest, one.priority) for one in log.read(0)] == [
                (one.seq, one.digest, one.priority) for one in plain.read(0)
            ]
        assert (log.tip(), log.first(), log.accounting()) == (plain.tip(), plain.first(), plain.accounting())
        assert log.recent_keys(99).tolist() == plain.recent_keys(99).tolist()
        report = log.verify()
        assert (report.ok, report.entries) == (True, plain.verify().entries)


def test_two_processes_of_a_node_begin_a_log_at_the_same_time(
    nats_logs: NatsLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that another opening creates and fills meanwhile is the same log, at both places of the race."""
    extent, create = Stream.extent, Stream.create
    others: list[TelemetryLog] = []

    def filled() -> None:
        monkeypatch.undo()
        others.append(nats_logs.telemetry())
        others[-1].append(sealed_of(len(others)))

    def late(stream: Stream, version: int) -> Any:
        filled()
        return create(stream, version)

    def early(stream: Stream) -> Any:
        found = extent(stream)
        filled()
        return found

    for name, replacement in (("create", late), ("extent", early)):
        monkeypatch.setattr(Stream, name, replacement)
        with closing(nats_logs.telemetry()) as log:
            assert log.head() == len(others) > 0
    for other in others:
        other.close()


def test_addresses_name_their_servers_and_files() -> None:
    """A URL has servers, a name and files; a password in it, other keys and other names are refused."""
    found = address("nats://a,b,c:1/school?credentials=/etc/x&ca=/etc/ca.pem")
    assert (found.replicas, found.name, str(found.credentials), str(found.ca)) == (3, "school", "/etc/x", "/etc/ca.pem")
    assert (address("tls://a").servers, address("tls://a").replicas) == (("tls://a:4222",), 1)
    for url in ("nats://u:p@a", "nats://", "nats://a/b.c", "nats://a?password=x"):
        with pytest.raises(ConfigError, match="allowed: nats"):
            address(url)


def test_the_client_loads_with_a_log_on_nats_only() -> None:
    """The service and a log in a file import no module of the client."""
    code = "import sys, twinward.service, twinward.flow, twinward.log.places; sys.exit('nats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0

"""Log on a PostgreSQL server: fencing of paused owners, lost sessions, lost answers of a commit."""

from __future__ import annotations

import errno
import gc
import threading
import weakref
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest

from ingest import Count, Counts, MessageKeys, Sealed
from twinward.errors import LogUnavailable, LogVersionError, OwnerLost
from twinward.log import TelemetryLog
from twinward.log.owners import Owner
from twinward.log.server import ServerLog
from twinward.log.session import Session, server_query, server_table, shown

from .test_log import batch_of, detections_of, sealed_of

pytestmark = pytest.mark.postgresql


class Cycle:
    """Object that refers to itself."""

    def __init__(self) -> None:
        self.same = self


def expire(logs: Any) -> None:
    """Let the leases of all owners end."""
    with psycopg.connect(logs.url.replace("+psycopg", ""), autocommit=True) as db:
        db.execute("UPDATE twinward_log.owners SET renewed = renewed - interval '1 hour'")


def test_a_paused_owner_writes_nothing_after_a_takeover(server_logs: Any) -> None:
    """Entries, states and anchors of the former owner are refused; those of the new one continue the chain."""
    with (
        closing(Owner(server_logs.url, "node-b")) as other,
        closing(server_logs.telemetry()) as log,
        closing(server_logs.detections()) as detections,
    ):
        log.append(sealed_of(1))
        detections.append(detections_of(1), source=1, stage="a")
        assert not other.claim(["ingest"])
        assert other.holders(["ingest", "detect"]) == {"ingest": "node-a", "detect": "node-a"}
        expire(server_logs)
        assert other.claim(["detect", "ingest"])
        writes = (
            lambda: log.append(sealed_of(2)),
            lambda: detections.append(detections_of(2), source=2, stage="a"),
            lambda: detections.snapshot(2, b"old", stage="a"),
            lambda: detections.anchors.add("a", source=2, since=2, made_ns=1, configuration=("d", b""), state=b""),
        )
        for write in writes:
            with pytest.raises(OwnerLost, match="belongs to another node"):
                write()
        assert server_logs.owner.lost == "ingest"
        with closing(TelemetryLog(server_logs.place("telemetry", other), clock=lambda: 9)) as taken:
            assert taken.append(sealed_of(3)) == 2
        assert (log.head(), log.verify().ok, detections.head(), detections.latest_snapshot("a")) == (2, True, 1, None)


def test_a_takeover_waits_for_the_open_transaction(server_logs: Any) -> None:
    """A claim returns after the append that began before it, so both are in one order."""
    inside, go = threading.Event(), threading.Event()
    with closing(Owner(server_logs.url, "node-b")) as other, closing(server_logs.telemetry()) as log:
        expire(server_logs)
        put = log._counts.put

        def paused(*given: Any) -> None:
            inside.set()
            assert go.wait(10)
            put(*given)

        log._counts.put = paused
        writer = threading.Thread(target=log.append, args=[sealed_of(1)])
        writer.start()
        assert inside.wait(10)
        claimed: list[bool] = []
        claim = threading.Thread(target=lambda: claimed.append(other.claim(["ingest"])))
        claim.start()
        claim.join(0.2)
        assert claimed == []
        go.set()
        claim.join(10)
        writer.join(10)
        assert (claimed, log.head()) == ([True], 1)


def test_a_takeover_ends_a_session_paused_inside_a_pipeline(server_logs: Any) -> None:
    """The server waits for the rest of the pipeline without a limit; the new owner ends the session by then.

    A session that only reads the table, as a backup does, goes on.
    """
    address, answers = server_logs.url.replace("+psycopg", ""), list[Any]()
    with (
        closing(Owner(server_logs.url, "node-b", lease_s=0)) as other,
        closing(psycopg.connect(address)) as backup,
        closing(psycopg.connect(address)) as paused,
        suppress(psycopg.OperationalError),
        paused.pipeline() as pipeline,
    ):
        found = paused.execute("SELECT epoch FROM twinward_log.owners WHERE role = 'ingest' FOR SHARE").fetchone()
        assert found is not None
        backup.execute("SELECT epoch FROM twinward_log.owners")
        assert other.wait(["ingest"], threading.Event(), lambda _: None)
        answers.append(backup.execute("SELECT 1").fetchone())
        with pytest.raises(psycopg.OperationalError):
            pipeline.sync()
    assert answers == [(1,)]


def test_a_standby_keeps_no_memory_of_its_failed_attempts(server_logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start switches the collection of cycles off, and a refused connection leaves some."""
    attempts = list[weakref.ref[Cycle]]()

    class Ended(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            return timeout is not None and len(attempts) == 3

    def refuse() -> None:
        attempts.append(weakref.ref(Cycle()))
        raise LogUnavailable("server", "refused")

    monkeypatch.setattr(server_logs.owner, "_connect", refuse)
    gc.disable()
    try:
        assert not server_logs.owner.wait(["ingest"], Ended(), lambda _: None)
        assert [attempt() is None for attempt in attempts] == [True, True, False]
    finally:
        gc.enable()


def test_a_session_without_a_free_descriptor_is_an_unavailable_log(
    server_logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is the one after which the renewal of the roles tries again."""

    def dup(_descriptor: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("twinward.log.session.os.dup", dup)
    with pytest.raises(LogUnavailable, match="Too many open files"):
        Session(server_logs.url)


def test_the_same_node_takes_its_roles_again(server_logs: Any) -> None:
    """A restart after kill -9 waits for no lease; an end in order frees the roles for any node."""
    with closing(Owner(server_logs.url, "node-a")) as again:
        assert again.claim(["ingest"])
        with closing(server_logs.telemetry()) as log, pytest.raises(OwnerLost):
            log.append(sealed_of(1))
    with closing(Owner(server_logs.url, "node-b")) as other:
        assert other.claim(["ingest"])
        assert not other.claim(["ingest", "detect"])


def test_a_reader_does_not_append(server_logs: Any) -> None:
    """A log without an owner reads and verifies, and refuses an append."""
    with pytest.raises(LogUnavailable, match="no log"):
        TelemetryLog(ServerLog(server_logs.url, "telemetry"), clock=lambda: 1)
    server_logs.telemetry().close()
    with closing(TelemetryLog(ServerLog(server_logs.url, "telemetry"), clock=lambda: 1)) as log:
        with pytest.raises(OwnerLost):
            log.append(sealed_of(1))
        assert log.verify().entries == 0


def test_ended_sessions_are_opened_again(server_logs: Any) -> None:
    """An append during the loss fails or succeeds as a whole; each batch is stored once after its retry."""
    with closing(server_logs.telemetry()) as log:
        assert log.append(sealed_of(0, keys=[0])) == 1
        for number in range(1, 4):
            _end_sessions(server_logs)
            for _ in range(5):
                try:
                    assert log.append(sealed_of(number, keys=[number])) == number + 1
                except LogUnavailable:
                    continue
                break
        assert log.head() == 4
        _end_sessions(server_logs)
        with pytest.raises(LogUnavailable, match="log postgresql"):
            log.head()
        assert log.recent_keys(9).tolist() == [0, 1, 2, 3]
        assert log.verify().ok


def _end_sessions(logs: Any) -> None:
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(logs.url.replace("+psycopg", ""), autocommit=True) as db:
        db.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608 - a constant


def test_a_commit_without_an_answer_is_not_repeated(server_logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The retry of the same batch finds it; another equal batch is a new entry."""
    batch = Sealed(batch_of(1), [MessageKeys([1]), Counts({Count("s", "native", "stored"): 20})])
    with closing(server_logs.telemetry()) as log:
        whole = psycopg.Connection.transaction
        lost = [True]

        def transaction(connection: Any, *given: Any, **named: Any) -> Any:
            return _LostAnswer(whole(connection, *given, **named), lost)

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Connection, "transaction", transaction)
            with pytest.raises(LogUnavailable, match="lost"):
                log.append(batch)
            assert log.append(batch) == 1
        assert log.accounting()[0]["rows"] == 20
        assert log.append(batch) == 2
        assert log.verify().ok


class _LostAnswer:
    """Transaction whose commit succeeds and then raises once."""

    def __init__(self, whole: Any, lost: list[bool]) -> None:
        self._whole, self._lost = whole, lost

    def __enter__(self) -> Any:
        return self._whole.__enter__()

    def __exit__(self, *given: object) -> Any:
        done = self._whole.__exit__(*given)
        if self._lost and given[0] is None:
            self._lost.clear()
            raise psycopg.OperationalError("the answer is lost")
        return done


def test_a_later_schema_version_is_refused(server_logs: Any) -> None:
    """The message names the server without its password, and the versions."""
    server_logs.telemetry().close()
    server_logs.edit("UPDATE head SET version = 9")
    with pytest.raises(LogVersionError, match="schema version 9"):
        server_logs.telemetry()
    assert shown("postgresql://a:secret@h/d?password=secret") == "postgresql://a:***@h/d?password=***"


def test_statements_of_the_file_log_get_the_notation_of_the_server() -> None:
    """Parameters and column types are replaced, percent signs are kept."""
    assert server_query("SELECT ?2 LIKE 'a%' OR ?1") == "SELECT %(p2)s LIKE 'a%%' OR %(p1)s"
    assert server_table("CREATE TABLE a (id INTEGER PRIMARY KEY, r REAL) STRICT") == (
        "CREATE TABLE a (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, r DOUBLE PRECISION)"
    )

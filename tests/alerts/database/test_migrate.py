"""Migrations: their result is the present schema; a database of version 0.1.0 keeps its data."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import SAWarning

from alerts import Actor, AlertDispatch, Grade, Page, People, SchemaError, open_database
from alerts.database import journal
from alerts.database.migrate import FOLDER, current_revision
from alerts.database.migrations.versions.r0001_schema_of_0_1_0 import SCHEMA_1
from alerts.database.schema import REVISION, metadata
from alerts.model import identity
from ingest import Priority

DUMP = Path(__file__).parents[2] / "cases" / "database" / "0.1.0.sql"
DUMP_HEAD = (25, "d77eb35b23920f888e1e5e2683cf14c014fddc4640b36e0279fbef8e2d105fd2")
ADMIN = Actor("admin", frozenset(("admin",)))
ALL = Page(limit=1_000)
OF_EXPRESSIONS = ("hazard_by_standing",)


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """Return a SQLite file that version 0.1.0 wrote."""
    path = tmp_path / "alerts.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
    connection.close()
    return path


def _differences(engine: Engine) -> list[Any]:
    with engine.connect() as connection, warnings.catch_warnings():
        # neither SQLAlchemy nor Alembic reads an index of an expression exactly; the test of its list looks for it
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based index")
        options = {"compare_type": True, "include_object": lambda _one, name, *_: name not in OF_EXPRESSIONS}
        context = MigrationContext.configure(connection, opts=options)
        found: list[Any] = compare_metadata(context, metadata)
    return found


def test_the_newest_migration_is_the_revision_of_the_schema() -> None:
    """The constant that lets a start skip Alembic names the head of the migrations."""
    assert ScriptDirectory(str(FOLDER)).get_current_head() == REVISION


def test_migrations_of_an_empty_database_yield_the_schema(tmp_path: Path) -> None:
    """A new database has exactly the tables, columns, types and indexes of the metadata."""
    engine = open_database(f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert _differences(engine) == []
    engine.dispose()


def test_a_database_of_0_1_0_gets_the_present_schema(old_file: Path) -> None:
    """The upgrade of a file of version 0.1.0 ends at the schema of a new database."""
    engine = open_database(f"sqlite:///{old_file}")
    assert _differences(engine) == []
    engine.dispose()


@pytest.mark.postgresql
def test_migrations_yield_the_schema_on_postgresql(postgresql_database: str) -> None:
    """Processes that start together on an empty PostgreSQL database open it; the result is the metadata."""
    with ThreadPoolExecutor(3) as pool:
        engines = list(pool.map(open_database, [postgresql_database] * 3))
    assert _differences(engines[0]) == []
    for engine in engines:
        engine.dispose()


@pytest.mark.postgresql
def test_a_postgresql_database_of_0_1_0_is_adopted_and_loses_its_limits(postgresql_database: str) -> None:
    """The tables of version 0.1.0 keep their rows, get the present schema and accept long names afterwards."""
    bare = create_engine(postgresql_database)
    SCHEMA_1.create_all(bare)
    with bare.begin() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('schema', '1')"))
        connection.execute(text("INSERT INTO cursors VALUES ('detections', 7)"))
    bare.dispose()
    engine = open_database(postgresql_database)
    assert _differences(engine) == []
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT position FROM cursors")) == 7
        journal.append(connection, at_ns=1, actor="a", kind="k", site="s", subject="x" * 300, facts={})
    assert journal.verify(engine).ok
    engine.dispose()


def test_a_database_of_0_1_0_keeps_its_rows(old_file: Path) -> None:
    """The upgrade changes no value of any table; only the renamed column moves."""
    with sqlite3.connect(old_file) as before:
        before.row_factory = sqlite3.Row
        tables = [name for (name,) in before.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: [dict(row) for row in before.execute(f"SELECT * FROM {name}")] for name in tables}  # noqa: S608
    before.close()
    engine = open_database(f"sqlite:///{old_file}")
    with engine.connect() as connection:
        after = {
            name: [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()]  # noqa: S608
            for name in tables
        }
    engine.dispose()
    for account in rows["accounts"]:
        account |= {"ended_ns": None, "person": None, "locked_ns": None}
    for ticket in rows["tickets"]:
        ticket |= {"proposal": None, "fulfilment": "{}", "reported": "{}", "take_late": 0, "take_due_ns": None}
        ticket |= {"paused_ns": None, "paused_until_ns": None, "danger": identity("danger", ticket["hazard"])}
        ticket |= {"supervision": "{}"}
    for finding in rows["findings"]:
        finding["timeline"] = finding.pop("lane")
    for hazard in rows["hazards"]:
        paged = hazard["grade"] if hazard["grade"] <= Grade.ORANGE and not hazard["late"] and not hazard["drill"] else 0
        hazard |= {"since_ns": hazard["opened_ns"], "highest_grade": hazard["grade"], "paged_grade": paged}
        hazard |= {"highest": "{}", "places": "[]"}
    assert {finding["timeline"] for finding in after["findings"]} == {"live", "late"}
    assert after["meta"] == [{"key": "schema", "value": "2"}]
    del rows["meta"], after["meta"]
    entries = len(rows["journal"])
    baseline = {entry["subject"] for entry in after["journal"][entries:]}
    assert baseline - {"dangers"} == {"hazards", "tickets", "accounts", "assignments", "ignored"} & {
        name for name in rows if rows[name]
    }
    after["journal"] = after["journal"][:entries]
    assert after == rows


def test_a_database_of_0_1_0_serves_people_after_the_upgrade(old_file: Path, campus: dict[str, Any]) -> None:
    """The journal's chain holds, and queries, sign-in and writes work on the old rows."""
    from alerts import read_registry  # noqa: PLC0415 - beside its only use

    engine = open_database(f"sqlite:///{old_file}")
    dispatch = AlertDispatch(engine, read_registry(campus), lambda: 1_790_000_100_000_000_000)
    report = dispatch.verify([DUMP_HEAD])
    assert report.ok, report
    assert report.entries > DUMP_HEAD[0]  # entries with the rows at the upgrade
    hazards = dispatch.queries.hazards(ADMIN, site=None, active=None, page=ALL)
    assert [hazard.grade.colour for hazard in hazards] == ["red"] * 4
    tickets = dispatch.queries.tickets(ADMIN, site="school-1", state="submitted", grade=None, page=ALL)
    assert [(ticket.number, ticket.fixers) for ticket in tickets] == [("school-1-2026-000001", ("fixer",))]
    assert (dispatch.cursor(), dispatch.cursor(Priority.URGENT)) == (4, 3)
    people = People(engine, lambda: 1_790_000_100_000_000_000)
    assert people.sign_in("officer", "long enough for a test", address="test") is not None
    officer = Actor("officer2", frozenset(("officer",)))
    moved = dispatch.act(tickets[0].id, "review", officer, {}, version=tickets[0].version)
    assert moved.state == "in_review"
    assert dispatch.verify([DUMP_HEAD]).ok
    engine.dispose()


def test_an_upgraded_database_opens_unchanged(old_file: Path) -> None:
    """A second start runs no migration and imports no Alembic."""
    open_database(f"sqlite:///{old_file}").dispose()
    code = (
        "import sys; from alerts import open_database; "
        f"open_database('sqlite:///{old_file}').dispose(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """A revision that this program does not contain raises SchemaError, which names both sides."""
    url = f"sqlite:///{tmp_path / 'newer.sqlite'}"
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SchemaError, match=rf"'9999' of a newer version; supported: 0001, .*{REVISION}"):
        open_database(url)


def test_an_unknown_schema_number_is_refused(old_file: Path) -> None:
    """A database without a revision is adopted only with the schema number of version 0.1.0."""
    with sqlite3.connect(old_file) as connection:
        connection.execute("UPDATE meta SET value = '7'")
    connection.close()
    with pytest.raises(SchemaError, match="schema number '7' without a revision; supported: 1"):
        open_database(f"sqlite:///{old_file}")


def test_a_failed_migration_changes_nothing(old_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All migrations of a start are one transaction: after an error the file is as version 0.1.0 left it."""
    from alembic import op  # noqa: PLC0415 - patched here alone

    def broken(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(op, "execute", broken)
    with pytest.raises(RuntimeError, match="disk on fire"):
        open_database(f"sqlite:///{old_file}")
    monkeypatch.undo()
    with sqlite3.connect(old_file) as connection:
        names = {row[1] for row in connection.execute("PRAGMA table_info(findings)")}
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "lane" in names
    assert "alembic_version" not in tables
    open_database(f"sqlite:///{old_file}").dispose()


def test_processes_that_start_together_migrate_once(old_file: Path) -> None:
    """Roles that start at the same time on an old database all open it; one of them migrates."""
    code = f"from alerts import open_database; open_database('sqlite:///{old_file}').dispose()"
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: subprocess.run([sys.executable, "-c", code], check=False), range(4)))
    assert [process.returncode for process in done] == [0] * 4
    engine = open_database(f"sqlite:///{old_file}")
    with engine.connect() as connection:
        assert current_revision(connection) == REVISION
        assert inspect(connection).get_table_names() != []
    engine.dispose()
    assert _differences(engine) == []
    engine.dispose()


def test_an_old_file_opens_while_another_program_writes_to_it(old_file: Path) -> None:
    """SQLite refuses the journal mode WAL at once, whatever the busy timeout, while the old mode writes."""
    with sqlite3.connect(old_file) as old_mode:
        old_mode.execute("PRAGMA journal_mode=DELETE")
    old_mode.close()
    holder = sqlite3.connect(old_file, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.4, holder.execute, ("ROLLBACK",))
    end.start()
    open_database(f"sqlite:///{old_file}").dispose()
    end.join()
    holder.close()


def test_the_interface_of_alerts_does_not_load_the_migrations() -> None:
    """`import alerts` costs a command line no database library."""
    code = "import sys, alerts; print({'alembic', 'sqlalchemy', 'psycopg'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"

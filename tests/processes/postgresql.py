"""A throw-away PostgreSQL server for tests, and cheap databases on it."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from .waiting import unavailable

ACCOUNT = "postgres"
"""The server refuses to run as root; Debian's package creates this account."""

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
}


class PostgreSQL:
    """One cluster on a Unix socket in a folder of its own."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder, self._programs = folder, programs
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.user = ACCOUNT if os.geteuid() == 0 else None
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        self._create()

    def _create(self) -> None:
        options = ["--auth=trust", f"--username={ACCOUNT}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        command = [self._programs / "initdb", "-D", self.folder / "data", *options]
        subprocess.run(command, check=True, capture_output=True, user=self.user, cwd=self.folder)

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it accepts connections."""
        if self._process is not None:
            return
        settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *settings],
                user=self.user,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError):
                self.connect().close()
                return
            assert self._process.poll() is None, (self.folder / "log.txt").read_text(encoding="utf-8")[-2000:]
            time.sleep(0.05)
        raise TimeoutError("PostgreSQL accepts no connection after 30 s")

    def stop(self) -> None:
        """Stop the server; its connections end at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            self._process.wait(30)
            self._process = None

    def freeze(self) -> None:
        """Stop every process of the server as a machine that hangs: connections stay open and get no answer."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue every process of the server."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        pid = self._process.pid
        os.kill(pid, number)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), number)

    @property
    def socket(self) -> Path:
        """Unix socket of the server."""
        return self.folder / ".s.PGSQL.5432"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection of the superuser in autocommit mode."""
        return psycopg.connect(host=str(self.folder), user=ACCOUNT, dbname=database, autocommit=True)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{ACCOUNT}@/{database}?host={self.folder}"

    def create_database(self) -> str:
        """Create an empty database; return its URL."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database of a URL and end its connections."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_name(url))))

    def empty_database(self, url: str) -> None:
        """Delete all rows of the alert tables, which takes less time than a new database."""
        from alerts.database.schema import metadata  # noqa: PLC0415 - only where a test needs it

        names = sorted(metadata.tables.keys() - {"meta"})
        with self.connect(_name(url)) as connection:
            connection.execute(
                sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in names)
            )


class EmptyDatabases:
    """PostgreSQL databases with the present schema and no rows, used again after each test."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self._free: list[str] = []

    def acquire(self) -> str:
        """Return the URL of an empty database."""
        if self._free:
            return self._free.pop()
        from alerts import open_database  # noqa: PLC0415 - only where a test needs it

        url = self._server.create_database()
        open_database(url).dispose()
        return url

    def release(self, url: str) -> None:
        """Empty the database for another test."""
        self._server.empty_database(url)
        self._free.append(url)


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Run a server in a temporary folder; skip the test, or fail it in CI, without the programs."""
    programs = postgresql_programs()
    folder = Path(tempfile.mkdtemp(prefix="twinward-pg-"))  # a Unix socket's path has at most 107 characters
    server = PostgreSQL(programs, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def postgresql_programs() -> Path:
    """Return the folder of the newest installed server; skip the test, or fail it in CI, without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    return unavailable("the Debian package postgresql is not installed")

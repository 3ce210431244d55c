"""Owner of the roles of a partition, with a fencing epoch in PostgreSQL (decision 0038).

A lease decides when another node may take over. The epoch decides who may write: a writer reads it in its own
transaction, so a process that resumes after a pause is refused.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg

from twinward.errors import LogUnavailable, OwnerLost

from .entries import Database
from .pulse import Pulse
from .session import Session, named, shown

LEASE_S = 5.0
RENEW_S = 1.0
RETRY_S_MAX = 2.0
_TABLE = """
CREATE TABLE IF NOT EXISTS twinward_log.owners (
  partition INTEGER NOT NULL, role TEXT NOT NULL, epoch BIGINT NOT NULL, node TEXT NOT NULL,
  renewed TIMESTAMPTZ NOT NULL, PRIMARY KEY (partition, role))
"""
_SCHEMA_LOCK = 0x74776C67  # "twlg": two processes create the tables one after the other
_END_HOLDERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE relation = 'twinward_log.owners'::regclass AND mode IN ('RowShareLock', 'RowExclusiveLock')"
    " AND datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
)
"""Ends sessions of this account alone: a backup reads the table, and an account cannot end those of others."""
_FREE = "(node = '' OR node = ? OR renewed < clock_timestamp() - make_interval(secs => ?))"


def boot_s() -> float:
    """Return the time since the start of the machine in s, which also grows while it sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Owner:
    """Roles of one node in one partition. `lost`: the role that another node has taken, "" while none is."""

    shared = True

    def __init__(
        self,
        url: str,
        node: str,
        *,
        partition: int = 0,
        lease_s: float = LEASE_S,
        clock_s: Callable[[], float] = boot_s,
    ) -> None:
        """node: installation of this process; lease_s: time without renewal after which another node takes over.

        clock_s: monotonic seconds, also while the process is stopped. Raises LogUnavailable.
        """
        self.node, self.url, self.lost, self.pulse = node, url, "", Pulse(shown(url))
        self._clock_s, self._renewed_s = clock_s, -lease_s
        self._partition, self._lease_s = partition, lease_s
        self._epochs: dict[str, int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="log-owner", daemon=True)
        self._session = Session(url)
        try:
            with named(url), self._session.connection.transaction():
                self._session.execute("SELECT pg_advisory_xact_lock(?)", (_SCHEMA_LOCK,))
                self._session.execute("CREATE SCHEMA IF NOT EXISTS twinward_log")
                self._session.execute(_TABLE)
        except BaseException:
            self._session.close()
            raise

    def holds(self) -> bool:
        """Return whether no other node can have the roles: each was renewed within the lease.

        A process whose lease has ended must not take messages from the broker: their next receiver may be another one.
        """
        return not self.lost and self._clock_s() - self._renewed_s < self._lease_s

    def holders(self, roles: Sequence[str]) -> dict[str, str]:
        """Return the node of each role that another node holds now. Raises LogUnavailable."""
        query = f"SELECT role, node FROM twinward_log.owners WHERE partition = ? AND NOT {_FREE}"  # noqa: S608 - constant
        with named(self.url):
            rows = self._session.execute(query, (self._partition, self.node, self._lease_s)).fetchall()
        return {role: node for role, node in rows if role in roles}

    def claim(self, roles: Sequence[str]) -> bool:
        """Take all roles in one transaction if each is free; return whether. Raises LogUnavailable.

        Waits for an open transaction of a former owner, which its epoch then ends.
        """
        query = (
            "INSERT INTO twinward_log.owners AS own VALUES (?, ?, 1, ?, clock_timestamp())"  # noqa: S608 - constants
            " ON CONFLICT (partition, role) DO UPDATE SET epoch = own.epoch + 1, node = excluded.node,"
            f" renewed = excluded.renewed WHERE {_FREE.replace('node', 'own.node').replace('renewed', 'own.renewed')}"
            " RETURNING epoch"
        )
        epochs, begun_s = dict[str, int](), self._clock_s()
        with suppress(_Taken), named(self.url), self._session.connection.transaction():
            for role in sorted(roles):
                row = self._session.execute(
                    query, (self._partition, role, self.node, self.node, self._lease_s)
                ).fetchone()
                if row is None:
                    raise _Taken
                epochs[role] = row[0]
            self._epochs, self._renewed_s = epochs, begun_s
            return True
        return False

    def start(self) -> None:
        """Renew the roles once a second in a thread."""
        self._thread.start()
        self.pulse.start()

    def wait(self, roles: Sequence[str], ended: threading.Event, note: Callable[[dict[str, str]], None]) -> bool:
        """Claim the roles, and block until they are free; return False if `ended` was set before.

        note: called once with the nodes that hold them. Waits also for a server that has answered before.
        """
        noted = False
        while True:
            with suppress(LogUnavailable):
                self._connect()
                held = self.holders(roles)  # a plain read: a claim would delay the appends of the owner
                if not held and self._claimed(roles):
                    return True
                if held and not noted:
                    noted = True
                    note(held)
            if ended.wait(RENEW_S / 2):
                return False
            gc.collect(0)  # collection is off during a start, and each refused connection leaves cycles

    def _claimed(self, roles: Sequence[str]) -> bool:
        """Claim the roles; end the sessions that hold their rows beyond the lease and the wait for a lock.

        The server ends a session that is idle in a transaction, but not one whose process was paused inside a pipeline.
        """
        try:
            return self.claim(roles)
        except LogUnavailable as error:
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable) and not self.holders(roles):
                with named(self.url):
                    self._session.execute(_END_HOLDERS)
            raise

    def check(self, db: Database, role: str) -> None:
        """Raise OwnerLost unless this process owns the role; keeps the row until the end of the transaction."""
        if self.lost:
            raise OwnerLost(self.lost)
        row = db.execute(
            "SELECT epoch FROM twinward_log.owners WHERE partition = ? AND role = ? FOR SHARE", (self._partition, role)
        ).fetchone()
        if row is None or row[0] != self._epochs.get(role):
            self.lost = role
            raise OwnerLost(role)

    def epoch(self, role: str, _present: int) -> int:
        """Return the epoch of a role in a log that is not in this database; 0 without the role."""
        return self._epochs.get(role, 0)

    def close(self) -> None:
        """Free the roles and end the session; the writers must have stopped."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        with suppress(LogUnavailable), self.pulse.calling(), named(self.url):
            for role, epoch in self._epochs.items():
                self._session.execute(
                    "UPDATE twinward_log.owners SET node = '' WHERE partition = ? AND role = ? AND epoch = ?",
                    (self._partition, role, epoch),
                )
        self.pulse.stop()
        self._session.close()

    def _renew(self) -> None:
        wait_s = RENEW_S
        while not self._stopping.wait(wait_s) and not self.lost:
            try:
                begun_s = self._clock_s()
                with self.pulse.calling(), named(self.url):
                    self._renew_once()
                self._renewed_s, wait_s = begun_s, RENEW_S
            except LogUnavailable:  # the log reports its own fault; `holds` ends with the lease
                self._session.close()
                wait_s = min(wait_s * 1.5, RETRY_S_MAX)

    def _connect(self) -> None:
        if self._session.connection.closed:
            self._session.close()
            self._session = Session(self.url)

    def _renew_once(self) -> None:
        self._connect()
        self.pulse.watch(self._session)
        for role, epoch in self._epochs.items():
            renewed = self._session.execute(
                "UPDATE twinward_log.owners SET renewed = clock_timestamp()"
                " WHERE partition = ? AND role = ? AND epoch = ?",
                (self._partition, role, epoch),
            ).rowcount
            if not renewed:
                self.lost = role


class _Taken(Exception):  # noqa: N818 - rolls a claim back; never leaves this module
    """Another node holds one of the roles."""

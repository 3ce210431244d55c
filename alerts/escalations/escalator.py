"""Worker of escalations: executes due steps, confirmations and ends of acknowledgements."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, exists, func, select

from alerts.database import journal
from alerts.database import rows as records
from alerts.database.commits import Commits
from alerts.database.engine import ALARM_LOCK_WAIT_MS
from alerts.database.schema import escalations, notices, rosters
from alerts.database.storage_faults import UNWRITTEN, StorageFault
from alerts.model import Notice
from alerts.notices.writer import PAGED
from alerts.risk.registry import Registry

from . import rows
from .courses import Course, Courses
from .duty_checks import DutyChecks
from .effects import ESCALATION, ROSTER, facts_of, fault_of, worker_fault
from .machine import Expired, Unproved
from .model import RUNNING, SECOND_NS, TAKEN
from .pager import Escalations
from .taking import Taking

BATCH = 100
"""Escalations of one turn, the longest due first."""
PAUSE_S, IDLE_S = 0.5, 30.0
"""Longest pause between two turns while a step is due, and otherwise. The clock is stored as often."""
REST_S = 0.05
FAULT_S = 600.0
"""Time for which a step that reached nobody stays a fault of the service."""


class Escalator:
    """Executes due escalations in one thread. A step and its notices commit together.

    While the database rejects writes, notices leave from memory, and the row is stored later.
    """

    def __init__(
        self,
        engine: Engine,
        started: Escalations,
        taking: Taking,
        registry: Registry,
        wall: Callable[[], int],
        *,
        checks: DutyChecks,
        commits: Commits | None = None,
        memory: Callable[[Iterable[Notice]], object] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """memory: sends notices that cannot be stored. commits: wake the thread."""
        self._engine = engine.execution_options(lock_wait_ms=ALARM_LOCK_WAIT_MS)
        self._reading = engine.execution_options(writes=False)
        self._taking, self._wall, self._clock, self._checks = taking, wall, started.clock, checks
        self._courses = Courses(started.router, taking, registry, wall)
        self._commits, self._memory, self._monotonic = commits, memory, monotonic
        self._unsaved: dict[str, Course] = {}
        self._faults: dict[str, tuple[StorageFault, float]] = {}
        self._stopping, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="escalator", daemon=True)
        self._saved_s = float("-inf")
        self._versions: Sequence[Any] = ()
        self._failed: dict[str, str] = {}
        self.last_error = ""

    def start(self) -> None:
        """Start the thread."""
        if self._commits is not None:
            self._commits.add(self._wake)
        self._thread.start()

    def stop(self) -> None:
        """Finish the turn and stop the thread."""
        self._stopping.set()
        if self._commits is not None:
            self._commits.remove(self._wake)
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(15)

    def _wake(self, _channels: Collection[str]) -> None:
        self._woken.set()

    def healthy(self) -> bool:
        """Return whether the thread runs and its last turn had no error."""
        return self._thread.is_alive() and not self.last_error

    def faults(self) -> Mapping[str, StorageFault]:
        """Return part -> cause of the present faults of rosters, of chains and of this worker."""
        now_s = self._monotonic()
        found = {part: cause for part, (cause, until_s) in tuple(self._faults.items()) if until_s > now_s}
        gap, error = self._checks.fault, self.last_error
        return ({} if gap is None else {ROSTER: gap}) | ({ESCALATION: worker_fault(error)} if error else {}) | found

    def turn(self) -> float:
        """Execute due events; return the seconds until the next turn at the latest.

        An escalation with an error delays no other one: `last_error` names it, and the next turn repeats it.
        """
        now_ns, now_s = self._clock.now_ns(), self._monotonic()
        failed = {hazard: error for hazard in self._due(now_ns) if (error := self._tried(hazard, now_ns))}
        self._failed, self.last_error = failed, next(iter(failed.values()), "")
        with self._reading.connect() as connection:
            running = select(escalations.c.hazard).where(escalations.c.state == RUNNING)
            steps = connection.execute(running.limit(1)).first() is not None
            open_ones = escalations.c.state.in_((RUNNING, TAKEN))
            next_ns = connection.scalar(select(func.min(escalations.c.due_ns)).where(open_ones))
            versions = connection.execute(select(rosters.c.site, rosters.c.version).order_by(rosters.c.site)).all()
        with contextlib.suppress(*UNWRITTEN):  # the stages report it
            self._checks.run(now_s, changed=versions != self._versions)
            self._versions = versions
        pause_s = PAUSE_S if steps or self._unsaved else IDLE_S
        if next_ns is not None and now_s - self._saved_s >= pause_s:
            with contextlib.suppress(*UNWRITTEN), self._engine.begin() as connection:
                self._clock.save(connection)
                self._saved_s = now_s
        left_s = pause_s if next_ns is None else (next_ns - self._clock.now_ns()) / SECOND_NS
        return PAUSE_S if failed else min(pause_s, max(REST_S, left_s))

    def _due(self, now_ns: int) -> list[str]:
        """Return the hazards whose escalations are due, or have a failed notice."""
        column = escalations.c
        mine = notices.c.hazard == column.hazard
        failed = exists().where(mine, rows.UNSENT, notices.c.type.in_(PAGED))
        due = column.state.in_((RUNNING, TAKEN)) & ((column.due_ns <= now_ns) | ((column.state == RUNNING) & failed))
        with self._reading.connect() as connection:
            found = connection.scalars(select(column.hazard).where(due).order_by(column.due_ns).limit(BATCH)).all()
        return list(dict.fromkeys((*found, *self._unsaved)))

    def _tried(self, hazard: str, now_ns: int) -> str:
        """Execute one escalation; return its error, "" without one. An unreadable database ends the turn."""
        log = structlog.get_logger(part="escalator")
        try:
            self._execute(hazard, now_ns)
        except UNWRITTEN:
            raise
        except Exception as error:
            text = f"hazard {hazard}: {type(error).__name__}: {error}"
            if self._failed.get(hazard) != text:
                log.exception("an escalation failed; the next turn repeats it", hazard=hazard)
            return text
        return ""

    def _execute(self, hazard: str, now_ns: int) -> None:
        known = self._unsaved.get(hazard)
        if known is None:
            with self._reading.connect() as connection:  # a blocked page is due at each turn, mostly without an event
                if self._courses.until(connection, hazard, now_ns, known) is None:
                    return
        try:
            with self._engine.begin() as connection:
                course = self._courses.until(connection, hazard, now_ns, known)
                if course is not None:
                    self._store(connection, course)
            self._unsaved.pop(hazard, None)
        except UNWRITTEN:
            with self._reading.connect() as connection:
                course = self._courses.until(connection, hazard, now_ns, known)
            if course is not None:
                self._unsaved[hazard] = course
                self._memory(course.notices)
        if course is not None:
            self._report(course)

    def _store(self, connection: Connection, course: Course) -> None:
        """Write the row, the notices and the entries. A row that has changed meanwhile writes nothing."""
        if not rows.save(connection, course.before, course.after):
            course.effects.clear()
            return
        for notice in course.notices:
            if connection.execute(select(notices.c.id).where(notices.c.id == notice.id)).first() is None:
                records.add(connection, notices, notice)
        ends = [effect for effect in course.effects if isinstance(effect, Expired | Unproved)]
        if ends and course.hazard.acknowledged_by:
            kind = "hazard.not_confirmed" if isinstance(ends[0], Unproved) else "hazard.acknowledgement_expired"
            self._taking.released(connection, course.hazard, actor="system", kind=kind)
        facts = facts_of(course.effects, course.after.round)
        if facts:
            journal.append(
                connection,
                at_ns=self._wall(),
                actor="system",
                kind="hazard.escalated",
                site=course.hazard.site,
                subject=course.hazard.id,
                facts=facts,
            )

    def _report(self, course: Course) -> None:
        """Keep the faults of the effects."""
        name = f"{course.hazard.site} {course.after.chain or '-'}"
        for effect in course.effects:
            cause = fault_of(effect, name)
            if cause is not None:
                self._faults[f"{ESCALATION} {name}"] = cause, self._monotonic() + FAULT_S

    def _run(self) -> None:
        log = structlog.get_logger(part="escalator")
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                pause_s = self.turn()
            except Exception as error:
                if not self.last_error:
                    log.exception("escalator turn failed; the worker retries", error=f"{type(error).__name__}")
                self.last_error, pause_s = f"{type(error).__name__}: {error}", PAUSE_S
            self._stopping.wait(REST_S)
            self._woken.wait(pause_s - REST_S)

"""Acknowledgement of a hazard and of its escalation in one transaction, and its undo."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, select

from alerts.database import journal
from alerts.database import rows as records
from alerts.database.schema import hazards
from alerts.errors import NotFound
from alerts.model import Hazard, Notice
from alerts.notices.followers import Followers
from alerts.notices.withdrawals import announce, withdraw
from alerts.risk.registry import Registry

from . import rows
from .clock import EscalationClock
from .machine import acknowledge, confirm, release
from .model import TAKEN, Acknowledgement, Escalation

CONSOLE: Final = "console"


class Taking:
    """Acknowledges hazards within the caller's transaction."""

    def __init__(
        self,
        clock: EscalationClock,
        wall: Callable[[], int],
        registry: Registry,
        *,
        programs: Collection[str],
        followers: Followers | None = None,
        confirm_s: Callable[[Connection, Escalation, Hazard], float] = lambda *_: 0.0,
    ) -> None:
        """wall: ns since 1970. programs: channels whose notices an acknowledgement leaves.

        confirm_s: time in which somebody must confirm an acknowledged alarm, 0 without one. followers: programs
        that follow acknowledgements.
        """
        self._confirm_s, self._followers = confirm_s, followers
        self._clock, self._wall, self._registry, self._programs = clock, wall, registry, tuple(programs)

    def place(self, hazard: Hazard) -> dict[str, str]:
        """Return the name of the place in both languages."""
        return self._registry.place_name(hazard.site, hazard.place)

    def hazard(self, connection: Connection, hazard_id: str) -> Hazard:
        """Return a hazard. Raises NotFound."""
        row = connection.execute(select(hazards).where(hazards.c.id == hazard_id)).first()
        if row is None:
            raise NotFound("hazard", hazard_id)
        return records.record(Hazard, row)

    def take(self, connection: Connection, hazard: Hazard, by: Acknowledgement) -> Hazard:
        """Return the hazard after an acknowledgement. A repeated one renews its time.

        A hazard that another person holds stays with that person, unless its escalation has begun again since. Where
        several persons must acknowledge, the hazard is acknowledged with the last of them, or in the console.
        """
        held = hazard.acknowledged_by
        before = rows.load(connection, hazard.id)
        if held is not None and held != by.by and (before is None or before.state == TAKEN):
            return hazard
        complete, same = True, held is not None
        if before is not None:
            confirm_s = self._confirm_s(connection, before, hazard)
            after = acknowledge(before, by, self._clock.now_ns(connection), confirm_s=confirm_s)
            rows.save(connection, before, after)
            self._clock.save(connection)
            complete, same = after.state == TAKEN, held in after.takers
            if before.state != TAKEN:
                self._stop(connection, hazard, after, by)
        elif held is None:
            withdraw(connection, hazard.id, programs=self._programs, only=lambda _: True)
        if not complete and by.via != CONSOLE:
            self._note(connection, hazard, hazard, "hazard.partly_acknowledged", by)
            return hazard
        if same:
            return hazard
        taken = replace(hazard, acknowledged_by=by.by, acknowledged_ns=self._wall(), version=hazard.version + 1)
        self._note(connection, hazard, taken, "hazard.acknowledged", by)
        return taken

    def confirm(self, connection: Connection, hazard_id: str) -> None:
        """Record that a person has confirmed the alarm: it no longer starts the next step."""
        before = rows.load(connection, hazard_id)
        if before is not None and (after := confirm(before)) is not before:
            rows.save(connection, before, after)

    def release(self, connection: Connection, hazard: Hazard, *, actor: str, kind: str) -> Hazard:
        """Return the hazard without its acknowledgement; its escalation begins a new round. kind: of the entry."""
        before = rows.load(connection, hazard.id)
        if before is not None and before.state == TAKEN:
            rows.save(connection, before, release(before, self._clock.now_ns(connection)))
            self._clock.save(connection)
        return self.released(connection, hazard, actor=actor, kind=kind)

    def released(self, connection: Connection, hazard: Hazard, *, actor: str, kind: str) -> Hazard:
        """Return the hazard without its acknowledgement; the caller has changed the escalation."""
        free = replace(hazard, acknowledged_by=None, acknowledged_ns=None, version=hazard.version + 1)
        by = Acknowledgement(actor, "", {}, CONSOLE, "", self._wall())
        self._note(connection, hazard, free, kind, by)
        return free

    def _stop(self, connection: Connection, hazard: Hazard, after: Escalation, by: Acknowledgement) -> None:
        """Withdraw the waiting messages that are superfluous now; announce the taker to the other receivers."""
        persons = {known.person for known in after.acknowledged}

        def superfluous(notice: Notice) -> bool:
            to = notice.body.get("to")
            if after.state == TAKEN:
                return to is None or to["since_ns"] == after.since_ns
            return to is not None and set(to["persons"]) <= persons

        handed = withdraw(connection, hazard.id, programs=self._programs, only=superfluous)
        if after.state == TAKEN:
            since = [one for one in handed if one.body.get("to", {}).get("round", -1) >= after.first_round]
            announce(connection, since, by=by.person, name=by.name, now_ns=self._wall())

    def _note(self, connection: Connection, before: Hazard, after: Hazard, kind: str, by: Acknowledgement) -> None:
        """Save a changed hazard and append the entry."""
        changes = []
        if after is not before:
            records.save(connection, hazards, after)
            changes.append(records.change(hazards, before, after))
            if self._followers is not None:
                self._followers.inform(connection, after, self._wall())
        facts: dict[str, object] = {"grade": after.grade.colour}
        if by.via != CONSOLE:
            facts |= {"via": by.via, "person": by.person}
        journal.append(
            connection,
            at_ns=self._wall(),
            actor=by.by,
            kind=kind,
            site=after.site,
            subject=after.id,
            facts=facts,
            rows=changes,
        )

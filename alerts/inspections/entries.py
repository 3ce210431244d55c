"""Entries of inspections, stored once, with their dangers and checks of measures.

The same set of entries gives the same result, however often and in whatever order a phone sends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update

from alerts.dangers import photos
from alerts.dangers.place_codes import PlaceCodes
from alerts.database.row_changes import RowChange, added, changed, removed
from alerts.database.schema import measure_checks
from alerts.errors import Invalid, NotFound
from alerts.model import identity
from alerts.people.access import Actor, require
from alerts.register.changes import Change
from alerts.tickets.intake import Found, Intake

from . import records
from .kinds import inspection_kinds
from .sheet import DONE, END, ITEM, NOT_OK, Inspection, Stored, folded, results_of, round_state
from .validation import Outcome, RefusedError, Sent, Work, checked

Proofs = Mapping[str, Mapping[str, Any]]


class InspectionEntries:
    """Stores entries and their photos. Methods may be called from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], int], intake: Intake, codes: PlaceCodes) -> None:
        self._engine, self._clock, self._intake, self._codes = engine, clock, intake, codes

    def submit(
        self, actor: Actor, site: str, inspection_id: str, sent: Sequence[Sent], prove: Callable[[Inspection], Proofs]
    ) -> tuple[list[Outcome], Inspection]:
        """Store entries of one inspection in one transaction; return the outcome of each, and the inspection.

        prove: returns the items that sensors prove now; an end keeps them. Raises Forbidden and NotFound.
        """
        require(actor, "run_inspection")
        read = {one.code: self._codes.read(one.code.rsplit("/", 1)[-1]) for one in sent if one.code}
        with self._engine.begin() as connection:
            if not actor.sees(site):
                raise NotFound("inspection", f"{site}/{inspection_id}")
            inspection = records.find(connection, site, inspection_id)
            work = Work(connection, actor, inspection, self._clock())
            known = {one.id: one for one in records.entries_of(connection, site, [inspection_id])[inspection_id]}
            new: list[Stored] = []
            outcomes = []
            for one in sent:
                outcome = self._outcome(work, one, known, read.get(one.code))
                if outcome.outcome == "stored" and outcome.entry is not None:
                    known[one.id] = outcome.entry
                    new.append(outcome.entry)
                outcomes.append(outcome)
            if new:
                inspection = self._applied(work, new, [*known.values()], prove)
            return outcomes, inspection

    def add_photo(self, actor: Actor, site: str, inspection_id: str, entry_id: str, sent: photos.Sent) -> str:
        """Add a photo to a stored tick; that of a danger is a photo of the danger too. Raises NotFound, Invalid."""
        require(actor, "run_inspection")
        if not actor.sees(site):
            raise NotFound("inspection", f"{site}/{inspection_id}")
        if not sent.sha256:
            raise Invalid(photos.UNDIGESTED[0], zh=photos.UNDIGESTED[1])
        photo = photos.prepare(sent)
        with self._engine.begin() as connection:
            own = {one.id: one for one in records.entries_of(connection, site, [inspection_id])[inspection_id]}
            if entry_id not in own or own[entry_id].type != ITEM:
                raise NotFound("entry", entry_id)
            subject = photos.Subject(site, own[entry_id].danger, f"{site}/{inspection_id}/{entry_id}")
            return photos.add_to(connection, subject, photo, actor.username, now_ns=self._clock())

    def _outcome(self, work: Work, sent: Sent, known: Mapping[str, Stored], read: tuple[str, str] | None) -> Outcome:
        if (before := known.get(sent.id)) is not None:
            if before.digest == sent.digest:
                return Outcome(sent.id, "repeated", None, before)
            text = {"zh": "该编号已用于另一条记录", "en": "the id belongs to another entry"}
            return Outcome(sent.id, "refused", text, before)
        try:
            entry = checked(work, sent, read)
        except RefusedError as error:
            return Outcome(sent.id, "refused", error.text)
        if entry.result != NOT_OK:
            return Outcome(sent.id, "stored", None, entry)
        return self._with_danger(work, sent, entry, known)

    def _with_danger(self, work: Work, sent: Sent, entry: Stored, known: Mapping[str, Stored]) -> Outcome:
        """Return the outcome of an item not in order; its first tick enters the danger, a correction keeps it."""
        inspection = work.inspection
        for one in known.values():
            if (one.stop, one.item) == (entry.stop, entry.item) and one.danger:
                return Outcome(sent.id, "stored", None, replace(entry, danger=one.danger, ticket=one.ticket))
        stop = next(one for one in inspection.stops if one.id == entry.stop)
        item = next(one for one in stop.items if one.id == entry.item)
        text = f"{stop.name['zh']}：{item.text['zh']}" + (f"（{entry.note}）" if entry.note else "")
        source = inspection_kinds()[inspection.kind].source if inspection.kind in inspection_kinds() else "inspection"
        found = Found(inspection.site, entry.place, sent.kind or item.kind, source, text)
        try:
            ticket = self._intake.enter(work.connection, work.actor, found)
        except Invalid as error:
            wrong = "; ".join(f"{name}: {fault}" for name, fault in error.fields.items())
            zh = "已记录，但未能生成隐患，请选择位置后在隐患页登记"
            return Outcome(sent.id, "stored", {"zh": zh, "en": f"stored without a danger: {wrong}"}, entry)
        return Outcome(sent.id, "stored", None, replace(entry, danger=ticket.danger, ticket=ticket.id))

    def _applied(
        self,
        work: Work,
        new: Sequence[Stored],
        entries: Sequence[Stored],
        prove: Callable[[Inspection], Proofs],
    ) -> Inspection:
        """Store new entries, the checks of measures that follow from all entries, and the state of the inspection."""
        before, now_ns = work.inspection, work.now_ns
        change = Change(work.connection, work.actor.username, now_ns)
        state = round_state(before, entries, now_ns)
        first, ends = min(entries, key=_time), [one for one in entries if one.type == END]
        ended = min(ends, key=_time) if ends else max(entries, key=_time) if state == DONE else None
        proofs = prove(before) if state == DONE and before.state != DONE else before.proofs
        after = replace(
            before,
            state=state,
            proofs=proofs,
            started_by=first.by,
            started_ns=first.at_ns,
            ended_by=ended.by if ended else None,
            ended_ns=ended.at_ns if ended else None,
        )
        records.add_entries(change, before, new, _checks(change, after, entries))
        if replace(after, version=0) == replace(before, version=0):
            return before
        return records.save(change, before, after, f"inspection.{state}", {"state": state})


def _time(entry: Stored) -> tuple[int, str]:
    return entry.at_ns, entry.id


def _checks(change: Change, inspection: Inspection, entries: Sequence[Stored]) -> list[RowChange]:
    """Write the checks of measures that follow from all entries: at most one row for each measure of a point."""
    ticks = [one for one in sorted(entries, key=_time) if one.type == ITEM]
    results = results_of(folded(inspection, entries, {}))
    rows: list[RowChange] = []
    for stop in inspection.stops:
        person = next((one.by for one in reversed(ticks) if one.stop == stop.id), "")
        for measure in dict.fromkeys(item.measure for item in stop.items) if person else ():
            identifier = identity("inspection", inspection.site, inspection.id, stop.point, measure)
            result = results.get((stop.point, measure))
            row: dict[str, Any] | None = None
            if result is not None:
                row = {"id": identifier, "site": inspection.site, "point": stop.point, "measure": measure}
                row |= {"at_ns": result[1], "works": result[0], "note": inspection.name["zh"], "by": person}
            rows += _written(change, identifier, row)
    return rows


def _written(change: Change, identifier: str, row: Mapping[str, Any] | None) -> list[RowChange]:
    """Write the check of one measure, None for no result; return the change."""
    table, connection = measure_checks, change.connection
    before = connection.execute(select(table).where(table.c.id == identifier)).mappings().first()
    if row is None:
        if before is None:
            return []
        connection.execute(delete(table).where(table.c.id == identifier))
        return [removed(table, {"id": identifier})]
    if before is None:
        connection.execute(insert(table).values(row))
        return [added(table, row)]
    if dict(before) == row:
        return []
    connection.execute(update(table).where(table.c.id == identifier).values(row))
    return [changed(table, dict(before), row)]

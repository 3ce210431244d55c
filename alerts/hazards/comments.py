"""Comments of people on a hazard, as entries of its journal."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, func, select

from alerts.database import journal, rows
from alerts.database.schema import hazards
from alerts.database.schema import journal as journal_table
from alerts.errors import GuardFailed, Invalid, NotFound
from alerts.model import Hazard
from alerts.people.access import Actor, require

COMMENT = "comment_hazard"
COMMENTED = "hazard.commented"
LENGTH_MAX = 1_000
COMMENTS_MAX = 500
"""Comments of one hazard at most; its page and its evidence pack have all of them."""


class HazardComments:
    """Comments on hazards. Methods may be called from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine, self._clock = engine, clock

    def add(self, hazard_id: str, actor: Actor, note: str) -> Hazard:
        """Write a comment to the journal of a hazard, open or ended, and return the hazard.

        Raises Forbidden, NotFound for a hazard out of scope, Invalid for an empty or too long text, and GuardFailed.
        """
        require(actor, COMMENT)
        with self._engine.begin() as connection:
            row = connection.execute(select(hazards).where(hazards.c.id == hazard_id)).first()
            if row is None or not actor.sees(row.site):
                raise NotFound("hazard", hazard_id)
            text = note.strip()
            if not 1 <= len(text) <= LENGTH_MAX:
                raise Invalid.in_both({"note": (f"a text of 1 to {LENGTH_MAX} characters", f"须为1至{LENGTH_MAX}字")})
            own = journal_table.c
            written = select(func.count()).where(own.subject == hazard_id, own.kind == COMMENTED)
            if int(connection.scalar(written) or 0) >= COMMENTS_MAX:
                zh, en = f"备注已满{COMMENTS_MAX}条", f"the hazard has {COMMENTS_MAX} comments, the maximum"
                raise GuardFailed("full", zh, en)
            journal.append(
                connection,
                at_ns=self._clock(),
                actor=actor.username,
                kind=COMMENTED,
                site=row.site,
                subject=hazard_id,
                facts={"note": text, "drill": bool(row.drill)},
            )
            return rows.record(Hazard, row)

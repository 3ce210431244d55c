"""Steps of an alarm's checklist, as people record them."""

from __future__ import annotations

from sqlalchemy import Connection

from alerts.database import journal
from alerts.errors import GuardFailed
from alerts.model import Hazard
from alerts.people.access import Actor

from .call_script import CAUSE

STEPS = {"confirm": "hazard.confirmed", "call": "hazard.called", "evacuate": "hazard.evacuated"}
"""Step of the checklist -> its journal kind. A step is a record; the console gives the order to evacuate beside it."""


def record(connection: Connection, hazard: Hazard, name: str, actor: Actor, *, now_ns: int) -> None:
    """Write a step of a hazard to the journal. Raises GuardFailed for a call to the fire line without a fire."""
    if name == "call" and hazard.cause != CAUSE:
        en = f"the fire line is called for fires; the cause is {hazard.cause}"
        raise GuardFailed("cause", "只有火情才拨打119", en)
    journal.append(
        connection,
        at_ns=now_ns,
        actor=actor.username,
        kind=STEPS[name],
        site=hazard.site,
        subject=hazard.id,
        facts={"grade": hazard.grade.colour, "drill": hazard.drill},
    )

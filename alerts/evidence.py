"""Evidence of alarms: the findings of one alarm, and the spans that retention must keep for open ones."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from .database import rows
from .database.evidence_rows import false_hazards
from .database.schema import findings, hazards
from .model import Finding


class Evidence:
    """Reads the findings of open alarms. Several threads may call it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def findings_named(self, name: str) -> list[Finding]:
        """Return the findings of a hazard, or the one with this id, in order of their begin."""
        query = select(findings).where((findings.c.hazard == name) | (findings.c.id == name))
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(findings.c.first_ns, findings.c.id))
            return [rows.record(Finding, row) for row in found]

    def oldest_paged_ns(self) -> int | None:
        """Return the earliest decision of a finding of an open, paged hazard; None without one."""
        of_open = findings.c.hazard == hazards.c.id
        query = select(func.min(findings.c.decided_ns)).where(of_open, hazards.c.active, hazards.c.paged_grade != 0)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def readings(self) -> list[tuple[str, str, int, int]]:
        """Return site, sensor, first and last time of the readings behind the findings of open hazards, sorted."""
        columns = (findings.c.site, findings.c.sensor, findings.c.first_ns, findings.c.last_ns, findings.c.evidence)
        query = select(*columns).where(findings.c.hazard == hazards.c.id, hazards.c.active)
        with self._engine.connect() as connection:
            found = connection.execute(query).all()
        spans = ((row.evidence.get("window_s") or 0.0, row) for row in found)
        return sorted((row.site, row.sensor, row.first_ns - int(s * 1e9), row.last_ns) for s, row in spans)

    def incidents(self, rule: str, from_ns: int, to_ns: int) -> list[tuple[list[tuple[str, str]], int, int]]:
        """Return (site, sensor) pairs, begin and end of each hazard that the rule found in a span.

        Left out: drills, and hazards whose ticket a person marked as false. An open one ends at `to_ns`.
        """
        query = select(
            findings.c.hazard, findings.c.site, findings.c.sensor, findings.c.first_ns, findings.c.cleared_ns
        )
        inside = (findings.c.first_ns >= from_ns, findings.c.first_ns < to_ns, ~findings.c.drill)
        query = query.where(findings.c.rule == rule, *inside, findings.c.hazard.not_in(false_hazards()))
        found: dict[str, tuple[list[tuple[str, str]], int, int]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query.order_by(findings.c.first_ns)):
                end_ns = to_ns if row.cleared_ns is None else row.cleared_ns
                names, begin_ns, last_ns = found.get(row.hazard, ([], row.first_ns, end_ns))
                found[row.hazard] = ([*names, (row.site, row.sensor)], begin_ns, max(last_ns, end_ns))
        return list(found.values())

    def false_pages(self, rule: str, since_ns: int) -> int:
        """Return the number of hazards that the rule paged since a time and whose ticket a person marked as false."""
        query = select(findings.c.hazard, findings.c.evidence).where(
            findings.c.hazard.in_(false_hazards()), ~findings.c.drill,
            findings.c.rule == rule, findings.c.first_ns >= since_ns,
        )  # fmt: skip
        with self._engine.connect() as connection:
            return len({row.hazard for row in connection.execute(query) if row.evidence.get("page")})

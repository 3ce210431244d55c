"""Renamed sensors in the alert database: findings, bindings and ignored sensors follow the new id."""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, insert, select, update

from alerts.database import journal
from alerts.database.positions import renamed, set_renamed
from alerts.database.row_changes import RowChange, added, removed
from alerts.database.schema import assignments, findings, ignored
from ingest import Catalog, Renaming


def follow(connection: Connection, catalog: Catalog, now_ns: int) -> bool:
    """Apply the renamings of the catalogue that the database lacks, in order; return whether there was one.

    Each is applied once and audited, within the caller's transaction.
    """
    if not catalog.renamed:
        return False
    found = catalog.renamings(renamed(connection))
    for one in found:
        changes = [change for table in (assignments, ignored) for change in _moved(connection, table, one)]
        connection.execute(
            update(findings).where(findings.c.site == one.site, findings.c.sensor == one.old).values(sensor=one.new)
        )
        journal.append(
            connection,
            at_ns=now_ns,
            actor="system",
            kind="sensor.renamed",
            site=one.site,
            subject=one.new,
            facts={"from": one.old, "to": one.new},
            rows=changes,
        )
        set_renamed(connection, one.number)
    return bool(found)


def _moved(connection: Connection, table: Table, one: Renaming) -> list[RowChange]:
    """Move the row of the old id to the new one, which may have its own row already."""
    own = {
        row.sensor: row._asdict()
        for row in connection.execute(
            select(table).where(table.c.site == one.site, table.c.sensor.in_((one.old, one.new)))
        )
    }
    if one.old not in own:
        return []
    connection.execute(delete(table).where(table.c.site == one.site, table.c.sensor == one.old))
    gone = removed(table, {"site": one.site, "sensor": one.old})
    if one.new in own:
        return [gone]
    row = own[one.old] | {"sensor": one.new}
    connection.execute(insert(table).values(**row))
    return [gone, added(table, row)]

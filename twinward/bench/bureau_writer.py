"""Write many rows of a table: COPY on PostgreSQL, a statement with many rows elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from psycopg import sql
from sqlalchemy import Connection, Table, insert

if TYPE_CHECKING:
    import psycopg

Row = Mapping[str, Any]


def write(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows; all of them have the columns of the first one, the values are those of an `insert`."""
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), [*rows])
        return
    names = [*rows[0]]
    converted = [_conversion(connection, table, name) for name in names]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([convert(row[name]) for name, convert in zip(names, converted, strict=True)])


def _conversion(connection: Connection, table: Table, name: str) -> Callable[[Any], Any]:
    """Return the conversion of a value of a column into one of the driver."""
    kind = table.c[name].type.dialect_impl(connection.dialect)
    return kind.bind_processor(connection.dialect) or (lambda value: value)

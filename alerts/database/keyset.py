"""Keyset pagination: opaque cursors over the sort key of a list.

A cursor holds the sort key of the last row of a page. The next page starts behind that key, so rows inserted between
two requests neither repeat nor hide other rows. A row whose sort key changes meanwhile moves to its new position.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_

from alerts.errors import Invalid

CURSOR_LENGTH_MAX = 2_048
LIMIT_DEFAULT, LIMIT_MAX = 100, 1_000
_INTEGER_MAX = 2**63 - 1

Key = tuple[int | str, ...]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. limit: maximum of rows; cursor: cursor of the page before, "" for the first page."""

    limit: int = LIMIT_DEFAULT
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One part of a sort key: its SQL expression, its type and its direction."""

    expression: ColumnElement[Any]
    type: type[int | str]
    descending: bool = False

    def equals(self, value: int | str) -> ColumnElement[bool]:
        """Return the condition for rows with this value."""
        return self.expression == value

    def reaches(self, value: int | str) -> ColumnElement[bool]:
        """Return the condition for rows with this value or behind it."""
        return self.expression <= value if self.descending else self.expression >= value

    def follows(self, value: int | str) -> ColumnElement[bool]:
        """Return the condition for rows behind this value."""
        return self.expression < value if self.descending else self.expression > value


@dataclass(frozen=True, slots=True)
class Order(Generic[Row]):
    """A total order of database rows. key: sort key of a record, parallel to `columns`; its last part is unique."""

    name: str
    columns: tuple[Column, ...]
    key: Callable[[Row], Key]

    def page(self, query: Select[Any], page: Page) -> Select[Any]:
        """Return the query cut to one page. Raises Invalid for a cursor of another list."""
        if page.cursor:
            query = query.where(self._behind(decode(self.name, page.cursor, [column.type for column in self.columns])))
        order = (column.expression.desc() if column.descending else column.expression for column in self.columns)
        return query.order_by(*order).limit(page.limit)

    def cursor(self, record: Row) -> str:
        """Return the cursor of the page behind this record."""
        return encode(self.name, self.key(record))

    def _behind(self, key: Key) -> ColumnElement[bool]:
        """Return the lexicographic comparison, spelled out because row values cannot mix directions."""
        pairs = list(zip(self.columns, key, strict=True))
        behind = or_(
            *(
                and_(*(before.equals(same) for before, same in pairs[:depth]), column.follows(value))
                for depth, (column, value) in enumerate(pairs)
            )
        )
        first, value = pairs[0]
        return and_(first.reaches(value), behind)  # the bound by which an index finds the begin of the page


def encode(name: str, key: Sequence[int | str]) -> str:
    """Return the opaque cursor of a sort key of the list `name`."""
    text = json.dumps([name, *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(name: str, cursor: str, types: Sequence[type[int | str]]) -> tuple[Any, ...]:
    """Return the sort key of a cursor. Raises Invalid unless `encode` made it for the list `name`."""
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _invalid(name) from error
    if not isinstance(found, list) or len(found) != len(types) + 1 or found[0] != name:
        raise _invalid(name)
    if not all(_valid(value, wanted) for value, wanted in zip(found[1:], types, strict=True)):
        raise _invalid(name)
    return tuple(found[1:])


def part(
    name: str, rows: Iterable[Row], page: Page, *, key: Callable[[Row], Key], types: Sequence[type[int | str]]
) -> list[Row]:
    """Return one page of rows held in memory, sorted by `key`, a unique key. Raises Invalid as `decode`."""
    behind = decode(name, page.cursor, types) if page.cursor else None
    found = sorted((row for row in rows if behind is None or key(row) > behind), key=key)
    return found[: page.limit]


def _valid(value: object, wanted: type[int | str]) -> bool:
    """Return whether every database accepts the value as a parameter."""
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and -_INTEGER_MAX <= value <= _INTEGER_MAX
    return isinstance(value, str) and not any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in value)


def _invalid(name: str) -> Invalid:
    return Invalid.in_both(
        {
            "cursor": (
                f"not a cursor of the list {name!r}; use `next` of the page before",
                "翻页位置无效，请从第一页重新载入",
            )
        }
    )

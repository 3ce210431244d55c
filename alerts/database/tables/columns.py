"""Metadata and text columns of every table of the alert database."""

from __future__ import annotations

from sqlalchemy import MetaData, String, Text
from sqlalchemy.types import TypeEngine

metadata = MetaData()


def text(length: int) -> TypeEngine[str]:
    """Return the type of a text column without a limit on PostgreSQL.

    SQLite declares the length and does not enforce it. On PostgreSQL an overlong name must not refuse an alarm.
    """
    return Text().with_variant(String(length), "sqlite")

"""Decoder of some fields of a JSON column, without building the rest of its value."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Text, cast

from .engine import readable_json

T = TypeVar("T")


class JsonPart(Generic[T]):
    """Decodes the fields of a dataclass from the JSON text of a column."""

    def __init__(self, wanted: type[T]) -> None:
        self._wanted, self._decoder = wanted, msgspec.json.Decoder(wanted, strict=False)

    def decode(self, content: str) -> T:
        """Return the fields in a JSON text."""
        try:
            return self._decoder.decode(content)
        except msgspec.DecodeError:  # a surrogate of an earlier version
            return msgspec.convert(readable_json(content), self._wanted, strict=False)


def json_text(column: ColumnElement[object]) -> ColumnElement[str]:
    """Return the text of a JSON column as it is stored."""
    return cast(column, Text)

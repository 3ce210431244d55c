"""Exceptions of the ingest package.

IngestError
├── BlockError      a stored column block is damaged or of an unknown version
├── CatalogFull     a bound of the catalogue was reached
├── TableError      a LoRaWAN table cannot be used; errors has one line for each mistake
├── SentinelError   the table of sentinels cannot be used; errors has one line for each mistake
├── RetentionError  a retention table cannot be used; errors has one line for each mistake
├── HoldError       a legal hold cannot be made or released
└── StoreError      the time-series store rejected a request (retry: whether to repeat it)
"""

from __future__ import annotations


class IngestError(Exception):
    """Base of all errors of this package."""


class BlockError(IngestError):
    """A column block cannot be decoded."""


class CatalogFull(IngestError):  # noqa: N818 - names the state, as BrokenPipe does
    """No further sensor or metric can be registered.

    what: "sensors" or "metrics"; limit: the bound; of: the bounded part of them, or "".
    """

    def __init__(self, what: str, limit: int, of: str = "") -> None:
        super().__init__(f"the catalogue is full: it has its limit of {limit} {of or what}")
        self.what = what
        self.limit = limit


class TableError(IngestError):
    """A table of LoRaWAN profiles is wrong. errors: one sentence each."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class SentinelError(IngestError):
    """The table of sentinels is wrong. errors: one sentence each."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class RetentionError(IngestError):
    """A retention table is wrong. errors: one sentence each."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class HoldError(IngestError):
    """A legal hold cannot be made, found or released."""


class StoreError(IngestError):
    """The store failed to write or read. retry: whether a repeated request may succeed."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry

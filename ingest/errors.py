"""What can go wrong between a sensor's bytes and the log.

IngestError
├── BlockError      a stored column block is torn or of an unknown version
├── CatalogFull     a bound of the catalogue was reached
├── TableError      a LoRaWAN table cannot be used; errors has one line for each mistake
├── RetentionError  a retention table cannot be used; errors has one line for each mistake
├── HoldError       a legal hold cannot be made or released
└── StoreError      the time-series store refused (retry tells whether another try makes sense)
"""

from __future__ import annotations


class IngestError(Exception):
    """Base of all errors of this package."""


class BlockError(IngestError):
    """A column block cannot be read back."""


class CatalogFull(IngestError):  # noqa: N818 - names the state, as BrokenPipe does
    """No further sensor or metric can be registered.

    what: "sensors" or "metrics"; limit: the bound that acted; of: what it bounds, where that is a part of them.
    """

    def __init__(self, what: str, limit: int, of: str = "") -> None:
        super().__init__(f"the catalogue holds its limit of {limit} {of or what}")
        self.what = what
        self.limit = limit


class TableError(IngestError):
    """A table of LoRaWAN profiles is wrong. errors: one sentence each."""

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
    """The store did not take or give readings; retry says whether another try may help."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry

"""Protocol of the tables that store the durable facts of a batch."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, TypeVar

from ingest import Fact
from twinward.log.entries import Database

FactT_contra = TypeVar("FactT_contra", bound=Fact, contravariant=True)


class FactTable(Protocol[FactT_contra]):
    """Tables of one fact type in the telemetry log.

    `put` runs inside the transaction of the batch, with one instance of the fact type that is not empty. It executes
    single statements and never commits. `load` returns the stored state, and is the input of the part of ingest that
    collects the fact.
    """

    fact: ClassVar[type[Any]]
    schema: ClassVar[str]
    """The tables of schema version 1, each with IF NOT EXISTS. A later change is a migration of the telemetry log."""

    def put(self, db: Database, seq: int, fact: FactT_contra, /) -> None:
        """Store the fact of the batch whose last entry is `seq`."""

    def load(self, db: Database, /) -> Any:
        """Return the stored state."""

"""Sealed batch: rows and durable facts that one transaction makes durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .telemetry import TelemetryBatch


class Fact(Protocol):
    """State that becomes durable with a batch, such as message keys or account counts.

    A fact is defined beside the part of ingest that collects it. It is immutable, and every field has an empty default.
    It depends on no storage: the log has one table class for each fact type.
    """

    def __bool__(self) -> bool:
        """Return True when there is anything to store."""


FactT = TypeVar("FactT", bound=Fact)


@dataclass(frozen=True, slots=True, eq=False)
class Sealed:
    """A closed batch. No message of it is acknowledged before the log has stored it.

    batch: may be empty, as for a batch of duplicates; facts: at most one of each type; urgent: mask of the rows that go
    first, shape (n,), or empty for none.
    """

    batch: TelemetryBatch
    facts: Sequence[Fact] = ()
    urgent: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def of(self, kind: type[FactT]) -> FactT:
        """Return the fact of that type, or an empty one."""
        return next((fact for fact in self.facts if isinstance(fact, kind)), kind())

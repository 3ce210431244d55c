"""Pending state between reception and durability: the batch at the sink, its messages, its failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.frame import Frame
from ingest.sealed import Sealed


class Sink(Protocol):
    """Makes a sealed batch durable before it returns; after any exception the batch is retried."""

    def __call__(self, sealed: Sealed, /) -> object:
        """Store it in one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Messages that were received together and are not yet durable. number: grows by one with each chunk.

    known: the second session received them first.
    """

    number: int
    frames: Sequence[Frame]
    arrival_ns: int
    known: bool


@dataclass(frozen=True, slots=True)
class Failing:
    """Failure of the sink. since_s: monotonic seconds. error: None while the sink has not returned."""

    since_s: float
    error: Exception | None


@dataclass(slots=True)
class Pending:
    """A sealed batch that is not yet durable, and the right to acknowledge its messages once it is."""

    sealed: Sealed | None
    packet_ids: list[int]
    generation: int
    chunks: list[Chunk]
    since_s: float = 0.0
    error: Exception | None = None
    retry_s: float = 0.0
    wait_s: float = 0.0

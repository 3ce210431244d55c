"""Delivery channels in memory, for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from alerts import Notice, Receipt


@dataclass
class Sink:
    """A channel that stores its notices and returns scripted receipts."""

    name: str
    for_programs: bool = False
    answer: Callable[[Notice], Receipt] = lambda _: Receipt(delivered=True)
    got: list[Notice] = field(default_factory=list)

    def deliver(self, notice: Notice) -> Receipt:
        """Store the notice and return the scripted receipt."""
        self.got.append(notice)
        return self.answer(notice)

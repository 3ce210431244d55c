"""Protocol of a delivery channel to people or programs."""

from __future__ import annotations

from typing import Protocol

from alerts.model import Notice, Receipt


class Channel(Protocol):
    """One delivery channel.

    Invariants of every implementation: `deliver` never raises and ends within its time limit. The receipt states
    success and, after a failure, whether a retry may succeed. The message has the notice's id if its format permits.
    """

    name: str
    for_programs: bool
    """True: receives every event; False: receives only pages."""

    def deliver(self, notice: Notice) -> Receipt:
        """Attempt the delivery once."""
        ...

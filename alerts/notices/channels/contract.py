"""Protocol of a delivery channel to people or programs."""

from __future__ import annotations

from typing import Protocol

from alerts.model import Notice, Receipt


class Channel(Protocol):
    """One delivery channel.

    Must hold for every implementation: `deliver` never raises; it says whether the message arrived and, if not, whether
    another try may help; it ends within its time limit; the notice's id goes with the message where the wire allows.
    """

    name: str
    for_programs: bool
    """True: receives every event; False: receives only pages."""

    def deliver(self, notice: Notice) -> Receipt:
        """Attempt the delivery once."""
        ...

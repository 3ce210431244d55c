"""Owner of a log on NATS without PostgreSQL: one installation, which no other one replaces."""

from __future__ import annotations


class SoleOwner:
    """The only node that writes a log. Each start takes a new epoch, so a process of an earlier start is refused."""

    shared = False

    def __init__(self, node: str) -> None:
        self.node, self.lost = node, ""
        self._epochs: dict[str, int] = {}

    def holds(self) -> bool:
        """Return True: no other node replaces this one."""
        return True

    def epoch(self, role: str, present: int) -> int:
        """Return the epoch of a role; at the first call the one after the present epoch of the stream."""
        return self._epochs.setdefault(role, present + 1)

    def start(self) -> None:
        """Do nothing: there is no lease to renew."""

    def close(self) -> None:
        """Do nothing: the node keeps its log."""

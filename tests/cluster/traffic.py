"""Nodes of a run with continuous readings and alarms, from the start to the check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.processes import until
from tests.processes.numbered import Sender
from tests.processes.sink import Sink

from .history import History
from .nodes import Cluster, Node

RATE, SENSORS = 200, 10


class Run:
    """Nodes with readings: the first owns the log, the others wait."""

    def __init__(self, cluster: Cluster, sink: Sink, notify: str, folder: Path, *, nodes: int = 2) -> None:
        self.cluster = cluster
        self.first, self.second, *others = (cluster.add(name, extra=notify) for name in "abcdefgh"[:nodes])
        self.first.start()
        until(self.first.service.ready, timeout_s=180, what="ready")
        for node in (self.second, *others):
            node.start()
            until(lambda node=node: "standby: " in node.output(), timeout_s=60, what="a standby")
        self.history = History(cluster, sink)
        plan: dict[str, Any] = {"rate": RATE, "count": 10**9, "sensors": SENSORS}
        self.sender = Sender(cluster.broker.url, folder, **plan)
        until(lambda: len(self.sender.acked()) > RATE, timeout_s=30, what="readings")

    def alarm(self, *, timeout_s: float = 60) -> str:
        """Raise an alarm and wait for its page; return its place."""
        place = self.history.raise_alarm()
        self.paged(place, timeout_s=timeout_s)
        return place

    def paged(self, place: str, *, timeout_s: float = 60) -> None:
        """Wait for the page of an alarm, and note its delay."""
        until(lambda: place in self.history.pages(), timeout_s=timeout_s, what=f"a page of {place}")
        self.history.note(f"page of {place} after {self.history.pages()[place][0]:.1f} s")

    def takeover(self) -> str:
        """Raise an alarm during the fault of the first node; wait until the second owns the log and has paged it."""
        place = self.history.raise_alarm()
        self.owned_by(self.second)
        self.paged(place)
        return place

    def owned_by(self, node: Node, *, timeout_s: float = 60) -> None:
        """Wait until the node has the role."""
        until(lambda: self.cluster.owner() is node, timeout_s=timeout_s, what=f"owner {node.name}")

    def settled(self) -> list[str]:
        """End the readings, wait until all are in the log, verify both chains, and return the faults."""
        self.sender.end_early()
        self.sender.finish()
        acked = self.sender.acked()
        until(lambda: not len(np.setdiff1d(acked, self.history.logged())), timeout_s=60, what="all readings", every_s=1)
        tickets = self.history.tickets
        until(lambda: set(self.history.raised) <= set(tickets()), timeout_s=60, what="tickets")
        nodes = self.cluster.nodes
        found = self.history.faults(acked)
        found += [
            f"the process of {node.name} has ended"
            for node in nodes
            if node.process and node.process.poll() is not None
        ]
        reports = {chain: nodes[0].service.verify(chain) for chain in ("log", "audit")}
        return found + [f"verify {chain}: {report}" for chain, report in reports.items() if report[0] != 0]

    def close(self) -> None:
        """Stop readings and observation, and print the history, which pytest shows when the test fails."""
        self.sender.close()
        self.history.close()
        print(self.history.text())  # noqa: T201 - see the docstring
        for node in self.cluster.nodes:
            print(f"--- {node.name}\n{node.output()}")  # noqa: T201 - as above

"""Random faults of nodes, server and broker, one at a time, from a seed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from .history import History
from .nodes import Cluster, Node

PAUSE_S = (1.0, 12.0)
"""Bounds of a fault's duration: below and beyond the lease of 5 s."""
REST_S = (2.0, 6.0)
READY_S = 90.0


class Faults:
    """Applies faults and records them. Every fault ends before the next one begins."""

    def __init__(self, cluster: Cluster, history: History, rng: random.Random) -> None:
        self._cluster, self._history, self._rng = cluster, history, rng
        self.takeovers_s: list[float] = []
        """Seconds from the fault of an owner to the next epoch, by another node."""
        self._kinds: tuple[Callable[[], None], ...] = (
            self._kill,
            self._pause,
            self._cut,
            self._drop,
            self._freeze,
            self._restart_server,
            self._restart_broker,
        )

    def run(self, number: int) -> None:
        """Apply a number of faults: every kind once in each round, in random order, with alarms before and within."""
        kinds: list[Callable[[], None]] = []
        for _ in range(number):
            kinds = kinds or self._rng.sample(self._kinds, len(self._kinds))
            self._history.raise_alarm()
            kinds.pop()()
            self._rest()

    def _kill(self) -> None:
        node = self._node()
        self._note(f"kill {node.name}")
        was_owner, begun_s = self._cluster.owner() is node, time.monotonic()
        node.kill()
        self._within()
        if was_owner and self._rng.random() < 0.5:  # else the same node takes its roles again
            self._taken_from(node, begun_s)
        self._note(f"start {node.name}")
        node.start()

    def _pause(self) -> None:
        node = self._node()
        was_owner, begun_s = self._cluster.owner() is node, time.monotonic()
        self._note(f"pause {node.name}")
        node.pause()
        self._within()
        if was_owner and self._rng.random() < 0.5:
            self._taken_from(node, begun_s)
        self._note(f"resume {node.name}")
        node.resume()

    def _cut(self) -> None:
        node = self._node()
        was_owner, begun_s = self._cluster.owner() is node, time.monotonic()
        self._note(f"cut {node.name} from the server")
        node.cable.cut()
        self._within()
        if was_owner and self._rng.random() < 0.5:
            self._taken_from(node, begun_s)
        if self._rng.random() < 0.5:
            node.cable.drop()  # the bytes in the cable are lost
        self._note(f"mend {node.name}")
        node.cable.mend()

    def _drop(self) -> None:
        node = self._node()
        self._note(f"end the connections of {node.name}")
        node.cable.drop()

    def _freeze(self) -> None:
        self._note("freeze the server")
        self._cluster.server.freeze()
        self._within()
        self._note("thaw the server")
        self._cluster.server.thaw()

    def _restart_server(self) -> None:
        self._note("stop the server")
        self._cluster.server.stop()
        self._within()
        self._note("start the server")
        self._cluster.server.start()

    def _restart_broker(self) -> None:
        self._note("stop the broker")
        self._cluster.broker.stop()
        time.sleep(self._rng.uniform(0, 3))
        self._note("start the broker")
        self._cluster.broker.start()

    def _node(self) -> Node:
        """Return the owner in two of three cases, else any node."""
        owner = self._cluster.owner()
        return owner if owner is not None and self._rng.random() < 2 / 3 else self._rng.choice(self._cluster.nodes)

    def _within(self) -> None:
        """Wait for the duration of a fault, with an alarm at a random moment."""
        duration_s = self._rng.uniform(*PAUSE_S)
        before_s = self._rng.uniform(0, duration_s)
        time.sleep(before_s)
        self._history.raise_alarm()
        time.sleep(duration_s - before_s)

    def _taken_from(self, node: Node, begun_s: float) -> None:
        deadline_s = begun_s + READY_S
        while self._cluster.owner() in {node, None} or self._history.last_epoch_s() < begun_s:
            assert time.monotonic() < deadline_s, f"no other node takes over from {node.name}"
            time.sleep(0.1)
        taken_s = self._history.last_epoch_s() - begun_s
        self.takeovers_s.append(taken_s)
        self._note(f"taken over after {taken_s:.1f} s")

    def _rest(self) -> None:
        """Wait until a node owns the log and answers, so that faults do not add up; then a random time."""
        deadline_s = time.monotonic() + READY_S
        while not ((owner := self._cluster.owner()) is not None and owner.parts().get("parts", {}).get("log")):
            assert time.monotonic() < deadline_s, "no node owns the log"
            time.sleep(0.2)
        time.sleep(self._rng.uniform(*REST_S))

    def _note(self, event: str) -> None:
        self._history.note(event)

"""Routes of batches to the detectors that they concern, by metric and by due time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

from .views import BatchView, Part, Table

FAR = 2**63 - 1
PLANS_MAX = 4_096
"""Combinations of metrics in a batch whose routes are remembered."""


FoundT = TypeVar("FoundT")


class Routed(Protocol[FoundT]):
    """Part of a detector that decides which batches it must see; see `makers.RuleDetector`."""

    timed: bool
    beside: tuple[str, ...]

    @property
    def due_ns(self) -> int: ...  # noqa: D102 - see makers.RuleDetector

    def update(self, view: BatchView, part: Part | None) -> list[FoundT]: ...  # noqa: D102


@runtime_checkable
class Selective(Protocol):
    """Detector that selects readings by more than the metrics of its table.

    A batch without a metric that it takes, and before its due time, must not change it.
    """

    def takes(self, metric: int) -> bool:
        """Return whether it must see batches with this code among the metrics of their view."""
        ...


class Route(Generic[FoundT]):
    """A detector with the table of its series. due_ns: time from which it must see every batch, FAR without one."""

    __slots__ = ("detector", "due_ns", "number", "table", "tabled", "update")

    def __init__(self, number: int, table: Table, detector: Routed[FoundT]) -> None:
        self.number, self.table, self.detector = number, table, detector
        self.tabled = bool(table.metrics)
        self.update: Callable[[BatchView, Part | None], list[FoundT]] = detector.update
        self.due_ns = FAR

    @property
    def call(self) -> Call[FoundT]:
        """Number, update, table unless it has no metrics, and the route itself if the detector is timed."""
        return self.number, self.update, self.table if self.tabled else None, self if self.detector.timed else None

    def concerned(self, view: BatchView) -> bool:
        """Return whether the batch has rows for the detector."""
        codes = [view.fleet.metric_code(name) for name in (*self.table.metrics, *self.detector.beside)]
        return any(code in view.metrics for code in codes) or (
            isinstance(self.detector, Selective) and any(map(self.detector.takes, view.metrics))
        )


Call = tuple[int, Callable[[BatchView, Part | None], list[FoundT]], Table | None, Route[FoundT] | None]
"""Route in the order of its use: a loop over readings alone spends its time on attributes."""


class Routes(Generic[FoundT]):
    """Detectors in order, and those of each combination of metrics. A batch of one reading concerns few of them."""

    def __init__(self, ends: Sequence[tuple[Table, Routed[FoundT]]]) -> None:
        self._routes = [Route(number, table, detector) for number, (table, detector) in enumerate(ends)]
        self._timed = [route for route in self._routes if route.detector.timed]
        self._plans: dict[tuple[int, ...], tuple[list[Call[FoundT]], list[tuple[Route[FoundT], bool]]]] = {}
        self.due_ns = FAR
        self.refresh()

    def refresh(self) -> None:
        """Read the due times of all detectors; needed after any change but `update`."""
        for route in self._timed:
            route.due_ns = route.detector.due_ns
        self.due_ns = min((route.due_ns for route in self._timed), default=FAR)

    def update(self, view: BatchView) -> list[tuple[int, list[FoundT]]]:
        """Return the numbers of the detectors with detections, in order, and their detections."""
        plan = self._plans.get(view.metrics) or self._planned(view)
        found: list[tuple[int, list[FoundT]]] = []
        moved = False
        if self.due_ns > view.clock_ns:
            for number, update, table, timed in plan[0]:
                one = update(view, None if table is None else view.part(table))
                if one:
                    found.append((number, one))
                if timed is not None and timed.detector.due_ns != timed.due_ns:
                    moved = True
        else:
            moved = True
            for route, concerned in plan[1]:
                if concerned or route.due_ns <= view.clock_ns:
                    one = route.update(view, view.part(route.table) if concerned and route.tabled else None)
                    if one:
                        found.append((route.number, one))
        if moved:
            self.refresh()
        return found

    def _planned(self, view: BatchView) -> tuple[list[Call[FoundT]], list[tuple[Route[FoundT], bool]]]:
        """Return the routes with rows in batches of these metrics, and all that such batches may change."""
        for route in self._routes:
            route.table.resolve(view.fleet)  # a rule may end a state without a reading since the start
        if len(self._plans) >= PLANS_MAX:
            self._plans.clear()
        marked = [(route, route.concerned(view)) for route in self._routes]
        plan = (
            [route.call for route, concerned in marked if concerned],
            [(route, concerned) for route, concerned in marked if concerned or route.detector.timed],
        )
        self._plans[view.metrics] = plan
        return plan

"""Guard around the detector of a plug-in: its errors and impossible results reach no other rule."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from detectors.detection import HAZARDS
from detectors.errors import StateError
from detectors.recipes.kinds import Rule
from detectors.rule_detection import RuleDetection
from detectors.series.routes import Selective
from detectors.series.views import BatchView, Fleet, Part

FAR = 2**63 - 1
LEVEL_MAX = 3

log = logging.getLogger(__name__)


class GuardedDetector:
    """Detector of a plug-in. After an error it detects nothing more until the next start; `failure` has the error.

    A detection is an error with a row, sensor, metric, level or hazard that does not exist, or facts that are no data.
    """

    def __init__(self, rule: Rule, detector: Any) -> None:
        self._rule, self._inner = rule, detector
        self.failure = ""
        self.timed, self.beside = bool(detector.timed), tuple(detector.beside)

    @property
    def due_ns(self) -> int:
        """Event time from which the detector must see a batch without rows of its metrics."""
        return FAR if self.failure else int(self._inner.due_ns)

    @property
    def rule(self) -> Rule:
        """Settings of the rule in the recipe."""
        return self._rule

    def takes(self, metric: int) -> bool:
        """Return whether the plug-in must see batches with this code among their metrics."""
        return isinstance(self._inner, Selective) and bool(self._inner.takes(metric))

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of a batch, none after an error."""
        if self.failure:
            return []
        try:
            found = list(self._inner.update(view, part))
            _check(found, view)
        except Exception as error:  # noqa: BLE001 - one plug-in must not stop the rules of the package
            self._fail(error)
            return []
        return found

    def sync(self, fleet: Fleet) -> None:
        """Read the facts of sensors that are new or changed."""
        if self.failure:
            return
        try:
            self._inner.sync(fleet)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return tuple(self._inner.inputs())

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot; after an error that error alone."""
        if self.failure:
            return {"failure": self.failure}
        try:
            return {"state": self._inner.dump()}
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
            return {"failure": self.failure}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot. A failed detector starts again without state."""
        if "state" not in state:
            return
        try:
            self._inner.load(state["state"])
        except Exception as error:
            raise StateError(f"plug-in rule {self._rule.name}: {error!r}") from error

    def _fail(self, error: Exception) -> None:
        self.failure = repr(error)
        log.error("plug-in rule %s stopped: %r", self._rule.name, error)


def _check(found: list[RuleDetection], view: BatchView) -> None:
    """Raise for detections that no batch can hold."""
    for one in found:
        if not 0 <= one.row < len(view.batch) or not 0 <= one.level <= LEVEL_MAX or one.hazard not in HAZARDS:
            text = f"row {one.row}, level {one.level}, hazard {one.hazard!r}"
            raise ValueError(f"{text}: allowed are a row of the batch, 0 to {LEVEL_MAX} and a hazard kind")
        view.fleet[one.sensor]
        view.fleet.metric_of(one.metric)
        msgspec.msgpack.encode((dict(one.facts), one.dims, one.text, one.clears, one.first_ns, one.last_ns))

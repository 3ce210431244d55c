"""The rule that tells which sensors have fallen silent: their state is unknown, and that is a state of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingest import METRIC_BY_NAME, SERVICE_SITE, Quality

from .findings import Entry, Finding, entries
from .kernels.emission import NONE, empty
from .kernels.silence import CLOCK, DUE, FAR, REGISTERS, TICKING, listen
from .level_judge import SECOND_NS, applies
from .rules import Silence
from .series import Fleet, Frame, Part
from .state import Columns

ONLINE = METRIC_BY_NAME["online"].code
TICK = METRIC_BY_NAME["tick"].code


class SilenceJudge:
    """One silence rule over all sensors that were ever heard."""

    def __init__(self, rule: Silence) -> None:
        self.rule = rule
        self._ladder = np.array([int(s * SECOND_NS) for s in rule.after_s], np.int64)
        self._register = np.full(REGISTERS, NONE, np.int64)
        self._register[[CLOCK, TICKING]] = 0
        self._register[DUE] = FAR
        self._sensors = Columns(
            {
                "heard": (np.int64, 1, NONE),
                "at": (np.int64, 1, NONE),
                "step": (np.int64, 1, 0),
                "limit": (np.int64, 1, FAR),
            }
        )
        self._seen_version = -1

    def judge(self, frame: Frame, part: Part | None) -> list[Finding]:
        """Who fell silent or came back; every reading counts as a sign of life, whatever its quality."""
        del part
        self._sensors.grow(len(frame.fleet))
        self._refresh(frame.fleet)
        batch, own = frame.batch, self._sensors
        gone = (batch.metric == ONLINE) & (batch.value == 0) & (batch.quality != Quality.TEST)
        found, values, count = listen(
            batch.sensor, batch.arrival_ns, batch.metric == TICK, gone, own["limit"], self._ladder,
            int(self.rule.downtime_s * SECOND_NS), self._register, own["heard"], own["at"], own["step"], *empty(),
        )  # fmt: skip
        return [self._finding(entry) for entry in entries(found, values, count)] if count else []

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        return {"register": self._register.tolist(), "sensors": self._sensors.dump()}

    def load(self, state: dict[str, Any]) -> None:
        """Take a snapshot's state."""
        self._register[:] = state["register"]
        self._sensors.load(state["sensors"])

    def _refresh(self, fleet: Fleet) -> None:
        if self._seen_version == fleet.version:
            return
        limit, heard = self._sensors["limit"], self._sensors["heard"]
        for code in np.flatnonzero(fleet.stamp > self._seen_version).tolist():
            period_s = fleet[code].period_s
            watched = fleet[code].site != SERVICE_SITE and applies(self.rule, fleet, code)
            span_s = self.rule.periods * period_s if period_s > 0 else self.rule.unknown_s
            before, limit[code] = limit[code], int(span_s * SECOND_NS) if watched else FAR
            if limit[code] < before and heard[code] != NONE:  # due earlier than was reckoned with
                self._register[DUE] = min(self._register[DUE], self._register[CLOCK])
        self._seen_version = fleet.version

    def _finding(self, entry: Entry) -> Finding:
        told = entry.first_ns == entry.last_ns and entry.phase == 0
        limit_s = float(self._sensors["limit"][entry.slot]) / SECOND_NS + self.rule.after_s[entry.step]
        return Finding(
            entry.row, entry.slot, ONLINE, entry.lane, entry.phase, self.rule.levels[entry.step],
            entry.first_ns, entry.last_ns, self.rule, "silence",
            value=0.0 if told else (entry.last_ns - entry.first_ns) / 1e9, limit=limit_s, window_s=limit_s,
        )  # fmt: skip

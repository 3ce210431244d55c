"""Retention of both logs: by age and size, never beyond the readers and the evidence of open alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import Priority, Store
from twinward.log import DetectionLog, TelemetryLog
from twinward.log.anchors import BYTES_SHARE
from twinward.settings import LogSettings

from .lane import DAY_NS, DETECTION_STAGES

if TYPE_CHECKING:  # loaded with the alert stages
    from alerts import AlertDispatch

MARGIN_NS = 3_600_000_000_000
"""A detection is written at most so long before its decision, by a clock that steps back."""
NO_BOUND = 2**63 - 1


class LogRetention:
    """Drops old entries of both logs that every stage has processed."""

    def __init__(
        self,
        log: TelemetryLog,
        detections: DetectionLog,
        settings: LogSettings,
        *,
        store: Store,
        dispatch: AlertDispatch,
    ) -> None:
        self._log, self._detections, self._settings = log, detections, settings
        self._store, self._dispatch = store, dispatch

    def retain(self, now_ns: int) -> None:
        """Drop entries beyond the age and size of the settings. Raises StoreError while the store does not answer."""
        before_ns = now_ns - int(self._settings.keep_days * DAY_NS)
        bytes_max = self._settings.keep_mb * 1_000_000
        saved = [self._detections.latest_snapshot(stage) for stage in DETECTION_STAGES]
        scored = min(snapshot[0] if snapshot else 0 for snapshot in saved)
        from alerts.evidence import Evidence  # with the alert database

        needed_ns = Evidence(self._dispatch.engine).oldest_paged_ns()
        up_to = min(self._store.cursor(), scored, self._evidence(needed_ns))
        self._log.retain(before_ns=before_ns, up_to=up_to, bytes_max=bytes_max)
        applied = min(self._applied(lane) for lane in Priority)
        if needed_ns is not None:
            applied = min(applied, self._detections.before(needed_ns - MARGIN_NS))
        self._detections.retain(before_ns=before_ns, up_to=applied, bytes_max=bytes_max)
        self._detections.anchors.retain(
            first=self._log.first(), needed_ns=needed_ns, bytes_max=bytes_max // BYTES_SHARE
        )

    def _evidence(self, needed_ns: int | None) -> int:
        """Return the telemetry position before the evidence of the oldest open alarm: the lowest of its anchors."""
        if needed_ns is None:
            return NO_BOUND
        found = [
            [one for one in self._detections.anchors.of(stage) if one.made_ns < needed_ns] for stage in DETECTION_STAGES
        ]
        return min((anchors[-1].source for anchors in found if anchors), default=0)

    def _applied(self, lane: Priority) -> int:
        """Return the position up to which the database contains every detection of the lane."""
        head, cursor = self._detections.head(), self._dispatch.cursor(lane)
        return cursor if self._detections.lane(lane).head() > cursor else head

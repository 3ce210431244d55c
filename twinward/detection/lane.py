"""Input and detectors of one detection stage, and the anchors of its state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from detectors import DetectionBatch, ServiceClock, ticks
from ingest import Priority, TelemetryBatch, concat
from twinward.clock import Clock
from twinward.log import DetectionLog, Entry

if TYPE_CHECKING:  # loaded only by the processes that use them
    from detectors import DetectorSet
    from twinward.heads.sheet_folder import SheetFolder
    from twinward.pump import Source

DETECT, DETECT_URGENT, DETECT_OFFLINE = "detect", "detect_urgent", "detect_offline"
DETECT_FUSION = "detect_fusion"
DETECTION_STAGES = (DETECT_URGENT, DETECT, DETECT_OFFLINE, DETECT_FUSION)
"""Detection stages: urgent readings, ordinary readings, offline sensors and fusion (both over all readings)."""
LAG_BYTES = 8
DAY_NS = 86_400_000_000_000


class DetectionLane:
    """Input and detectors of one detection stage, without the loop: shared by the durable stage and degraded mode.

    `detect_urgent` scores the urgent entries. `detect` scores the ordinary entries. `detect_offline` runs the silence
    rules over all entries. The last two run on the service clock of ordinary readings (`ServiceClock`): `detect`
    receives the clock readings out of the urgent entries, `detect_offline` every reading. `detect_fusion` runs the
    fusion rules over all entries as they are; its detections go into the urgent lane.
    """

    def __init__(
        self,
        name: str,
        source: Source[Entry],
        make: Callable[[], DetectorSet],
        sheets: SheetFolder | None = None,
        *,
        setting: Callable[[DetectorSet], tuple[str, bytes]] | None = None,
        edits: Callable[[], int] = lambda: 0,
    ) -> None:
        """name: key of the saved state; source: entries to score; make: returns detectors without state.

        sheets: decides which rules page; without it, the packaged sheets. setting: returns digest and body of the
        configuration; without it, the stage keeps no anchors. edits: returns the number of edits of the recipe.
        """
        self._edits, self._edit = edits, -1
        self.name, self.source = name, source
        self._sheets, self._qualified_ns, self.setting = sheets, -1, setting
        self.priority = Priority.URGENT if name in {DETECT_URGENT, DETECT_FUSION} else Priority.ORDINARY
        self._make = make
        self._detector: DetectorSet
        self._clock = ServiceClock()

    def restore(self, detections: DetectionLog) -> int:
        """Return the position of the newest snapshot after restoring it, or 0 if none can be read.

        At 0 the detectors score the kept log again. A rule that is new or changed since the snapshot has no state; it
        scores from the snapshot's position on. Blocks while the kernels load.
        """
        saved = detections.latest_snapshot(self.name)
        if saved is not None:
            with contextlib.suppress(ValueError):
                self.load(saved[1])
                return saved[0]
        self.reset()
        return 0

    def reset(self) -> None:
        """Replace the detectors by new ones without state."""
        self._edit = self._edits()
        self._detector = self._make()
        self._clock = ServiceClock()
        self._detector.sync()
        self._qualified_ns = -1
        self.qualify()

    def follow_edits(self) -> bool:
        """Apply an edit of the recipe and changed sheets; return whether there was one.

        Rules that the edit does not touch keep their state; new and changed ones start without.
        """
        if self._edits() == self._edit:
            return self.qualify()
        self.load(self.snapshot())
        return True

    def qualify(self) -> bool:
        """Read the sheets again if they changed; return whether they did. The state of the rules stays."""
        if self._sheets is None:
            return False
        changed_ns = self._sheets.changed_ns()
        if changed_ns == self._qualified_ns:
            return False
        self._qualified_ns = changed_ns
        self._detector.qualify(self._sheets.gate())
        return True

    @property
    def detector(self) -> DetectorSet:
        """The detectors of this lane."""
        return self._detector

    @property
    def fresh_rules(self) -> tuple[str, ...]:
        """Names of the rules that were restored without state."""
        return self._detector.fresh_rules

    def snapshot(self, *, without: Collection[str] = ()) -> bytes:
        """Return the state of the detectors and of their clock; see `DetectorSet.snapshot`."""
        return self._clock.lag_ns.to_bytes(LAG_BYTES, "big") + self._detector.snapshot(without=without)

    def load(self, state: bytes) -> None:
        """Restore the bytes of `snapshot`. Raises ValueError for damaged ones."""
        self._edit = self._edits()
        self._detector = self._make()
        self._detector.restore(state[LAG_BYTES:])
        self._detector.sync()
        self._qualified_ns = -1
        self.qualify()
        self._clock.lag_ns = int.from_bytes(state[:LAG_BYTES], "big")

    def score(self, parts: Sequence[tuple[Priority, TelemetryBatch]]) -> DetectionBatch:
        """Return the detections in batches that follow each other in the log, scored as one."""
        return self._detector.update(concat([self._rows(*part) for part in parts]))

    def _rows(self, priority: Priority, batch: TelemetryBatch) -> TelemetryBatch:
        if self.name == DETECT_FUSION:
            return batch
        if priority is Priority.ORDINARY:
            return batch if self.priority is Priority.ORDINARY else batch.select(slice(0))
        if self.priority is Priority.URGENT:
            return batch
        aligned = self._clock.align(batch)
        return aligned if self.name == DETECT_OFFLINE else ticks(aligned)


class AnchorKeeper:
    """Keeps anchors of one stage: one a day, and one at each change of the configuration or of the state."""

    def __init__(self, lane: DetectionLane, detections: DetectionLog, *, clock: Clock) -> None:
        self._lane, self._detections, self._clock = lane, detections, clock
        self._kept: tuple[str, int] | None = None
        self._newest_ns = 0

    def follow(self, cursor: int, *, since: int, fresh: bool) -> None:
        """Keep the state after `cursor` if it is due; see `Anchor`. fresh: the state does not follow from the last one.

        Without a change, the state continues from the last anchor, also over a restart.
        """
        setting, anchors = self._lane.setting, self._detections.anchors
        now_ns = self._clock()
        if setting is None or (self._kept and not fresh and abs(now_ns - self._newest_ns) < DAY_NS):
            return
        digest, body = setting(self._lane.detector)
        if self._kept is None:
            known = anchors.of(self._lane.name)
            self._kept = (known[-1].configuration, known[-1].source) if known else ("", -1)
            self._newest_ns = known[-1].made_ns if known else 0
        changed = fresh or digest != self._kept[0]
        due = abs(now_ns - self._newest_ns) >= DAY_NS and cursor > self._kept[1]
        if changed or due:
            since = max(since, self._detections.source(self._lane.name)) if changed else cursor
            anchors.add(
                self._lane.name,
                source=cursor,
                since=max(since, cursor),
                made_ns=now_ns,
                configuration=(digest, body),
                state=self._lane.snapshot(),
            )
            self._kept = (digest, cursor)
        if changed or abs(now_ns - self._newest_ns) >= DAY_NS:
            self._newest_ns = now_ns

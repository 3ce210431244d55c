"""Truth: labelled intervals of a scenario, the reference of every score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Truth:
    """One interval of a scenario; times are ms since 1970 UTC.

    kind: fire, cooking, gate_forced, gate_held_open, flood, person_at_water and so on. onset: begin. detectable_from:
    time at which the signal exceeds its noise. harm_at: begin of harm, None for a nuisance. end: return to normal.
    expected_level: 0 information, 1 early, 2 alarm, 3 severe. devices: those with the signal. affected_devices: all
    whose messages differ from a quiet day. drill: an exercise.
    """

    scenario: str
    kind: str
    site: str
    zone: str
    onset_ms: int
    detectable_from_ms: int
    harm_at_ms: int | None
    end_ms: int
    expected_level: int
    must_page: bool
    must_not_page: bool
    devices: tuple[str, ...]
    affected_devices: tuple[str, ...]
    drill: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the interval as in the truth file, times in RFC 3339."""
        return {
            "scenario": self.scenario,
            "kind": self.kind,
            "site": self.site,
            "zone": self.zone,
            "onset": rfc3339(self.onset_ms),
            "detectable_from": rfc3339(self.detectable_from_ms),
            "harm_at": None if self.harm_at_ms is None else rfc3339(self.harm_at_ms),
            "end": rfc3339(self.end_ms),
            "expected_level": self.expected_level,
            "must_page": self.must_page,
            "must_not_page": self.must_not_page,
            "devices": list(self.devices),
            "affected_devices": list(self.affected_devices),
            "drill": self.drill,
        }


def truth_json(truths: Sequence[Truth], *, scenario: str, seed: int, span_ms: tuple[int, int], sensors: int) -> str:
    """Return the text of a truth file: the observed span and the intervals in order of onset."""
    ordered = sorted(truths, key=lambda truth: (truth.onset_ms, truth.kind, truth.devices))
    span = {"begin": rfc3339(span_ms[0]), "end": rfc3339(span_ms[1])}
    content = {"scenario": scenario, "seed": seed, "span": span, "sensors": sensors}
    return json.dumps({**content, "intervals": [t.to_json() for t in ordered]}, ensure_ascii=False, indent=1) + "\n"


def rfc3339(time_ms: int) -> str:
    """Return a UTC time with milliseconds."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Truth windows of a play with their pages and findings.

A page belongs to a window of its own cause if a sensor of its hazard belongs to the window and the page is inside.
Any other page inside a window that must not page, from one of its sensors, counts against that window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alerts import Hazard
from alerts.hazards.findings import sensors_behind
from alerts.risk.causes import causes
from simulators import Truth

from .play import MS_NS, Page, Played

GRACE_MS = 600_000
"""Time after a window that must not page in which a page still counts against it."""
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PlayedWindow:
    """One truth window. found, paged: whether a finding of its kind, a page, belongs to it.

    delay_s: from the time at which it is detectable to the page, without a page to the finding. lead_s: from the page
    to the harm, negative after it. late: paged nobody because the data came late.
    """

    scenario: str
    seed: int
    kind: str
    zone: str
    devices: tuple[str, ...]
    onset_ms: int
    must_page: bool
    must_not_page: bool
    drill: bool
    found: bool
    late: bool
    paged: bool
    pages: int
    delay_s: float | None
    lead_s: float | None

    @property
    def missed(self) -> bool:
        """Return whether it must page and did not."""
        return self.must_page and not self.paged

    @property
    def false(self) -> bool:
        """Return whether it must not page and did."""
        return self.must_not_page and self.paged

    def as_dict(self) -> dict[str, Any]:
        """Return the columns for --json."""
        return asdict(self) | {"missed": self.missed, "false": self.false}


def score_windows(played: Played) -> list[PlayedWindow]:
    """Return a row for each truth window of the play, in order of onset."""
    hazards = {hazard.id: hazard for hazard in played.hazards}
    sensors: dict[str, set[str]] = {hazard: set() for hazard in hazards}
    for finding in played.findings:
        sensors[finding.hazard].add(finding.sensor)
    truths = played.world.truths()
    real = [truth for truth in truths if not truth.must_not_page]
    owned = {page for page in played.pages for truth in real if _belongs(page, truth, hazards, sensors)}
    rest = [page for page in played.pages if page not in owned]
    rows = []
    for truth in truths:
        if truth.must_not_page:
            pages = [page for page in rest if _inside(page, truth, sensors, GRACE_MS)]
        else:
            pages = [page for page in played.pages if _belongs(page, truth, hazards, sensors)]
        rows.append(_row(truth, pages, played, hazards))
    return rows


def summary(windows: Sequence[PlayedWindow]) -> dict[str, Any]:
    """Return the counts of windows and pages, and the quantiles of delay and lead."""
    must, must_not = [w for w in windows if w.must_page], [w for w in windows if w.must_not_page]
    delays = [w.delay_s for w in must if w.paged and w.delay_s is not None]
    leads = [w.lead_s for w in must if w.paged and w.lead_s is not None]
    return {
        "windows": len(windows),
        "must_page": len(must),
        "must_page_paged": sum(w.paged for w in must),
        "must_not_page": len(must_not),
        "must_not_page_paged": sum(w.paged for w in must_not),
        "found": sum(w.found for w in windows),
        "delay_p50_s": _quantile(delays, 0.5),
        "delay_p95_s": _quantile(delays, 0.95),
        "lead_p10_s": _quantile(leads, 0.1),
        "lead_p50_s": _quantile(leads, 0.5),
    }


def _row(truth: Truth, pages: Sequence[Page], played: Played, hazards: Mapping[str, Hazard]) -> PlayedWindow:
    findings = [
        finding
        for finding in played.findings
        if _same_cause(truth, hazards[finding.hazard])
        and not {finding.sensor, *sensors_behind(finding.evidence)}.isdisjoint(truth.affected_devices)
        and finding.drill == truth.drill
        and finding.first_ns // MS_NS <= truth.end_ms + GRACE_MS
        and (finding.cleared_ns is None or finding.cleared_ns // MS_NS >= truth.onset_ms)
    ]
    known_ns = min([page.at_ns for page in pages] or [finding.recorded_ns for finding in findings], default=None)
    delay_s = None if known_ns is None else known_ns / SECOND_NS - truth.detectable_from_ms / 1000
    lead_s = truth.harm_at_ms / 1000 - pages[0].at_ns / SECOND_NS if pages and truth.harm_at_ms is not None else None
    return PlayedWindow(
        scenario=truth.scenario,
        seed=played.world.campus.seed,
        kind=truth.kind,
        zone=truth.zone,
        devices=truth.devices[:3],
        onset_ms=truth.onset_ms,
        must_page=truth.must_page,
        must_not_page=truth.must_not_page,
        drill=truth.drill,
        found=bool(findings),
        late=bool(findings) and all(finding.late for finding in findings),
        paged=bool(pages),
        pages=len(pages),
        delay_s=delay_s,
        lead_s=lead_s,
    )


def _belongs(page: Page, truth: Truth, hazards: Mapping[str, Hazard], sensors: Mapping[str, set[str]]) -> bool:
    return _same_cause(truth, hazards[page.hazard]) and _inside(page, truth, sensors, 0)


def _inside(page: Page, truth: Truth, sensors: Mapping[str, set[str]], grace_ms: int) -> bool:
    within = truth.onset_ms <= page.at_ns // MS_NS <= truth.end_ms + grace_ms
    return within and not sensors[page.hazard].isdisjoint(truth.affected_devices)


def _same_cause(truth: Truth, hazard: Hazard) -> bool:
    """Return whether the hazard is of the window's kind or of another kind of its cause."""
    cause = causes().get(truth.kind)
    return hazard.kind == truth.kind or (cause is not None and cause.name == hazard.cause)


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None

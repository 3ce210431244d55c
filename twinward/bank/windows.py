"""Truth windows of a play with their pages and findings.

A page belongs to a window of its own cause if a sensor of its hazard belongs to the window and the page is inside.
Any other page inside a window that must not page, from one of its sensors, counts against that window. A scenario
without windows is quiet: more than one page a month is false. Pages outside all windows have a row of their own.
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
MONTH_MS = 30 * 86_400_000
"""Time in which a quiet school may have one false page."""

QUIET, OUTSIDE = "quiet", "outside"
"""Kinds of the row of a scenario without windows, and of that of the pages outside all windows."""


@dataclass(frozen=True, slots=True)
class PlayedWindow:
    """One truth window. found, paged: whether a finding of its kind, a page, belongs to it.

    delay_s: from the time at which it is detectable to the page, without a page to the finding. lead_s: from the same
    moment to the harm, negative after it. late: paged nobody because the data came late.
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
    """Return a row for each truth window of the play, in order of onset; then one of the pages outside all of them."""
    hazards = {hazard.id: hazard for hazard in played.hazards}
    sensors: dict[str, set[str]] = {hazard: set() for hazard in hazards}
    for finding in played.findings:
        sensors[finding.hazard].add(finding.sensor)
    truths = played.world.truths()
    real = [truth for truth in truths if not truth.must_not_page]
    owned = {page for page in played.pages for truth in real if _belongs(page, truth, hazards, sensors)}
    rest = [page for page in played.pages if page not in owned]
    rows, counted = [], set(owned)
    for truth in truths:
        if truth.must_not_page:
            pages = [page for page in rest if _inside(page, truth, sensors, GRACE_MS)]
        else:
            pages = [page for page in played.pages if _belongs(page, truth, hazards, sensors)]
        rows.append(_row(truth, pages, played, hazards))
        counted.update(pages)
    return rows + _others(played, [page for page in played.pages if page not in counted], quiet=not truths)


def summary(windows: Sequence[PlayedWindow]) -> dict[str, Any]:
    """Return the counts of windows and pages, and the quantiles of delay and lead."""
    must, must_not = [w for w in windows if w.must_page], [w for w in windows if w.must_not_page]
    delays = [w.delay_s for w in must if w.paged and w.delay_s is not None]
    leads = [w.lead_s for w in must if w.paged and w.lead_s is not None]
    return {
        "windows": sum(w.kind != OUTSIDE for w in windows),
        "pages_outside": sum(w.pages for w in windows if w.kind == OUTSIDE),
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
    lead_s = None
    if known_ns is not None and truth.harm_at_ms is not None:
        lead_s = truth.harm_at_ms / 1000 - known_ns / SECOND_NS
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


def _others(played: Played, pages: Sequence[Page], *, quiet: bool) -> list[PlayedWindow]:
    """Return the row of a quiet scenario, or of pages that belong to no window; none without such pages."""
    if not pages and not quiet:
        return []
    scenario, (begin_ms, end_ms) = played.world.scenario, played.world.span_ms
    return [
        PlayedWindow(
            scenario=scenario.id,
            seed=played.world.campus.seed,
            kind=QUIET if quiet else OUTSIDE,
            zone="",
            devices=(),
            onset_ms=begin_ms,
            must_page=False,
            must_not_page=quiet,
            drill=False,
            found=False,
            late=False,
            paged=len(pages) > (max(1.0, (end_ms - begin_ms) / MONTH_MS) if quiet else 0),
            pages=len(pages),
            delay_s=None,
            lead_s=None,
        )
    ]


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

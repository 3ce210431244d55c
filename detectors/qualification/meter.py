"""Measurement of rules: pages of each rule against truth windows, as score sheets.

A page is each raise or rise to a level in `pages`, live and no drill, whether or not the gate lets the rule page. Pages
of one sensor within ten minutes count once. A page inside a real window of another kind on its sensor counts
neither way: the danger is real.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.detection import DetectionBatch, Phase
from detectors.proof.score_sheets import ScoreSheet
from detectors.recipes.kinds import Rule
from detectors.recipes.limits import applies
from detectors.recipes.versions import release, rule_digest
from ingest import Catalog, TelemetryBatch

MERGE_NS = 600_000_000_000
GRACE_NS = 600_000_000_000
"""Time after a window in which a page still belongs to it."""
WEEK_NS = 7 * 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class TruthSpan:
    """Labelled span of a run, ns. sensors: ids of the affected ones; alike: hazard kinds that find it."""

    alike: frozenset[str]
    sensors: frozenset[str]
    begin_ns: int
    end_ns: int
    detectable_ns: int
    harm_ns: int | None = None
    nuisance: bool = False
    drill: bool = False


@dataclass(slots=True)
class Tally:
    """Figures of one rule in one run."""

    windows: int = 0
    found: int = 0
    weeks: float = 0.0
    false: int = 0
    nuisances: int = 0
    nuisances_paged: int = 0
    delays_s: list[float] = field(default_factory=list)
    leads_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """Name of a run, digest of its readings and truth, and the figures of each rule."""

    name: str
    digest: str
    tallies: Mapping[str, Tally]


def measure(
    name: str,
    rules: Sequence[Rule],
    catalog: Catalog,
    batches: Iterable[tuple[TelemetryBatch, DetectionBatch]],
    truths: Sequence[TruthSpan],
) -> MeasuredRun:
    """Return the figures of a run: its readings with their detections in order, and its truth."""
    digest, levels = hashlib.sha256(), dict[tuple[str, int, int], int]()
    pages: dict[str, list[tuple[int, str]]] = {rule.name: [] for rule in rules}
    reporting: dict[int, set[int]] = {}
    times: list[int] = []
    wanted = {rule.name: rule for rule in rules}
    for batch, found in batches:
        if len(batch):
            digest.update(np.ascontiguousarray(batch.time_ns).tobytes() + np.ascontiguousarray(batch.value).tobytes())
            times += [int(batch.time_ns.min()), int(batch.time_ns.max())]
            for pair in np.unique(batch.metric.astype(np.int64) << 32 | batch.sensor).tolist():
                reporting.setdefault(pair >> 32, set()).add(pair & 0xFFFFFFFF)
        for at_ns, rule, sensor in _raised(found, wanted, levels):
            pages[rule].append((at_ns, catalog[sensor].id))
    digest.update(repr([(sorted(t.sensors), t.begin_ns, t.end_ns, t.nuisance) for t in truths]).encode())
    span_ns = max(times) - min(times) if times else 0
    found_by = {
        rule.name: _tally(rule, pages[rule.name], _sensors(rule, catalog, reporting), truths, span_ns=span_ns)
        for rule in rules
    }
    return MeasuredRun(name, digest.hexdigest()[:32], found_by)


def sheets(rules: Sequence[Rule], runs: Sequence[MeasuredRun], *, made: str) -> Iterator[ScoreSheet]:
    """Yield the sheet of each rule over all runs; made: date."""
    ordered = sorted(runs, key=lambda run: run.name)
    digest = hashlib.sha256(repr([(run.name, run.digest) for run in ordered]).encode()).hexdigest()[:32]
    for rule in rules:
        own = [run.tallies[rule.name] for run in ordered if rule.name in run.tallies]
        delays, leads = ([x for one in own for x in getattr(one, name)] for name in ("delays_s", "leads_s"))
        yield ScoreSheet(
            rule=rule.name,
            type=type(rule).__name__,
            digest=rule_digest(rule),
            version=release(),
            made=made,
            data=tuple(run.name for run in ordered),
            data_digest=digest,
            windows=sum(one.windows for one in own),
            found=sum(one.found for one in own),
            sensor_weeks=round(sum(one.weeks for one in own), 3),
            false_pages=sum(one.false for one in own),
            nuisances=sum(one.nuisances for one in own),
            nuisances_paged=sum(one.nuisances_paged for one in own),
            delay_p50_s=_quantile(delays, 0.5),
            delay_p95_s=_quantile(delays, 0.95),
            lead_p50_s=_quantile(leads, 0.5),
            lead_p10_s=_quantile(leads, 0.1),
        )


def _tally(
    rule: Rule,
    pages: Sequence[tuple[int, str]],
    sensors: frozenset[str],
    truths: Sequence[TruthSpan],
    *,
    span_ns: int,
) -> Tally:
    tally = Tally(weeks=len(sensors) * span_ns / WEEK_NS)
    real = [truth for truth in truths if not truth.nuisance]
    for truth in (one for one in truths if not one.sensors.isdisjoint(sensors) and not one.drill):
        inside = [page for page in pages if _within(truth, *page)]
        if truth.nuisance:
            tally.nuisances += 1
            tally.nuisances_paged += any(not any(_within(one, *page) for one in real) for page in inside)
        elif rule.hazard in truth.alike:
            tally.windows += 1
            tally.found += bool(inside)
            tally.delays_s += [(inside[0][0] - truth.detectable_ns) / 1e9] if inside else []
            if truth.harm_ns is not None:
                tally.leads_s.append(max(0.0, (truth.harm_ns - inside[0][0]) / 1e9) if inside else 0.0)
    tally.false = sum(not any(_within(truth, *page) for truth in real) for page in _merged(pages))
    return tally


def _raised(
    found: DetectionBatch, wanted: Mapping[str, Rule], levels: dict[tuple[str, int, int], int]
) -> Iterator[tuple[int, str, int]]:
    """Yield decision time, rule and sensor of raised and risen levels that page, or of any level of a rule without."""
    for row in range(len(found)):
        rule = wanted.get(found.rule[row])
        if rule is None or found.late[row] or found.drill[row]:
            continue
        key, level = (rule.name, int(found.sensor[row]), int(found.metric[row])), int(found.level[row])
        if found.phase[row] == Phase.CLEAR:
            levels.pop(key, None)
            continue
        risen = level > levels.get(key, -1)
        levels[key] = level
        paging = set(rule.pages) & set(rule.levels)
        if risen and (level in paging or not paging):
            yield int(found.decided_ns[row]), rule.name, int(found.sensor[row])


def _sensors(rule: Rule, catalog: Catalog, reporting: Mapping[int, set[int]]) -> frozenset[str]:
    """Return the ids of the sensors that the rule reads; without metrics of its own, all to which it applies."""
    metrics = [code for code in reporting if not rule.reads or catalog.metric_of(code).name in rule.reads]
    codes = {code for metric in metrics for code in reporting[metric]}
    return frozenset(catalog[code].id for code in codes if applies(rule, catalog[code]))


def _within(truth: TruthSpan, at_ns: int, sensor: str) -> bool:
    return truth.begin_ns <= at_ns <= truth.end_ns + GRACE_NS and sensor in truth.sensors


def _merged(pages: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the first page of each run of pages of one sensor with gaps of at most MERGE_NS."""
    last: dict[str, int] = {}
    kept = []
    for at_ns, sensor in sorted(pages):
        if at_ns - last.get(sensor, -(2**62)) > MERGE_NS:
            kept.append((at_ns, sensor))
        last[sensor] = at_ns
    return kept


def _quantile(values: Sequence[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)), 1) if values else None

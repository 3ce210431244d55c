"""Score sheets: measured errors of one rule, and the bounds that let it page.

A sheet is a JSON file. Its checksum covers all other fields; a changed figure makes it invalid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from detectors.errors import SheetError

SHIPPED = files("detectors") / "qualification" / "sheets"
"""Folder of the packaged sheets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSheet:
    """Figures of one rule on labelled data.

    rule, type: name and type; digest: `rule_digest`; model: digest of a fitted model, "" without one. data: names of
    the scenarios or files; data_digest: digest of readings and truth. windows, found: labelled windows of its hazard on
    its sensors, and those with a page (a detection, for a rule that pages at no level) inside. sensor_weeks: observed
    time of its sensors. false_pages: pages outside the windows. nuisances, nuisances_paged: windows that must not
    page, and those with a page. Delay from the time at which the signal is detectable, lead to the harm, in seconds.
    """

    rule: str
    type: str
    digest: str
    version: str
    made: str
    data: tuple[str, ...]
    data_digest: str
    windows: int
    found: int
    sensor_weeks: float
    false_pages: int
    nuisances: int
    nuisances_paged: int
    delay_p50_s: float | None = None
    delay_p95_s: float | None = None
    lead_p50_s: float | None = None
    lead_p10_s: float | None = None
    model: str = ""

    @property
    def recall(self) -> float:
        """Share of the windows that it found; 0 without windows."""
        return self.found / self.windows if self.windows else 0.0

    @property
    def false_per_week(self) -> float:
        """False pages per sensor-week."""
        return self.false_pages / self.sensor_weeks if self.sensor_weeks > 0 else float("inf")

    @property
    def lead(self) -> dict[str, float | int] | None:
        """Lead time to the harm as evidence: median and tenth percentile in s, found windows; None without one."""
        if self.lead_p50_s is None or self.lead_p10_s is None:
            return None
        return {"median_s": self.lead_p50_s, "p10_s": self.lead_p10_s, "n": self.found}

    @property
    def checksum(self) -> str:
        """Digest of all fields; the id of the sheet in evidence and journal."""
        content = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def to_json(self) -> dict[str, Any]:
        """Return the fields with the checksum."""
        return asdict(self) | {"data": list(self.data), "checksum": self.checksum}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Least sheet that lets a rule page."""

    windows_min: int = 3
    recall_min: float = 0.5  # several rules share the windows of a hazard
    sensor_weeks_min: float = 0.2
    false_per_week_max: float = 0.1  # the pass goal for nuisance pages
    nuisances_paged_max: int = 0

    def faults(self, sheet: ScoreSheet) -> Iterator[str]:
        """Yield each bound that the sheet misses, with figure and bound."""
        if sheet.windows < self.windows_min:
            yield f"windows {sheet.windows}; allowed are {self.windows_min} or more"
        if sheet.recall < self.recall_min:
            yield f"recall {sheet.recall:.2f}; allowed is {self.recall_min} or more"
        if sheet.sensor_weeks < self.sensor_weeks_min:
            yield f"sensor-weeks {sheet.sensor_weeks:.2f}; allowed are {self.sensor_weeks_min} or more"
        if sheet.false_per_week > self.false_per_week_max:
            most = self.false_per_week_max
            yield f"false pages per sensor-week {sheet.false_per_week:.3f}; allowed are {most} or fewer"
        if sheet.nuisances_paged > self.nuisances_paged_max:
            yield f"nuisances paged {sheet.nuisances_paged}; allowed are {self.nuisances_paged_max}"


BOUNDS = Bounds()


def read_sheet(table: Mapping[str, Any], *, source: str = "") -> ScoreSheet:
    """Return the sheet of a parsed JSON object. Raises SheetError if a field or the checksum is wrong."""
    given = dict(table)
    checksum = given.pop("checksum", None)
    allowed = {field.name for field in fields(ScoreSheet)}
    if unknown := sorted(set(given) - allowed):
        raise SheetError(source, f"fields {', '.join(unknown)}; allowed are {', '.join(sorted(allowed))}")
    try:
        sheet = ScoreSheet(**given | {"data": tuple(given["data"])})
        _check(sheet)
    except (TypeError, ValueError, KeyError) as error:
        raise SheetError(source, f"{error}; allowed is a complete score sheet") from error
    if checksum != sheet.checksum:
        raise SheetError(source, f"checksum {checksum!r} does not fit; allowed is an unchanged sheet")
    return sheet


def load_sheet(path: Path) -> ScoreSheet:
    """Return the sheet of a file. Raises SheetError."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SheetError(str(path), f"cannot be read: {error}") from error
    if not isinstance(table, dict):
        raise SheetError(str(path), "no JSON object; allowed is a score sheet")
    return read_sheet(table, source=str(path))


def write_sheet(sheet: ScoreSheet, path: Path) -> None:
    """Write the sheet as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(sheet.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load_sheets(folder: Path) -> tuple[list[ScoreSheet], list[str]]:
    """Return the valid sheets of a folder, and one sentence for each other file; never raises for a bad sheet."""
    found, faults = [], []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            found.append(load_sheet(path))
        except SheetError as error:
            faults.append(str(error))
    return found, faults


def _check(sheet: ScoreSheet) -> None:
    """Raise ValueError or TypeError for impossible figures."""
    for name in ("windows", "found", "false_pages", "nuisances", "nuisances_paged"):
        value = getattr(sheet, name)
        if type(value) is not int or value < 0:
            raise ValueError(f"{name} = {value!r}: allowed is a whole number from 0")
    if sheet.found > sheet.windows or sheet.nuisances_paged > sheet.nuisances:
        raise ValueError("found and nuisances_paged: allowed is at most the number of windows")
    if not 0 <= float(sheet.sensor_weeks) < float("inf"):
        raise ValueError(f"sensor_weeks = {sheet.sensor_weeks!r}: allowed is a number from 0")

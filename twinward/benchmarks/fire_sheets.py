"""Score sheets of the camera rules for fire, over the rooms of `fusion` with another seed.

No recording with labelled fires before a camera is known, and no camera of the scenario bank sees one. Prints each
sheet with the bounds that it misses, and writes those that miss none into the package.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from detectors import ScoreSheet, load_recipe, rule_digest, write_sheet
from detectors.proof.score_sheets import BOUNDS, SHIPPED
from detectors.recipes.versions import release
from twinward.commands.recording_times import Times

from .fusion import FIRES, GRACE_S, ROOMS, START_S, Scene, scene_of
from .recordings import SECOND_NS, detection_lines

SEED, MERGE_S = 114, 600.0
RULES = {"fire_seen": "seen", "fire_seen_verified": "verify", "fire_seen_and_smoke": "condition"}
"""Rule -> type of its detections of fire; no other rule of the type sees the rooms."""


def sheets() -> list[ScoreSheet]:
    """Return the sheet of each rule. A page counts once a room and ten minutes, as for the bank."""
    scenes = [scene_of(number, SEED) for number in range(ROOMS)]
    digest = hashlib.sha256()
    for scene in scenes:
        for row in scene.rows():
            digest.update(repr(row).encode())
    lines = detection_lines(row for scene in scenes for row in scene.rows())
    rules = {rule.name: rule for rule in load_recipe().rules}
    made = []
    for name, kind in RULES.items():
        rule, pages = rules[name], dict[str, list[float]]()
        for line in lines:
            counts = line["phase"] != "clear" and int(line["level"]) in rule.pages
            if counts and line["detector"] == kind and line["hazard"] == "fire":
                at_s = Times().one(line["decided"]) / SECOND_NS - START_S
                pages.setdefault(line["sensor"].split("-", 1)[1], []).append(at_s)
        windows, found, false, delays, leads = _figures(scenes, pages)
        made.append(
            ScoreSheet(
                rule=name,
                type=type(rule).__name__,
                digest=rule_digest(rule),
                version=release(),
                made=datetime.now(UTC).date().isoformat(),
                data=(f"fusion seed {SEED}",),
                data_digest=digest.hexdigest()[:32],
                windows=windows,
                found=found,
                sensor_weeks=round(2 * ROOMS / 7, 3),
                false_pages=false,
                nuisances=0,
                nuisances_paged=0,
                delay_p50_s=_quantile(delays, 0.5),
                delay_p95_s=_quantile(delays, 0.95),
                lead_p50_s=_quantile(leads, 0.5),
                lead_p10_s=_quantile(leads, 0.1),
            )
        )
    return made


def _figures(scenes: Sequence[Scene], pages: dict[str, list[float]]) -> tuple[int, int, int, list[float], list[float]]:
    """Return windows, those found, false pages, delays from the begin and leads to 0.15 dB/m, in s."""
    found, false, delays, leads = 0, 0, list[float](), list[float]()
    for scene in scenes:
        begin_s, end_s = scene.fire or (np.inf, np.inf)
        last_s = -np.inf
        inside: list[float] = []
        for at_s in sorted(pages.get(scene.name, ())):
            if begin_s <= at_s <= end_s:
                inside.append(at_s)
            elif at_s < begin_s and at_s - last_s > MERGE_S:
                false += 1
            last_s = at_s
        if inside:
            found += 1
            delays.append(inside[0] - begin_s)
            leads.append(end_s - GRACE_S - inside[0])
    return FIRES, found, false, delays, leads


def _quantile(values: Sequence[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)), 1) if values else None


if __name__ == "__main__":
    for one in sheets():
        faults = list(BOUNDS.faults(one))
        sys.stdout.write(f"{json.dumps(one.to_json())}\n{'; '.join(faults) or 'lets the rule page'}\n")
        if not faults:
            write_sheet(one, Path(str(SHIPPED)) / f"{one.rule}.json")

"""`detector sheets|score|promote|list`: score sheets of rules, and the stages that follow from them."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detectors import Recipe, ScoreSheet, SheetError, load_recipe, load_sheet, rule_digest, shipped_gate, write_sheet
from detectors.proof.score_sheets import SHIPPED
from detectors.qualification.meter import MeasuredRun, sheets
from detectors.recipes.kinds import Rule
from simulators import SimulatorError
from twinward.bank.qualify import measured, scenarios_of
from twinward.errors import InputError, as_cli_errors

from .output import progress_bar

FOLDER = Path(str(SHIPPED))


def stale_rules(recipe: Recipe) -> list[Rule]:
    """Return the rules without a packaged sheet for their settings."""
    gate = shipped_gate()
    return [rule for rule in recipe.rules if gate.sheet(rule) is None]


def make_sheets(
    names: Sequence[str],
    *,
    recipe: Path | None = None,
    output: Path | None = None,
    everything: bool = False,
    quiet: bool = False,
) -> list[ScoreSheet]:
    """Measure the rules on the bank and write a sheet for each; return the sheets.

    names: rules of the recipe; none: those without a packaged sheet, or all with `everything`. output: folder, the
    packaged one by default. Blocks for minutes. Raises InputError for an unknown rule.
    """
    found = load_recipe(recipe)
    known = {rule.name: rule for rule in found.rules}
    if missing := [name for name in names if name not in known]:
        raise InputError(f"rules {', '.join(missing)}: allowed are {', '.join(known)}")
    rules = [known[name] for name in names] or list(found.rules if everything else stale_rules(found))
    made = measured_sheets(rules, quiet=quiet)
    for sheet in made:
        write_sheet(sheet, (output or FOLDER) / f"{sheet.rule}.json")
    if output is None:
        remove_foreign(FOLDER, known)
    return made


def measured_sheets(
    rules: Sequence[Rule], *, quiet: bool, tasks: Sequence[tuple[str, int]] | None = None
) -> list[ScoreSheet]:
    """Return the sheets of the rules over these scenarios and seeds, or those of their hazards."""
    if not rules:
        return []
    with as_cli_errors(SimulatorError), progress_bar("sheets", quiet=quiet) as report:
        wanted = list(scenarios_of(rules) if tasks is None else tasks)
        runs = []
        for run in _runs(wanted, rules):
            runs.append(run)
            report(len(runs), len(runs) / len(wanted))
    return list(sheets(rules, runs, made=datetime.now(UTC).date().isoformat()))


def tasks_of(sheet: ScoreSheet) -> list[tuple[str, int]]:
    """Return scenarios and seeds of a sheet made on the bank. Raises InputError for one of other data."""
    try:
        return [(name.split(" seed ")[0], int(name.split(" seed ")[1])) for name in sheet.data]
    except (IndexError, ValueError) as error:
        raise InputError(
            f"data of the sheet of {sheet.rule}: {sheet.data}; allowed are scenarios of the bank"
        ) from error


def same_figures(sheet: ScoreSheet, again: ScoreSheet) -> bool:
    """Return whether both sheets have the same figures on the same data."""
    return replace(again, made=sheet.made, version=sheet.version) == sheet


def remove_foreign(folder: Path, known: dict[str, Rule]) -> None:
    """Delete packaged sheets of rules that the packaged recipe no longer has."""
    for path in folder.glob("*.json"):
        if path.stem not in known:
            path.unlink()


def read_given(path: Path) -> ScoreSheet:
    """Return the sheet of a file. Raises InputError."""
    with as_cli_errors(SheetError):
        return load_sheet(path)


def table(made: Sequence[ScoreSheet]) -> Iterator[str]:
    """Yield one line for each sheet."""
    yield f"{'rule':<28}{'windows':>8}{'recall':>8}{'weeks':>9}{'false':>7}{'nuis.':>7}{'delay s':>9}"
    for sheet in made:
        delay = "-" if sheet.delay_p50_s is None else f"{sheet.delay_p50_s:.0f}"
        nuisance = f"{sheet.nuisances_paged}/{sheet.nuisances}"
        yield (
            f"{sheet.rule:<28}{sheet.windows:>8}{sheet.recall:>8.2f}{sheet.sensor_weeks:>9.1f}{sheet.false_pages:>7}"
            f"{nuisance:>7}{delay:>9}"
        )


def _runs(tasks: Sequence[tuple[str, int]], rules: Sequence[Rule]) -> Iterator[MeasuredRun]:
    processes = min(len(tasks), os.cpu_count() or 1)
    if processes <= 1:
        for task in tasks:
            yield measured(*task, rules)
        return
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        for done in as_completed([pool.submit(measured, *task, rules) for task in tasks]):
            yield done.result()


def stages(recipe: Recipe, standings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each rule: stage, reason, digests."""
    return [
        {
            "rule": rule.name,
            "type": type(rule).__name__,
            "hazard": rule.hazard,
            "stage": str(standings[rule.name].stage),
            "established": standings[rule.name].established,
            "reason": standings[rule.name].reason,
            "digest": rule_digest(rule),
            "sheet": standings[rule.name].sheet,
        }
        for rule in recipe.rules
    ]


def to_json(made: Sequence[ScoreSheet]) -> Iterator[str]:
    """Yield one JSON object for each sheet."""
    for sheet in made:
        yield json.dumps(sheet.to_json(), ensure_ascii=False)

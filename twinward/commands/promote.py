"""Command `detector promote`: lets a measured rule page, after a second measurement."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from alerts import AlertDispatch, open_database
from detectors import BOUNDS, DetectorError, load_recipe, rule_digest
from twinward.clock import system_clock
from twinward.errors import InputError, as_cli_errors
from twinward.heads.sheet_folder import keep_sheet
from twinward.settings import Settings
from twinward.tables import read_tables

from .sheets import measured_sheets, read_given, same_figures, tasks_of


def promote(
    settings: Settings, name: str, sheet_path: Path, *, recipe: Path | None = None, who: str = "", quiet: bool = False
) -> dict[str, Any]:
    """Keep the signed sheet in the data folder, with an audit entry; a running service reads it at once.

    The rule is measured again on the data of the sheet. Raises InputError for a sheet of other settings, out of bounds,
    or with other figures.
    """
    sheet = read_given(sheet_path)
    with as_cli_errors(DetectorError):
        rules = {rule.name: rule for rule in load_recipe(recipe or settings.recipe).rules}
    if name not in rules:
        raise InputError(f"rule {name!r}: allowed is one of {', '.join(rules)}")
    rule = rules[name]
    if sheet.digest != rule_digest(rule):
        raise InputError(f"{sheet_path}: for settings {sheet.digest}; the rule has {rule_digest(rule)}")
    if faults := list(BOUNDS.faults(sheet)):
        raise InputError("\n".join(f"{sheet_path}: {fault}" for fault in faults))
    [again] = measured_sheets([rule], quiet=quiet, tasks=tasks_of(sheet))
    if not same_figures(sheet, again):
        raise InputError(f"{sheet_path}: its figures differ from a second measurement; allowed is a measured sheet")
    by = who or getpass.getuser()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep_sheet(settings.data_dir, sheet, by=by)
    facts = {"rule": name, "digest": sheet.digest, "sheet": sheet.checksum, "windows": sheet.windows}
    _audit(settings, "detector.promoted", by, name, facts | {"recall": sheet.recall, "false": sheet.false_pages})
    return {"rule": name, "stage": "paging", "sheet": sheet.checksum, "by": by}


def _audit(settings: Settings, kind: str, by: str, subject: str, facts: dict[str, Any]) -> None:
    engine = open_database(settings.database_url)
    try:
        dispatch = AlertDispatch(engine, read_tables(settings).registry, system_clock)
        dispatch.note(kind, by, site="", subject=subject, facts=facts)
    finally:
        engine.dispose()

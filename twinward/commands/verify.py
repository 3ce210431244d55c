"""`verify`: check the hash chain of the telemetry log or of the audit journal."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from pathlib import Path
from typing import Any

from alerts import AlertError, open_database
from alerts.database.journal import verify as verify_journal
from twinward.clock import system_clock
from twinward.errors import InputError, as_cli_errors
from twinward.log import TelemetryLog
from twinward.settings import Settings, in_data_dir, read_settings
from twinward.stages import noted_head


def verify_chain(chain: str, *, config: Path | None, data_dir: Path | None) -> dict[str, Any]:
    """Return the report on the chain "log" or "audit"; `ok` is False after the first broken entry."""
    settings = read_settings(config, os.environ)
    if data_dir is not None:
        settings = in_data_dir(settings, data_dir)
    return _verify_log(settings) if chain == "log" else _verify_audit(settings)


def _verify_log(settings: Settings) -> dict[str, Any]:
    path = settings.data_dir / "telemetry.sqlite"
    if not path.exists():
        raise InputError(f"{path}: no telemetry log at this path")
    try:
        log = TelemetryLog(path, clock=system_clock)
    except sqlite3.DatabaseError as error:
        return {"ok": False, "entries": 0, "first_bad_seq": 1, "reason": f"the file cannot be read: {error}"}
    try:
        return dataclasses.asdict(log.verify())
    finally:
        log.close()


def _verify_audit(settings: Settings) -> dict[str, Any]:
    if not settings.database and not (settings.data_dir / "alerts.sqlite").exists():
        raise InputError(f"{settings.data_dir / 'alerts.sqlite'}: no journal at this path")
    with as_cli_errors(AlertError):
        engine = open_database(settings.database_url)
    try:
        noted = noted_head(settings.data_dir / "alerts.head")
        report = verify_journal(engine, heads=[noted] if noted else ())
        return dataclasses.asdict(report)
    finally:
        engine.dispose()

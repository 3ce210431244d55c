"""`heads`: sign the present heads of logs and journal, to be kept on another machine."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from alerts import AlertError, open_database
from alerts.database import journal
from twinward.clock import system_clock
from twinward.data_folder.files import DATABASE, DETECTIONS, TELEMETRY
from twinward.errors import InputError, as_cli_errors
from twinward.heads.record import heads_now, write_heads
from twinward.log import DetectionLog, TelemetryLog
from twinward.log.places import places
from twinward.settings import Settings, read_settings


def require_journal(settings: Settings) -> None:
    """Raise InputError for a folder without a journal."""
    path = settings.data_dir / DATABASE
    if not settings.database and not path.exists():
        raise InputError(f"{path}: no journal at this path")


def sign_heads(config: Path | None, output: Path) -> dict[str, Any]:
    """Write the file; return its facts. Raises InputError for a folder without a journal."""
    settings = read_settings(config, os.environ)
    require_journal(settings)
    with as_cli_errors(AlertError, sqlite3.Error, OSError):
        engine = open_database(settings.database_url)
        try:
            with engine.execution_options(writes=False).connect() as connection:
                tip = journal.tip(connection)
        finally:
            engine.dispose()
        heads = heads_now(settings.data_dir, tip, system_clock(), logs=_server_heads(settings))
        write_heads(settings.data_dir, heads, output)
    return {"file": str(output), "at": heads.at, "key": heads.key, "chains": dict(heads.chains)}


def _server_heads(settings: Settings) -> dict[str, tuple[int, str]]:
    """Return the heads of logs on a server; none for files, which are read from the folder."""
    if not settings.log.url:
        return {}
    telemetry, detections = places(settings.data_dir, settings.log.url)
    with (
        closing(TelemetryLog(telemetry, clock=system_clock)) as log,
        closing(DetectionLog(detections, clock=system_clock)) as found,
    ):
        return {TELEMETRY: log.tip(), DETECTIONS: found.tip()}

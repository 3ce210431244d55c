"""`verify`: check the hash chains of logs and journal, or an evidence pack."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from pathlib import Path
from typing import Any

from alerts import AlertError, open_database
from alerts.database.journal import verify as verify_journal
from alerts.documents.verify_pack import check as check_pack
from twinward.clock import system_clock
from twinward.data_folder.files import DATABASE_HEAD, DETECTIONS, TELEMETRY
from twinward.data_folder.journal_head import noted_head
from twinward.errors import InputError, LogUnavailable, as_cli_errors
from twinward.heads.key import public_key
from twinward.heads.record import JOURNAL, Heads, known, read_heads
from twinward.log import DetectionLog, TelemetryLog
from twinward.log.places import places
from twinward.log.server import ServerLog
from twinward.settings import Settings, in_data_dir, read_settings

from .heads import require_journal


def verify_chain(chain: str, *, config: Path | None, data_dir: Path | None, heads: Path | None) -> dict[str, Any]:
    """Return the report on the chain "log" or "audit"; `ok` is False after the first broken entry.

    heads: file or folder of signed heads. Raises InputError for a changed or foreign one.
    """
    settings = read_settings(config, os.environ)
    if data_dir is not None:
        settings = in_data_dir(settings, data_dir)
    signed = [] if heads is None else read_heads(heads, key=public_key(settings.data_dir))
    report = _verify_log(settings, signed) if chain == "log" else _verify_audit(settings, signed)
    return report if heads is None else report | {"heads": len(signed)}


def verify_pack(file: Path | None, sha256: str) -> dict[str, Any]:
    """Return the report on an evidence pack. Raises InputError without a file."""
    if file is None or not file.is_file():
        raise InputError(f"{file or 'no file'}: verify pack needs the file of an evidence pack")
    return check_pack(file, sha256)


def _verify_log(settings: Settings, heads: list[Heads]) -> dict[str, Any]:
    """Return the report on the telemetry log; after its success on a detection log with a defect."""
    folder, url = settings.data_dir, settings.log.url
    if not url and not (folder / TELEMETRY).exists():
        raise InputError(f"{folder / TELEMETRY}: no telemetry log at this path")
    telemetry, detections = places(folder, url)
    report = _report(TelemetryLog, telemetry, known(heads, TELEMETRY))
    present = not isinstance(detections, Path) or detections.exists()
    if report["ok"] and (present or known(heads, DETECTIONS)):
        if not present:
            return report | {"ok": False, "first_bad_seq": 1, "reason": f"{DETECTIONS}: the file is missing"}
        further = _report(DetectionLog, detections, known(heads, DETECTIONS))
        if not further["ok"]:
            return further | {"reason": f"{DETECTIONS if not url else 'detections'}: {further['reason']}"}
    return report


def _report(
    kind: type[TelemetryLog | DetectionLog], place: Path | ServerLog, signed: list[tuple[int, str]]
) -> dict[str, Any]:
    try:
        log = kind(place, clock=system_clock)
    except sqlite3.DatabaseError as error:
        return {"ok": False, "entries": 0, "first_bad_seq": 1, "reason": f"the file cannot be read: {error}"}
    except LogUnavailable as error:
        raise InputError(str(error)) from error
    try:
        return dataclasses.asdict(log.verify(known=signed))
    finally:
        log.close()


def _verify_audit(settings: Settings, heads: list[Heads]) -> dict[str, Any]:
    require_journal(settings)
    with as_cli_errors(AlertError):
        engine = open_database(settings.database_url)
    try:
        noted = noted_head(settings.data_dir / DATABASE_HEAD)
        report = verify_journal(engine, heads=[*([noted] if noted else ()), *known(heads, JOURNAL)])
        return dataclasses.asdict(report)
    finally:
        engine.dispose()

"""The smaller commands: detect, gallery, verify, doctor and bench."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

import alerts
from alerts import open_database
from alerts.database.journal import verify as verify_journal
from alerts.notices.channels import addresses, open_channels
from detectors import DetectorError, load_recipe
from simulators.truth import gallery
from twinward.clock import system_clock
from twinward.errors import ConfigError, InputError, TwinwardError
from twinward.log import TelemetryLog
from twinward.service import told as packages_told
from twinward.settings import Settings, in_data_dir, read_settings
from twinward.stages import noted_head
from twinward.tables import read_tables

from .detect import detect_file
from .doctor import examine
from .simulate import progress_bar, told

Json = dict[str, Any]
CONSOLE = Path(alerts.__file__).parent / "console" / "dist" / "index.html"


def detect_csv(source: Path, output: Path, *, recipe: Path | None, quiet: bool) -> Json:
    """Run the detectors over a CSV file; returns the summary."""
    try:
        with told(), progress_bar(source.name, quiet=quiet) as report:
            rules = None if recipe is None else load_recipe(recipe)
            with source.open("rb") as file:
                lines = sum(1 for _ in file)
            found = detect_file(source, output, recipe=rules, progress=lambda rows: report(rows, rows / max(1, lines)))
            return found.as_dict()
    except DetectorError as error:
        raise InputError(str(error)) from error


def draw_gallery(folder: Path, *, scenarios: list[str], seed: int, quiet: bool) -> Json:
    """A picture of each scenario and a page of them all; returns the files."""
    with told(), progress_bar("gallery", quiet=quiet) as report:
        files = gallery.build(folder, scenarios or gallery.bank(), seed=seed, progress=report)
    return {"files": [str(file) for file in files]}


def verify_chain(chain: str, *, config: Path | None, data_dir: Path | None) -> Json:
    """Go through the log's or the audit's chain; `ok` says whether it holds."""
    settings = read_settings(config, os.environ)
    if data_dir is not None:
        settings = in_data_dir(settings, data_dir)
    return _verify_log(settings) if chain == "log" else _verify_audit(settings)


def _verify_log(settings: Settings) -> Json:
    path = settings.data_dir / "telemetry.sqlite"
    if not path.exists():
        raise InputError(f"{path}: there is no log here")
    try:
        log = TelemetryLog(path, clock=system_clock)
    except sqlite3.DatabaseError as error:
        return {"ok": False, "entries": 0, "first_bad_seq": 1, "reason": f"the file cannot be read: {error}"}
    try:
        return dataclasses.asdict(log.verify())
    finally:
        log.close()


def _verify_audit(settings: Settings) -> Json:
    if not settings.database and not (settings.data_dir / "alerts.sqlite").exists():
        raise InputError(f"{settings.data_dir / 'alerts.sqlite'}: there is no journal here")
    engine = open_database(settings.database_url)
    try:
        report = verify_journal(engine, known_head=noted_head(settings.data_dir / "alerts.head"))
        return dataclasses.asdict(report)
    finally:
        engine.dispose()


def check_files(config: Path | None) -> Settings:
    """The settings, once they and every file that they name can be used. Raises ConfigError with every fault."""
    settings = read_settings(config, os.environ)
    faults: list[str] = []
    for read in (lambda: read_tables(settings), lambda: open_channels(settings.notify)):
        try:
            with packages_told():
                read()
        except TwinwardError as error:
            faults += str(error).splitlines()
    if faults:
        raise ConfigError(faults)
    return settings


def examine_installation(config: Path | None) -> list[Json]:
    """What the doctor finds, each finding as a row."""
    settings = read_settings(config, os.environ)
    read_tables(settings)
    with packages_told():
        channels = [*settings.notify.webhooks, *addresses(settings.notify.apprise_file)]
    ports = {"console": settings.http.port}
    if settings.broker.embedded:
        ports["broker"] = settings.broker.port
    findings = examine(
        broker_url=settings.mqtt.url, data_dir=settings.data_dir, ports=ports, console=CONSOLE, channels=channels
    )
    return [
        {"name": row.name, "ok": row.ok, "zh": row.text_zh, "en": row.text_en, "advice": row.advice} for row in findings
    ]


def run_bench(what: str, *, seconds: float, as_json: bool, **options: int) -> None:
    """Measure and print a line for each case as it is done."""
    bench = importlib.import_module(f"twinward.bench.{what}")
    console = Console(stderr=True, quiet=as_json)
    with console.status(f"bench {what}") as status:
        rows: Iterator[Json] = bench.run(seconds=seconds, progress=lambda told: status.update(str(told)), **options)
        for row in rows:
            print(json.dumps(row) if as_json else _line(row), flush=True)


def _line(row: Json) -> str:
    shown = [f"{name} {value:,.4g}" for name, value in row.items() if isinstance(value, (int, float))]
    return f"{row['bench']} {row['case']}: {', '.join(shown)}"

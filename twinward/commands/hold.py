"""`hold`: add, list and release legal holds, also while the service runs."""

from __future__ import annotations

import dataclasses
import getpass
from pathlib import Path
from typing import Any

from alerts import format_time, parse_time
from ingest import FOREVER_NS, Catalog, Hold, HoldError, Holds
from twinward.clock import Clock, system_clock
from twinward.data_folder.files import TELEMETRY
from twinward.errors import InputError
from twinward.log import TelemetryLog
from twinward.log.places import places, require_logs
from twinward.retention_rules import HOLDS_FILE
from twinward.settings import Settings

Json = dict[str, Any]


def moment(text: str, option: str) -> int:
    """Return a time of the command line in ns. Raises InputError with the allowed form."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise InputError(f"{option}: {text!r} is not {error}") from error


def known_sensors(settings: Settings, *, clock: Clock = system_clock) -> Catalog:
    """Return the catalogue of all sensors in the log. Raises InputError without a log."""
    folder, url = settings.data_dir, settings.log.url
    require_logs(folder, url, [TELEMETRY])
    log = TelemetryLog(places(folder, url)[0], clock=clock)
    try:
        catalog = Catalog()
        catalog.load(*log.catalog())
        return catalog
    finally:
        log.close()


def add_hold(settings: Settings, site: str, sensors: list[str], *, begin: str, end: str, reason: str, who: str) -> Json:
    """Add a hold on a site or some of its sensors. Raises InputError without a reason or for unknown sensors."""
    catalog = known_sensors(settings)
    known = {sensor.id for sensor in catalog if sensor.site == site}
    if not known:
        raise InputError(f"site {site!r} has no sensor in the log")
    if missing := sorted(set(sensors) - known):
        raise InputError(f"site {site!r} has no sensor {', '.join(missing)} in the log")
    span = {"from_ns": moment(begin, "--from"), "to_ns": moment(end, "--to") if end else FOREVER_NS}
    try:
        holds = Holds(settings.data_dir / HOLDS_FILE)
        hold = holds.add(site, sensors, **span, reason=reason, who=who or getpass.getuser(), now_ns=system_clock())
    except HoldError as error:
        raise InputError(str(error)) from error
    return hold_row(hold)


def list_holds(settings: Settings) -> list[Json]:
    """Return all holds, released ones included."""
    path: Path = settings.data_dir / HOLDS_FILE
    try:
        return [hold_row(hold) for hold in Holds(path).all()] if path.exists() else []
    except HoldError as error:
        raise InputError(str(error)) from error


def release_hold(settings: Settings, number: int, *, reason: str, who: str) -> Json:
    """Release a hold. Raises InputError for a hold that is not active, or without a reason."""
    path = settings.data_dir / HOLDS_FILE
    if not path.exists():
        raise InputError(f"{path}: no hold exists at this path")
    try:
        done = Holds(path).release(number, reason=reason, who=who or getpass.getuser(), now_ns=system_clock())
    except HoldError as error:
        raise InputError(str(error)) from error
    return hold_row(done)


def hold_row(hold: Hold) -> Json:
    """Return a hold for output: times in RFC 3339, `to` is null without an end."""
    row = dataclasses.asdict(hold)
    times = {name: row.pop(f"{name}_ns") for name in ("from", "to", "made", "released")}
    shown = {name: None if ns in {None, FOREVER_NS} else format_time(ns) for name, ns in times.items()}
    return row | {"sensors": list(hold.sensors)} | shown

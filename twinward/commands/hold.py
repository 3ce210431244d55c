"""The commands of `twinward hold`: legal holds made, listed and released, also while the service runs."""

from __future__ import annotations

import dataclasses
import getpass
from pathlib import Path
from typing import Any

from alerts import format_time, parse_time
from ingest import FOREVER_NS, Catalog, Hold, HoldError, Holds
from twinward.clock import Clock, system_clock
from twinward.errors import InputError
from twinward.log import TelemetryLog
from twinward.retention_rules import HOLDS_FILE
from twinward.settings import Settings

Json = dict[str, Any]


def moment(text: str, option: str) -> int:
    """A time of the command line in ns. Raises InputError with what is allowed."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise InputError(f"{option}: {text!r} is not {error}") from error


def known_sensors(settings: Settings, *, clock: Clock = system_clock) -> Catalog:
    """Everything that was ever heard, from the log. Raises InputError where there is none."""
    path = settings.data_dir / "telemetry.sqlite"
    if not path.exists():
        raise InputError(f"{path}: there is no log here; does data_dir (--config) name the right folder?")
    log = TelemetryLog(path, clock=clock)
    try:
        catalog = Catalog()
        catalog.load(*log.catalog())
        return catalog
    finally:
        log.close()


def add_hold(settings: Settings, site: str, sensors: list[str], *, begin: str, end: str, reason: str, who: str) -> Json:
    """Make a hold on a site or some of its sensors. Raises InputError: no reason, or nothing of that name was heard."""
    catalog = known_sensors(settings)
    heard = {sensor.id for sensor in catalog if sensor.site == site}
    if not heard:
        raise InputError(f"no sensor of site {site!r} was ever heard")
    if missing := sorted(set(sensors) - heard):
        raise InputError(f"no sensor {', '.join(missing)} was ever heard at site {site!r}")
    span = {"from_ns": moment(begin, "--from"), "to_ns": moment(end, "--to") if end else FOREVER_NS}
    try:
        holds = Holds(settings.data_dir / HOLDS_FILE)
        hold = holds.add(site, sensors, **span, reason=reason, who=who or getpass.getuser(), now_ns=system_clock())
    except HoldError as error:
        raise InputError(str(error)) from error
    return hold_row(hold)


def list_holds(settings: Settings) -> list[Json]:
    """Every hold, released ones as well."""
    path: Path = settings.data_dir / HOLDS_FILE
    try:
        return [hold_row(hold) for hold in Holds(path).all()] if path.exists() else []
    except HoldError as error:
        raise InputError(str(error)) from error


def release_hold(settings: Settings, number: int, *, reason: str, who: str) -> Json:
    """End a hold. Raises InputError where it does not stand, or without a reason."""
    path = settings.data_dir / HOLDS_FILE
    if not path.exists():
        raise InputError(f"{path}: no hold was ever made here")
    try:
        done = Holds(path).release(number, reason=reason, who=who or getpass.getuser(), now_ns=system_clock())
    except HoldError as error:
        raise InputError(str(error)) from error
    return hold_row(done)


def hold_row(hold: Hold) -> Json:
    """A hold as the command line shows it: times as RFC 3339, `to` null where it has no end."""
    row = dataclasses.asdict(hold)
    times = {name: row.pop(f"{name}_ns") for name in ("from", "to", "made", "released")}
    shown = {name: None if ns in {None, FOREVER_NS} else format_time(ns) for name, ns in times.items()}
    return row | {"sensors": list(hold.sensors)} | shown

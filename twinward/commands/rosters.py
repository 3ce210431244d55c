"""`roster`: lint the rosters, and replace those of the database by the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import Config, Json, print_result

if TYPE_CHECKING:
    from alerts.rosters.lint import Gap
    from alerts.rosters.store import Rosters
    from twinward.settings import Settings
    from twinward.tables import Tables

roster_app = typer.Typer(no_args_is_help=True, help="Rosters: persons on duty, shifts and escalation chains.")


@roster_app.command("lint")
def lint(
    *,
    days: Annotated[float, typer.Option(min=0.1, max=60, help="Days from now on.")] = 14.0,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Report steps of chains that reach nobody in the coming days; the exit code is 1 if there are any.

    It reads the roster file of the settings, and the database for sites without a roster there.
    """
    from twinward.settings import read_settings
    from twinward.tables import read_tables

    settings = read_settings(config, os.environ)
    found = _gaps(settings, read_tables(settings), days)
    for gap in found:
        row = {"site": gap.site, "chain": gap.chain, "step": gap.step, "grade": gap.grade, "text": gap.text}
        print(json.dumps(row, ensure_ascii=False) if as_json else gap.text["en"])
    if not as_json:
        print_result({"gaps": len(found)}, as_json=False)
    if found:
        raise typer.Exit(1)


@roster_app.command("load")
def load(*, config: Config = None, as_json: Json = False) -> None:
    """Replace the rosters of the database by those of the roster file; sites that it does not name keep theirs."""
    from alerts import SYSTEM
    from twinward.settings import read_settings
    from twinward.tables import read_tables

    settings = read_settings(config, os.environ)
    tables = read_tables(settings)
    done: dict[str, Any] = {}
    with _rosters(settings, tables) as rosters:
        present = rosters.versions()
        for site, table in tables.rosters.items():
            done[site] = f"version {rosters.put(SYSTEM, site, table, version=present.get(site)).version}"
    print_result(done, as_json=as_json)


def _gaps(settings: Settings, tables: Tables, days: float) -> list[Gap]:
    from alerts.notices.channels import open_channels
    from alerts.rosters.duty import Duty
    from alerts.rosters.lint import gaps
    from alerts.rosters.reach import Reach
    from alerts.rosters.reader import read_roster
    from twinward.clock import system_clock
    from twinward.errors import as_cli_errors
    from twinward.service import PACKAGE_ERRORS

    with as_cli_errors(*PACKAGE_ERRORS):
        reach = Reach(open_channels(settings.notify))
        duties = [Duty(read_roster(site, table), tables.calendar) for site, table in tables.rosters.items()]
        if settings.database or (settings.data_dir / "alerts.sqlite").exists():
            with _rosters(settings, tables) as rosters:
                stored, broken = rosters.read_all()
            duties += [duty for duty in stored if duty.roster.site not in tables.rosters]
            for error in (broken[site] for site in broken if site not in tables.rosters):
                raise error
        return [gap for duty in duties for gap in gaps(duty, reach, now_ns=system_clock(), days=days)]


@contextmanager
def _rosters(settings: Settings, tables: Tables) -> Iterator[Rosters]:
    """Open the rosters of the database."""
    from alerts import open_database
    from alerts.rosters.store import Rosters
    from twinward.clock import system_clock
    from twinward.errors import as_cli_errors
    from twinward.service import PACKAGE_ERRORS

    with as_cli_errors(*PACKAGE_ERRORS):
        engine = open_database(settings.database_url)
        try:
            yield Rosters(engine, tables.calendar, system_clock)
        finally:
            engine.dispose()

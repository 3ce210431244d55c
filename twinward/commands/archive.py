"""Options of `backup` and `restore`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from .output import Config, Json, print_result, progress_bar

Passphrase = Annotated[Path, typer.Option("--passphrase-file", help="File with the passphrase, mode 0600.")]


def backup(
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The backup; an existing file is refused.")],
    *,
    passphrase_file: Passphrase,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write logs, store, database and tables into one encrypted file; the service may run."""
    from twinward.archive.backup import back_up
    from twinward.settings import read_settings

    settings = read_settings(config, os.environ)
    named = (
        config,
        settings.campus,
        settings.recipe,
        settings.overrides,
        settings.cells,
        settings.lorawan,
        settings.store.retention,
    )
    tables = [path for path in dict.fromkeys(named) if path is not None]
    with progress_bar(output.name, quiet=as_json) as report:
        done = back_up(settings, output, passphrase_file=passphrase_file, tables=tables, report=report)
    print_result(done, as_json=as_json)


def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `backup`.")],
    folder: Annotated[Path, typer.Argument(help="Empty or new folder: the restored data folder.")],
    *,
    passphrase_file: Passphrase,
    database: Annotated[str, typer.Option(help="URL of an empty PostgreSQL database for the alert database.")] = "",
    as_json: Json = False,
) -> None:
    """Restore a backup, verify its chains and compare all counts."""
    from twinward.archive.restore import restore as restore_backup

    with progress_bar(source.name, quiet=as_json) as report:
        done = restore_backup(source, folder, passphrase_file=passphrase_file, report=report, database=database)
    print_result(done, as_json=as_json)

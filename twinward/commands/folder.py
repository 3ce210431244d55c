"""Commands on a data folder: `recover`, `verify`, `heads` and `replay`."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .output import Config, Json, print_result


class Chain(StrEnum):
    """Hash chains that `verify` checks, and the evidence pack."""

    LOG = "log"
    AUDIT = "audit"
    PACK = "pack"


def recover(
    *,
    config: Config = None,
    set_aside: Annotated[list[str] | None, typer.Option(help="Rename this file of the data folder.")] = None,
    adopt: Annotated[bool, typer.Option(help="Accept files of another installation.")] = False,
    new_log: Annotated[bool, typer.Option(help="Begin new logs; the former are set aside.")] = False,
    new_database: Annotated[bool, typer.Option(help="Begin without people, tickets and audit.")] = False,
    dry_run: Annotated[bool, typer.Option(help="List the repairs and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Repair a data folder whose files are missing, damaged or do not belong together; nothing is deleted."""
    from twinward.data_folder.recover import Choice

    from .recover import recover as repair

    choice = Choice(set_aside or [], adopt=adopt, new_log=new_log, new_database=new_database)
    found = repair(config, choice, dry_run=dry_run)
    if as_json:
        print_result(found, as_json=True)
    else:
        print("\n".join([*found["repairs"], *found["refused"]]))


def verify(
    chain: Annotated[Chain, typer.Argument(help="Hash chain to check, or pack for an evidence pack.")],
    file: Annotated[Path | None, typer.Argument(help="Evidence pack (ZIP); only for pack.")] = None,
    *,
    config: Config = None,
    data: Annotated[Path | None, typer.Option(help="Data folder; default: that of the configuration.")] = None,
    heads: Annotated[Path | None, typer.Option(help="File or folder of signed heads kept elsewhere.")] = None,
    sha256: Annotated[str, typer.Option(help="SHA-256 of the pack's manifest, from the journal.")] = "",
    as_json: Json = False,
) -> None:
    """Check a hash chain, rows against the journal, or an evidence pack; exit status 1 after a change."""
    from .verify import verify_chain, verify_pack

    if chain is Chain.PACK:
        report = verify_pack(file, sha256)
    else:
        report = verify_chain(chain.value, config=config, data_dir=data, heads=heads)
    print_result(report, as_json=as_json)
    if not report["ok"]:
        raise typer.Exit(1)


def heads(
    output: Annotated[Path, typer.Argument(help="File to write, on another machine or medium.")],
    *,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Sign the present heads of logs and journal; `verify --heads` finds a later truncation with them."""
    from .heads import sign_heads

    print_result(sign_heads(config, output), as_json=as_json)


def replay(
    alarm: Annotated[str, typer.Argument(help="Id of the hazard or of one finding.")],
    *,
    data: Annotated[Path | None, typer.Option(help="Data folder; default: that of the configuration.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Decide an alarm again from the logs and compare both records byte by byte; exit status 1 if they differ."""
    from twinward.settings import read_settings

    from .replay import replay as decide

    settings = read_settings(config, os.environ)
    servers = {} if data else {"database": settings.database, "log_url": settings.log.url}
    found = decide(alarm, data or settings.data_dir, **servers)
    print_result(found, as_json=as_json)
    if not found["same"]:
        raise typer.Exit(1)

"""Commands about what is kept: `export` and `hold add|list|release`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print for programs: JSON, one object a line.")]
Config = Annotated[Path | None, typer.Option("--config", help="TOML file with the settings.")]
Who = Annotated[str, typer.Option(help="Who wants it; the name of the account without it.")]
Reason = Annotated[str, typer.Option(help="Why; needed.")]

hold_app = typer.Typer(no_args_is_help=True, help="Keep raw readings from retention, whatever their class says.")


def export(
    *,
    site: Annotated[str, typer.Option(help="The site whose readings are wanted.")],
    begin: Annotated[str, typer.Option("--from", help="First moment, RFC 3339 with offset.")],
    end: Annotated[str, typer.Option("--to", help="Moment behind the last.")],
    output: Annotated[Path, typer.Option(help="FILE.csv or FILE.parquet")],
    kind: Annotated[str, typer.Option(help="Only sensors of this kind.")] = "",
    sensor: Annotated[str, typer.Option(help="Only this sensor.")] = "",
    metric: Annotated[str, typer.Option(help="Only this metric.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Raw readings into a file: sensor, kind, metric, unit, time, value, quality. Not while the service runs."""
    from twinward.settings import read_settings

    from .export import Wanted
    from .export import export as write
    from .simulate import progress_bar

    wanted = Wanted(site, begin, end, kind=kind, sensor=sensor, metric=metric)
    with progress_bar(output.name, quiet=as_json) as report:
        done = write(read_settings(config, os.environ), wanted, output, force=force, report=report)
    _say(done, as_json=as_json)


@hold_app.command("add")
def add(
    *,
    site: Annotated[str, typer.Option(help="The site whose readings are held.")],
    begin: Annotated[str, typer.Option("--from", help="First moment, RFC 3339 with offset.")],
    sensor: Annotated[list[str] | None, typer.Option(help="Only this sensor; may be given again.")] = None,
    end: Annotated[str, typer.Option("--to", help="Moment behind the last; without it, no end.")] = "",
    reason: Reason = "",
    who: Who = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Hold the raw readings of a site, or of some of its sensors, until the hold is released."""
    from twinward.settings import read_settings

    from .hold import add_hold

    settings = read_settings(config, os.environ)
    done = add_hold(settings, site, sensor or [], begin=begin, end=end, reason=reason, who=who)
    _say(done, as_json=as_json)


@hold_app.command("list")
def show(*, config: Config = None, as_json: Json = False) -> None:
    """Every hold that was ever made, with what became of it."""
    from twinward.settings import read_settings

    from .hold import list_holds

    for row in list_holds(read_settings(config, os.environ)):
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
            continue
        what = f"{row['site']} {' '.join(row['sensors']) or '(all sensors)'}"
        until = f"released {row['released']} by {row['released_by']}" if row["released"] else "stands"
        print(f"{row['id']}: {what}, {row['from']} to {row['to'] or 'no end'}, {until}; {row['who']}: {row['reason']}")


@hold_app.command("release")
def release(
    number: Annotated[int, typer.Argument(help="Number of the hold.")],
    *,
    reason: Reason = "",
    who: Who = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """End a hold; what is past its time goes at the next retention."""
    from twinward.settings import read_settings

    from .hold import release_hold

    _say(release_hold(read_settings(config, os.environ), number, reason=reason, who=who), as_json=as_json)


def _say(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for name, value in result.items():
        print(f"{name.replace('_', ' ')}: {value}")

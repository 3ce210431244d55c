"""Options of the commands on stored readings: `export`, `backtest`, `train`, `hold`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from .output import Config, Json, print_lines, print_result, progress_bar

Who = Annotated[str, typer.Option(help="Name of the person; default: the account's name.")]
Reason = Annotated[str, typer.Option(help="Reason; required.")]

hold_app = typer.Typer(no_args_is_help=True, help="Legal holds: keep raw readings beyond the retention of their class.")


def export(
    *,
    site: Annotated[str, typer.Option(help="Site of the readings.")],
    begin: Annotated[str, typer.Option("--from", help="First moment, RFC 3339 with offset.")],
    end: Annotated[str, typer.Option("--to", help="End, exclusive, RFC 3339 with offset.")],
    output: Annotated[Path, typer.Option(help="FILE.csv or FILE.parquet")],
    kind: Annotated[str, typer.Option(help="Only sensors of this kind.")] = "",
    sensor: Annotated[str, typer.Option(help="Only this sensor.")] = "",
    metric: Annotated[str, typer.Option(help="Only this metric.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Export raw readings: sensor, kind, metric, unit, time, value, quality. The service must be stopped."""
    from twinward.settings import read_settings

    from .export import Wanted
    from .export import export as write

    wanted = Wanted(site, begin, end, kind=kind, sensor=sensor, metric=metric)
    with progress_bar(output.name, quiet=as_json) as report:
        done = write(read_settings(config, os.environ), wanted, output, force=force, report=report)
    print_result(done, as_json=as_json)


def train(
    *,
    site: Annotated[str, typer.Option(help="Site of the sensors.")],
    sensor: Annotated[list[str], typer.Option(help="Sensor of the model; repeatable.")],
    begin: Annotated[str, typer.Option("--from", help="First moment, RFC 3339 with offset.")],
    end: Annotated[str, typer.Option("--to", help="End, exclusive, RFC 3339 with offset.")],
    output: Annotated[Path, typer.Option(help="Model file; the one before is kept beside it.")],
    metric: Annotated[list[str] | None, typer.Option(help="Only this metric; repeatable.")] = None,
    step: Annotated[int, typer.Option(help="Step in s over which readings are averaged.", min=1, max=86_400)] = 60,
    method: Annotated[str, typer.Option(help="`subspace` or `forest`.")] = "subspace",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Fit a model of several sensors on stored readings, for a rule of type `trained`. The service must be stopped."""
    from twinward.settings import read_settings

    from .train import Training
    from .train import train as fit

    wanted = Training(site, sensor, metric or [], begin, end, step, method)
    with progress_bar(output.name, quiet=as_json) as report:
        done = fit(read_settings(config, os.environ), wanted, output, report=report)
    print_result(done, as_json=as_json)


@hold_app.command("add")
def add(
    *,
    site: Annotated[str, typer.Option(help="Site of the readings.")],
    begin: Annotated[str, typer.Option("--from", help="First moment, RFC 3339 with offset.")],
    sensor: Annotated[list[str] | None, typer.Option(help="Only this sensor; repeatable.")] = None,
    end: Annotated[str, typer.Option("--to", help="End, exclusive; default: no end.")] = "",
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
    print_result(done, as_json=as_json)


@hold_app.command("list")
def show(*, config: Config = None, as_json: Json = False) -> None:
    """List all holds, released ones included."""
    from twinward.settings import read_settings

    from .hold import list_holds

    for row in list_holds(read_settings(config, os.environ)):
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
            continue
        scope = f"{row['site']} {' '.join(row['sensors']) or '(all sensors)'}"
        until = f"released {row['released']} by {row['released_by']}" if row["released"] else "active"
        print(f"{row['id']}: {scope}, {row['from']} to {row['to'] or 'no end'}, {until}; {row['who']}: {row['reason']}")


@hold_app.command("release")
def release(
    number: Annotated[int, typer.Argument(help="Number of the hold.")],
    *,
    reason: Reason = "",
    who: Who = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Release a hold; the next retention run deletes its expired readings."""
    from twinward.settings import read_settings

    from .hold import release_hold

    print_result(release_hold(read_settings(config, os.environ), number, reason=reason, who=who), as_json=as_json)


def backtest(
    *,
    recipe: Annotated[Path | None, typer.Option(help="Recipe in place of that of the configuration.")] = None,
    begin: Annotated[str, typer.Option("--from", help="First moment, RFC 3339 with offset.")],
    end: Annotated[str, typer.Option("--to", help="End, exclusive, RFC 3339 with offset.")],
    data: Annotated[Path | None, typer.Option(help="Data folder; default: that of the configuration.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture of the series with the most alarms (png, svg).")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Run the rules of a recipe over stored readings. The service must be stopped."""
    from twinward.settings import in_data_dir, read_settings

    from .backtest import run_backtest, table

    settings = read_settings(config, os.environ)
    settings = settings if data is None else in_data_dir(settings, data)
    found = run_backtest(settings, recipe, begin=begin, end=end, plot=plot, quiet=as_json)
    if as_json:
        print_result(found, as_json=True)
    else:
        print_lines(table(found))

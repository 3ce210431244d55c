"""The command line. A command loads only what it runs, so that `--help` is quick; each takes `--json`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__
from .commands.store import export, hold_app
from .errors import TwinwardError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Early-warning service of a smart campus: sensor telemetry in, hazards found, tickets followed until closed.",
)

app.command()(export)
app.add_typer(hold_app, name="hold")

Json = Annotated[bool, typer.Option("--json", help="Print for programs: JSON, one object a line.")]
Config = Annotated[Path | None, typer.Option("--config", help="TOML file with the settings.")]


class Role(StrEnum):
    """Which part of the flow a process runs."""

    ALL = "all"
    INGEST = "ingest"
    DETECT = "detect"
    ALERT = "alert"


class Chain(StrEnum):
    """What `verify` goes through."""

    LOG = "log"
    AUDIT = "audit"


class Bench(StrEnum):
    """What `bench` measures."""

    INGEST = "ingest"
    STORE = "store"
    DETECT = "detect"
    PIPELINE = "pipeline"
    CITY = "city"
    DRAIN = "drain"
    SIMULATE = "simulate"


def main() -> None:
    """Entry point: an error that a person can mend is one line and status 2, never a traceback."""
    try:
        app()
    except TwinwardError as error:
        for line in str(error).splitlines():
            print(f"twinward: {line}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(0)


@app.callback(invoke_without_command=True)
def version(*, show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Print the version when asked."""
    if show:
        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    *,
    port: Annotated[int, typer.Option(help="Port of the console.", min=1, max=65_535)] = 8080,
    mqtt_port: Annotated[int, typer.Option(help="Port of the broker.", min=1, max=65_535)] = 1883,
    scenario: Annotated[str, typer.Option(help="Scenario of the bank, or a TOML file.")] = "demo",
    speed: Annotated[float, typer.Option(help="How many times as fast as real time.", min=0.1, max=600)] = 1,
    data: Annotated[Path | None, typer.Option(help="Keep the data in this folder (default: a temporary one).")] = None,
    formats: Annotated[str, typer.Option(help="`native`, or `all` that the simulated school speaks.")] = "native",
    as_json: Json = False,
) -> None:
    """Broker, seeded school, simulated fleet, service and console, ready in seconds."""
    from .commands.demo import Demo

    Demo(
        port=port, mqtt_port=mqtt_port, scenario=scenario, speed=speed, data_dir=data, formats=formats, as_json=as_json
    ).run()


@app.command()
def run(
    *,
    config: Config = None,
    role: Annotated[Role, typer.Option(help="Which part of the flow this process runs.")] = Role.ALL,
    as_json: Json = False,
) -> None:
    """The service, until it is told to stop (Ctrl-C or SIGTERM)."""
    from .commands.run import run_service
    from .settings import read_settings

    run_service(read_settings(config, os.environ), role=role.value, as_json=as_json)


@app.command()
def simulate(
    *,
    broker: Annotated[str, typer.Option(help="mqtt://host:port to publish to.")] = "",
    output: Annotated[Path | None, typer.Option(help="CSV file to write instead of publishing.")] = None,
    scenario: Annotated[str, typer.Option(help="Scenario of the bank, or a TOML file.")] = "",
    over: Annotated[list[str] | None, typer.Option("--with", help="Lay another scenario or fault over it.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Recording to play: sensor,kind,metric,time,value.")] = None,
    sites: Annotated[int, typer.Option(help="How many schools.", min=1)] = 1,
    sensors: Annotated[int, typer.Option(help="Sensors a school; 0: as the school has them.", min=0)] = 0,
    rate: Annotated[float, typer.Option(help="Messages a second over all; 0: as the sensors send.", min=0)] = 0,
    speed: Annotated[float, typer.Option(help="How many times as fast as real time.", min=0.01)] = 1,
    step_s: Annotated[float, typer.Option("--step", help="Send so many seconds at each Enter; 0: play.", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Same seed, same campus and same noise.")] = 1,
    duration_s: Annotated[
        float, typer.Option("--duration", "--duration-s", help="Stop after this much simulated time.", min=0)
    ] = 0,
    formats: Annotated[str, typer.Option(help="Wire format, or `all` that a school speaks.")] = "native",
    qos: Annotated[int, typer.Option(help="MQTT quality of service.", min=0, max=1)] = 1,
    connections: Annotated[int, typer.Option(help="MQTT connections; 0: one a school, up to 100.", min=0)] = 0,
    site: Annotated[str, typer.Option(help="Site under which a recording is played.")] = "school-1",
    truth: Annotated[Path | None, typer.Option(help="Write the scenario's truth to this JSON file.")] = None,
    campus: Annotated[Path | None, typer.Option(help="Write the school's registry to this TOML file.")] = None,
    as_json: Json = False,
) -> None:
    """A fleet against any broker or into a file; or a recording played to a broker."""
    from .commands.simulate import Fleet, Way, play_recording, play_scenario, write_scenario

    if bool(broker) == bool(output):
        raise typer.BadParameter("give either --broker URL or --output FILE.csv")
    if csv is not None and output is not None:
        raise typer.BadParameter("--csv plays a recording to a broker; give --broker URL")
    if csv is not None:
        _say(play_recording(broker, csv, speed=speed, site=site, as_json=as_json), as_json=as_json)
        return
    fleet = Fleet(scenario or "quiet", over or (), sites, sensors, rate, seed, duration_s, formats)
    if output is not None:
        _say(write_scenario(fleet, output, as_json=as_json, truth=truth, campus=campus), as_json=as_json)
        return
    way = Way(broker, speed, qos, connections, step_s)
    _say(play_scenario(fleet, way, as_json=as_json, truth=truth, campus=campus), as_json=as_json)


@app.command()
def decode(
    *,
    source: Annotated[Path, typer.Option("--input", help="Captured messages, one JSON object a line.")],
    output: Annotated[Path | None, typer.Option(help="Where to write; standard output otherwise.")] = None,
    as_json: Json = False,
) -> None:
    """Show what captured messages mean, one line each."""
    from .commands.decode import decode_lines

    del as_json  # the output is JSON lines already
    with _lines(source) as lines, _writer(output) as write:
        for line in decode_lines(lines):
            write(line)


@app.command()
def detect(
    *,
    source: Annotated[Path, typer.Option("--input", help="Readings: sensor,kind,metric,time,value.")],
    output: Annotated[Path, typer.Option(help="Detections: sensor,metric,first,last,decided,score,...")],
    recipe: Annotated[Path | None, typer.Option(help="Rules to use instead of the campus recipe.")] = None,
    as_json: Json = False,
) -> None:
    """Run the detectors over a file."""
    from .commands.tools import detect_csv

    _say(detect_csv(source, output, recipe=recipe, quiet=as_json), as_json=as_json)


@app.command()
def score(
    *,
    detections: Annotated[Path, typer.Option(help="CSV as `detect` writes it.")],
    truth: Annotated[Path, typer.Option(help="Truth as `simulate` writes it, or sensor,start,end,hazard.")],
    span: Annotated[Path | None, typer.Option(help="CSV sensor,start,end: what was observed.")] = None,
    early: Annotated[float, typer.Option(min=0, help="Seconds before a window in which an alarm counts.")] = 0.0,
    grace: Annotated[float, typer.Option(min=0, help="Seconds after a window in which an alarm counts.")] = 0.0,
    merge: Annotated[float, typer.Option(min=0, help="Seconds within which alarms of one sensor are one.")] = 600.0,
    match_hazard: Annotated[bool, typer.Option(help="An alarm counts only in windows of its own hazard.")] = False,
    page_level: Annotated[int, typer.Option(min=0, max=3, help="Level from which an alarm pages people.")] = 2,
    forecasts: Annotated[Path | None, typer.Option(help="CSV sensor,metric,at,low,high[,share].")] = None,
    signal: Annotated[Path | None, typer.Option(help="The readings, for --plot and --forecasts.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture of truth and alarms over the signal.")] = None,
    as_json: Json = False,
) -> None:
    """Hold detections against the truth: recall, precision, delay, lead, pages, operator load, interval coverage."""
    from .commands.score import score_files

    options = {"early_s": early, "grace_s": grace, "merge_s": merge, "match_hazard": match_hazard}
    report = score_files(
        detections, truth, span=span, forecasts=forecasts, signal=signal, plot=plot, page_level=page_level, **options
    )
    _say(report, as_json=as_json)


@app.command()
def gallery(
    scenario: Annotated[list[str] | None, typer.Argument(help="Scenarios; all of the bank without any.")] = None,
    *,
    output: Annotated[Path, typer.Option(help="Folder for the pictures and their page.")] = Path("gallery"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the school.")] = 1,
    as_json: Json = False,
) -> None:
    """Draw the scenario bank: what its devices measure, with the truth behind it."""
    from .commands.tools import draw_gallery

    _say(draw_gallery(output, scenarios=scenario or [], seed=seed, quiet=as_json), as_json=as_json)


@app.command()
def verify(
    chain: Annotated[Chain, typer.Argument(help="Which hash chain to go through.")],
    *,
    config: Config = None,
    data: Annotated[Path | None, typer.Option(help="The data folder, where no configuration names it.")] = None,
    as_json: Json = False,
) -> None:
    """Go through a hash chain; status 1 and the first bad entry when anything was changed."""
    from .commands.tools import verify_chain

    report = verify_chain(chain.value, config=config, data_dir=data)
    _say(report, as_json=as_json)
    if not report["ok"]:
        raise typer.Exit(1)


@app.command()
def doctor(*, config: Config = None, as_json: Json = False) -> None:
    """Look at broker, disk, clock, ports, console and channels; status 1 when something is wrong."""
    from .commands.tools import examine_installation

    findings = examine_installation(config)
    for finding in findings:
        mark = "ok  " if finding["ok"] else "FAIL"
        text = f"{mark} {finding['name']}: {finding['en']} / {finding['zh']}"
        print(json.dumps(finding, ensure_ascii=False) if as_json else text)
        if not as_json and not finding["ok"] and finding["advice"]:
            print(f"     {finding['advice']}")
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(1)


@app.command("check-config")
def check_config(
    path: Annotated[Path | None, typer.Argument(help="The file; without it, the environment alone.")] = None,
    *,
    config: Config = None,
    sample: Annotated[bool, typer.Option(help="Print a sample file with every setting and its default.")] = False,
    as_json: Json = False,
) -> None:
    """Tell every error of a configuration and of the files that it names at once, and what is allowed."""
    from .settings import sample_file

    if sample:
        print(sample_file(), end="")
        return
    from .commands.tools import check_files

    try:
        settings = check_files(path or config)
    except TwinwardError as error:
        if not as_json:
            raise
        print(json.dumps({"ok": False, "errors": str(error).splitlines()}, ensure_ascii=False))
        raise typer.Exit(2) from error
    _say({"ok": True, "data_dir": str(settings.data_dir), "errors": []}, as_json=as_json)


@app.command()
def bench(
    what: Annotated[Bench, typer.Argument(help="What to measure.")],
    *,
    seconds: Annotated[float, typer.Option(help="How long each case runs.", min=0.5, max=600)] = 5,
    rows: Annotated[int, typer.Option(help="Store: readings behind the reads.", min=100_000, max=10**9)] = 2_000_000,
    as_json: Json = False,
) -> None:
    """Measure this machine; every figure stands beside its yardstick from the same run."""
    from .commands.tools import run_bench

    options = {"rows": rows} if what is Bench.STORE else {}
    run_bench(what.value, seconds=seconds, as_json=as_json, **options)


def _say(result: dict[str, Any], *, as_json: bool) -> None:
    """A result as JSON, or a line for each fact."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str))
        return
    for name, value in result.items():
        shown = f"{value:.4g}" if isinstance(value, float) else value
        print(f"{name.replace('_', ' ')}: {shown}")


@contextlib.contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    from .errors import InputError

    try:
        with path.open(encoding="utf-8") as file:
            yield file
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from error


@contextlib.contextmanager
def _writer(path: Path | None) -> Iterator[Any]:
    if path is None:
        yield print
        return
    with path.open("w", encoding="utf-8") as file:
        yield lambda line: file.write(line + "\n")

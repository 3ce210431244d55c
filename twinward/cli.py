"""Command line of the product: each command imports only its own modules and has `--json`."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import __version__
from .commands.archive import backup, restore
from .commands.detector import check_rules, detector_app
from .commands.devices import devices_app
from .commands.folder import heads, recover, replay, verify
from .commands.output import Config, Json, open_lines, open_output, print_result
from .commands.qualify import qualify
from .commands.rosters import roster_app
from .commands.scoring import score
from .commands.store import backtest, export, hold_app, train
from .errors import TwinwardError

PRIVATE_UMASK = 0o077
"""File mode creation mask of every command: files 0600, folders 0700."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Early-warning service of a smart campus: sensor telemetry in, hazards found, tickets followed until closed.",
)

app.command()(export)
app.command()(backtest)
app.command()(train)
app.command()(backup)
app.command()(restore)
app.command()(recover)
app.command()(verify)
app.command()(heads)
app.command()(replay)
app.command("check-rules")(check_rules)
app.command()(qualify)
app.command()(score)
app.add_typer(hold_app, name="hold")
app.add_typer(devices_app, name="devices")
app.add_typer(detector_app, name="detector")
app.add_typer(roster_app, name="roster")


class Role(StrEnum):
    """Parts of the flow that one process runs."""

    ALL = "all"
    INGEST = "ingest"
    DETECT = "detect"
    ALERT = "alert"


class Bench(StrEnum):
    """Measurements of `bench`."""

    INGEST = "ingest"
    STORE = "store"
    LOG = "log"
    DETECT = "detect"
    BACKTEST = "backtest"
    PIPELINE = "pipeline"
    CITY = "city"
    DRAIN = "drain"
    SIMULATE = "simulate"
    IDLE = "idle"
    LATENCY = "latency"
    BUREAU = "bureau"
    SCALE = "scale"


def main() -> None:
    """Run the command line; print a TwinwardError as lines and exit with status 2."""
    os.umask(PRIVATE_UMASK)  # new files have secrets, or readings of a school
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
    """Print the version, if the option is given."""
    if show:
        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    *,
    port: Annotated[int, typer.Option(help="Port of the console.", min=1, max=65_535)] = 8080,
    mqtt_port: Annotated[int, typer.Option(help="Port of the broker.", min=1, max=65_535)] = 1883,
    scenario: Annotated[str, typer.Option(help="Scenario of the bank, or a TOML file.")] = "demo",
    speed: Annotated[float, typer.Option(help="Multiple of real time.", min=0.1, max=600)] = 1,
    data: Annotated[Path | None, typer.Option(help="Keep the data in this folder (default: a temporary one).")] = None,
    formats: Annotated[
        str, typer.Option(help="Wire formats: `native`, or `all` formats of the simulated school.")
    ] = "native",
    as_json: Json = False,
) -> None:
    """Start broker, seeded school, simulated fleet, service and console."""
    from .commands.demo import Demo

    Demo(
        port=port, mqtt_port=mqtt_port, scenario=scenario, speed=speed, data_dir=data, formats=formats, as_json=as_json
    ).run()


@app.command()
def run(
    *,
    config: Config = None,
    role: Annotated[Role, typer.Option(help="Part of the flow that this process runs.")] = Role.ALL,
    as_json: Json = False,
) -> None:
    """Run the service until Ctrl-C or SIGTERM."""
    from .commands.run import run_service
    from .settings import read_settings

    run_service(read_settings(config, os.environ), role=role.value, as_json=as_json, config=config)


@app.command()
def simulate(
    *,
    broker: Annotated[str, typer.Option(help="mqtt://host:port to publish to.")] = "",
    output: Annotated[Path | None, typer.Option(help="CSV file to write instead of publishing.")] = None,
    scenario: Annotated[str, typer.Option(help="Scenario of the bank, or a TOML file.")] = "",
    over: Annotated[list[str] | None, typer.Option("--with", help="Add another scenario or fault.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Recording to play: sensor,kind,metric,time,value.")] = None,
    sites: Annotated[int, typer.Option(help="Number of schools.", min=1)] = 1,
    sensors: Annotated[int, typer.Option(help="Sensors per school; 0: the school's own number.", min=0)] = 0,
    rate: Annotated[float, typer.Option(help="Messages per second of the fleet; 0: the sensors' own rate.", min=0)] = 0,
    speed: Annotated[float, typer.Option(help="Multiple of real time.", min=0.01)] = 1,
    step_s: Annotated[
        float, typer.Option("--step", help="Simulated seconds to send at each Enter; 0: no steps.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of campus and noise.")] = 1,
    duration_s: Annotated[
        float, typer.Option("--duration", "--duration-s", help="Seconds of simulated time.", min=0)
    ] = 0,
    formats: Annotated[str, typer.Option(help="Wire format, or `all` formats of a school.")] = "native",
    qos: Annotated[int, typer.Option(help="MQTT quality of service.", min=0, max=1)] = 1,
    connections: Annotated[int, typer.Option(help="MQTT connections; 0: one per school, at most 100.", min=0)] = 0,
    site: Annotated[str, typer.Option(help="Site of a recording.")] = "school-1",
    truth: Annotated[Path | None, typer.Option(help="Write the scenario's truth to this JSON file.")] = None,
    campus: Annotated[Path | None, typer.Option(help="Write the school's registry to this TOML file.")] = None,
    as_json: Json = False,
) -> None:
    """Play a simulated fleet to a broker or into a file, or a recording to a broker."""
    from .commands.simulate import Fleet, Way, play_recording, play_scenario, write_scenario

    if bool(broker) == bool(output):
        raise typer.BadParameter("one destination is needed: --broker URL or --output FILE.csv")
    if csv is not None and output is not None:
        raise typer.BadParameter("--csv cannot be combined with --output; it needs --broker URL")
    if csv is not None:
        print_result(play_recording(broker, csv, speed=speed, site=site, as_json=as_json), as_json=as_json)
        return
    fleet = Fleet(scenario or "quiet", over or (), sites, sensors, rate, seed, duration_s, formats)
    if output is not None:
        print_result(write_scenario(fleet, output, as_json=as_json, truth=truth, campus=campus), as_json=as_json)
        return
    way = Way(broker, speed, qos, connections, step_s)
    print_result(play_scenario(fleet, way, as_json=as_json, truth=truth, campus=campus), as_json=as_json)


@app.command()
def decode(
    *,
    source: Annotated[Path, typer.Option("--input", help="Captured messages, one JSON object per line.")],
    output: Annotated[Path | None, typer.Option(help="File for the readings; default: standard output.")] = None,
    as_json: Json = False,
) -> None:
    """Decode captured messages into one line of JSON each."""
    from .commands.decode import decode_lines

    del as_json  # the output is JSON lines already
    with open_lines(source) as lines, open_output(output, source=source) as write:
        for line in decode_lines(lines):
            write(line)


@app.command()
def detect(
    *,
    source: Annotated[Path, typer.Option("--input", help="Readings: sensor,kind,metric,time,value.")],
    output: Annotated[Path, typer.Option(help="Detections: sensor,metric,first,last,decided,score,...")],
    recipe: Annotated[Path | None, typer.Option(help="Recipe in place of the campus recipe.")] = None,
    campus: Annotated[Path | None, typer.Option(help="Campus file: limits, profiles, calendar.")] = None,
    scores: Annotated[Path | None, typer.Option(help="File of scores: sensor,metric,time,score.")] = None,
    forecasts: Annotated[Path | None, typer.Option(help="File of forecasts: sensor,metric,at,low,high,...")] = None,
    counts: Annotated[Path | None, typer.Option(help="File of persons inside: place,time,inside.")] = None,
    as_json: Json = False,
) -> None:
    """Run the detectors over a file."""
    from .commands.detect import detect_csv
    from .commands.side_files import SideFiles

    beside = SideFiles(scores, forecasts, counts)
    found = detect_csv(source, output, recipe=recipe, campus=campus, beside=beside, quiet=as_json)
    print_result(found, as_json=as_json)


@app.command()
def gallery(
    scenario: Annotated[list[str] | None, typer.Argument(help="Scenarios; default: the whole bank.")] = None,
    *,
    output: Annotated[Path, typer.Option(help="Folder for the pictures and their page.")] = Path("gallery"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the school.")] = 1,
    as_json: Json = False,
) -> None:
    """Draw the measurements of the scenario bank with their truth."""
    from .commands.gallery import draw_gallery

    print_result(draw_gallery(output, scenarios=scenario or [], seed=seed, quiet=as_json), as_json=as_json)


@app.command()
def doctor(*, config: Config = None, as_json: Json = False) -> None:
    """Check broker, disk, clock, ports, console and channels; exit status 1 after a failure."""
    from .commands.doctor import examine_installation

    if not examine_installation(config, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def certificate(
    name: Annotated[list[str] | None, typer.Argument(help="Host names and addresses; default: this machine's.")] = None,
    *,
    output: Annotated[Path, typer.Option(help="Folder of the files.")] = Path("twinward-tls"),
    renew: Annotated[bool, typer.Option(help="Replace the server certificate; the authority and key stay.")] = False,
    as_json: Json = False,
) -> None:
    """Make a TLS certificate for `http.certificate`, signed by a local authority for phones and PCs."""
    from .commands.certificate import make_certificate

    print_result(make_certificate(name or [], folder=output, renew=renew), as_json=as_json)


@app.command("check-config")
def check_config(
    path: Annotated[Path | None, typer.Argument(help="The file; default: the environment only.")] = None,
    *,
    config: Config = None,
    sample: Annotated[bool, typer.Option(help="Print a sample file with every setting and its default.")] = False,
    as_json: Json = False,
) -> None:
    """Report all errors of a configuration and of the files that it names, with the allowed values."""
    from .settings import sample_file

    if sample:
        print(sample_file(), end="")
        return
    from .commands.check_config import check_files

    try:
        settings = check_files(path or config)
    except TwinwardError as error:
        if not as_json:
            raise
        print_result({"ok": False, "errors": str(error).splitlines()}, as_json=True)
        raise typer.Exit(2) from error
    print_result({"ok": True, "data_dir": str(settings.data_dir), "errors": []}, as_json=as_json)


@app.command()
def bench(
    measurement: Annotated[Bench, typer.Argument(help="The measurement.")],
    *,
    seconds: Annotated[float, typer.Option(help="Seconds per case.", min=0.5, max=600)] = 5,
    rows: Annotated[int, typer.Option(help="Store, backtest: stored readings.", min=100_000, max=10**9)] = 2_000_000,
    schools: Annotated[int, typer.Option(help="Bureau: number of schools.", min=1, max=9_999)] = 3_000,
    database: Annotated[str, typer.Option(help="Bureau, scale: URL of an empty database; by default SQLite.")] = "",
    streams: Annotated[int, typer.Option(help="Latency: further live streams.", min=0, max=180)] = 0,
    sensors: Annotated[int, typer.Option(help="Scale: number of sensors.", min=100, max=1_000_000)] = 1_000,
    as_json: Json = False,
) -> None:
    """Measure this machine; each figure comes with a reference from the same run."""
    from .commands.bench import run_bench

    own: dict[Bench, dict[str, int | str]] = {Bench.STORE: {"rows": rows}, Bench.BACKTEST: {"rows": rows}}
    own |= {Bench.LATENCY: {"streams": streams}, Bench.BUREAU: {"schools": schools, "database": database}}
    own[Bench.SCALE] = {"sensors": sensors, "database": database}
    run_bench(measurement.value, seconds=seconds, as_json=as_json, **own.get(measurement, {}))

"""All settings of the service in one tree; each section is defined in the package that it configures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Interval, Unit, doc

from alerts.api import HttpSettings
from alerts.notices.channels import NotifySettings
from alerts.notices.channels.channel_file import KINDS, settings_of
from alerts.people.settings import PeopleSettings
from ingest import BatchSettings, IntakeSettings
from ingest.mqtt import MqttSettings
from ingest.stores import StoreSettings

from .broker.settings import BrokerSettings
from .config import described, keys, load
from .heads.settings import AuditSettings

SETTINGS_FILE = "twinward.toml"
"""Settings file in the data folder, which the set-up of the console writes."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Place and retention of the durable log."""

    url: Annotated[
        str,
        doc(
            "URL of the log of two nodes: a PostgreSQL database, such as postgresql+psycopg://twinward@host/twinward, "
            "or NATS servers, such as nats://host1,host2,host3/school?credentials=FILE; files in data_dir when empty"
        ),
    ] = ""
    keep_days: Annotated[
        float,
        Interval(ge=0.01, le=36_500),
        Unit("d"),
        doc("age at which entries are deleted once every stage has read them"),
    ] = 30.0
    keep_mb: Annotated[
        int,
        Interval(ge=16, le=100_000_000),
        Unit("MB"),
        doc("size above which the oldest entries are deleted once every stage has read them"),
    ] = 100_000


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration."""

    data_dir: Annotated[Path, doc("folder of logs, store and database")] = Path("twinward-data")
    campus: Annotated[Path | None, doc("campus file: sites, zones, places, risk points, sensors, calendar")] = None
    recipe: Annotated[Path | None, doc("detection rules; the campus recipe if empty")] = None
    overrides: Annotated[Path | None, doc("changed parameters of single rules, with reason and author")] = None
    cells: Annotated[Path | None, doc("table of further battery types")] = None
    lorawan: Annotated[Path | None, doc("table of further LoRaWAN profiles")] = None
    rosters: Annotated[
        Path | None, doc("roster file: persons, shifts and chains; fills sites that have no roster in the database")
    ] = None
    cameras: Annotated[
        Path | None, doc("camera file: snapshot addresses by site and place, with their credentials; mode 0600")
    ] = None
    database: Annotated[
        str,
        doc(
            "URL of the alert database, such as postgresql+psycopg://twinward@host/twinward (password in ~/.pgpass); "
            "SQLite in data_dir when empty"
        ),
    ] = ""
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    batch: BatchSettings = field(default_factory=BatchSettings)
    log: LogSettings = field(default_factory=LogSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    people: PeopleSettings = field(default_factory=PeopleSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    audit: AuditSettings = field(default_factory=AuditSettings)

    @property
    def database_url(self) -> str:
        """Return the URL of the alert database."""
        return self.database or f"sqlite:///{self.data_dir / 'alerts.sqlite'}"


def read_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of file and environment. Raises ConfigError with all errors.

    Without a file, that of the data folder is read if it exists.
    """
    folder = Path(environ.get("TWINWARD_DATA_DIR") or Settings().data_dir)
    return load(Settings, path or next((one for one in [folder / SETTINGS_FILE] if one.is_file()), None), environ)


def sample_file() -> str:
    """Return a configuration file with each setting at its default and one line of text."""
    lines, section = ["# Settings of Twinward. A commented setting has its default."], ""
    for key in keys(Settings):
        home, _, name = key.name.rpartition(".")
        if home != section:
            section = home
            lines += ["", f"[{section}]"]
        bounds = ", ".join(filter(None, (key.unit, key.allowed)))
        lines.append(f"# {key.text}{f' ({bounds})' if bounds else ''}; {key.environment}")
        lines.append(f"# {name} = {_toml(key.default)}")
    return "\n".join(lines) + "\n"


def reference() -> str:
    """Return all settings as a Markdown table, for the manual."""
    head = (
        "# Configuration\n\n"
        "Settings come from one TOML file, then the environment. `twinward check-config FILE` reports all errors of "
        "the file and of the files that it names. `twinward check-config --sample` prints a file with the defaults. "
        "The program generates this page.\n\n"
        "| key | environment | type | default | unit | bounds | meaning |\n|---|---|---|---|---|---|---|\n"
    )
    rows = []
    for key in keys(Settings):
        cells = (f"`{key.name}`", f"`{key.environment}`", _cell(key.type), f"`{_toml(key.default)}`", key.unit)
        rows.append(f"| {' | '.join((*cells, key.allowed, key.text))} |\n")
    return head + "".join(rows) + _channel_reference()


def _channel_reference() -> str:
    """Return the keys of the channel file as one Markdown table for each kind of channel."""
    text = (
        "\n## Channel file\n\n"
        "`notify.channels_file` has a table for each channel ([channels](operators/channels.md)). The keys of the "
        "route are the first rows of each table.\n"
    )
    for kind in KINDS:
        text += f"\n### `[[{kind}]]`\n\n| key | default | unit | allowed | meaning |\n|---|---|---|---|---|\n"
        for name, default, unit, allowed, meaning in described(settings_of(kind)):
            shown = "required" if default is MISSING else f"`{_toml(default)}`"
            text += f"| `{name}` | {shown} | {unit} | {_cell(allowed)} | {meaning} |\n"
    return text


def in_data_dir(settings: Settings, data_dir: Path) -> Settings:
    """Return the settings with another data folder."""
    return dataclasses.replace(settings, data_dir=data_dir)


def _cell(text: str) -> str:
    return text.replace("|", "or")


def _toml(value: object) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return f'"{value}"'

"""Tables named by the settings: all errors of all files at once, and correct tables."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ingest.decode import Reading
from twinward.errors import ConfigError
from twinward.settings import Settings, read_settings
from twinward.tables import read_tables

WRONG = {
    "campus": '[[site]]\nname = "no id"\n[[street]]\n',
    "recipe": 'late_s = -1\n[[rule]]\nname = "x"\n',
    "cells": '[[cell]]\nname = "d"\nvolts = 3\n',
    "lorawan": '[[mapping]]\nprofile = "a"\n[[mapping]]\ncolour = "red"\n',
    "retention": '[[class]]\nname = ""\n',
}
"""Two errors or more in each except the cells."""


def config(folder: Path, texts: dict[str, str]) -> Path:
    """Write settings that name a file for each text; return their path."""
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    lines = [f'{name} = "{folder / name}.toml"' for name in texts if name != "retention"]
    if "retention" in texts:
        lines += ["[store]", f'retention = "{folder / "retention.toml"}"']
    path = folder / "twinward.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def faults(path: Path) -> list[str]:
    """Return the errors of the tables of these settings."""
    with pytest.raises(ConfigError) as caught:
        read_tables(read_settings(path, {}))
    return str(caught.value).splitlines()


def test_all_errors_of_all_files_are_reported_with_their_file(tmp_path: Path) -> None:
    """Each file alone and all files together have the same errors."""
    alone: list[str] = []
    for name, text in WRONG.items():
        errors = faults(config(tmp_path, {name: text}))
        assert errors
        assert all(f"{tmp_path / name}.toml" in line for line in errors)
        assert len(errors) >= (1 if name == "cells" else 2)
        alone += errors
    assert sorted(faults(config(tmp_path, WRONG))) == sorted(alone)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    """The error has the system's reason, and the file's name once."""
    path = config(tmp_path, dict.fromkeys(WRONG, ""))
    for name in WRONG:
        (tmp_path / f"{name}.toml").unlink()
    errors = faults(path)
    assert len(errors) == len(WRONG)
    for name, line in zip(WRONG, errors, strict=True):
        assert line.count(f"{tmp_path / name}.toml") == 1
        assert "No such file or directory" in line


def test_without_files_the_shipped_tables_are_read() -> None:
    """The shipped tables are complete."""
    tables = read_tables(Settings())
    assert tables.recipe.rules
    assert tables.retention
    assert not tables.registry.sensors


def test_a_user_table_overrides_and_extends_the_shipped_one(tmp_path: Path) -> None:
    """A user's battery type and LoRaWAN profile extend the shipped ones."""
    cell = (
        '[[cell]]\nname = "own"\nlow_v = 3.2\nfresh_v = 3.4\ndead_v = 2.9\nmessages = [1500, 2500]\nsource = "sheet"\n'
    )
    row = '[[mapping]]\nprofile = "own-1"\nkey = "level"\nkind = "water"\nmetric = "water_level"\nunit = "mm"\n'
    tables = read_tables(read_settings(config(tmp_path, {"cells": cell, "lorawan": row}), {}))
    shipped = read_tables(Settings())
    assert {cell.name for cell in tables.recipe.battery_types.rows} == {
        "own",
        *(cell.name for cell in shipped.recipe.battery_types.rows),
    }
    stamp = Reading("a", "device", "", 0.0, "")
    own, other = (table.lorawan.interpret("OWN-1", {"level": 1500}, stamp) for table in (tables, shipped))
    assert [(reading.metric, reading.value) for reading in own.readings] == [("water_level", 1500.0)]
    assert [reading.metric for reading in other.readings] == ["level_undescribed"]


@pytest.mark.parametrize("as_json", [False, True])
def test_check_config_reads_the_files_too(tmp_path: Path, run_twinward: Any, as_json: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Exit status 2 with all errors, missing secrets of channels included; exit status 0 without errors."""
    path = config(tmp_path, WRONG)
    with path.open("a", encoding="utf-8") as file:
        file.write('[notify]\nwebhooks = ["https://example.org/in"]\n')
    wanted = {*faults(path), "notify.webhook_secret_file is needed for webhooks"}
    command = [*run_twinward.command, "check-config", str(path), *(["--json"] if as_json else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=run_twinward.environment)
    errors = json.loads(done.stdout)["errors"] if as_json else done.stderr.splitlines()
    assert done.returncode == 2
    assert {line.removeprefix("twinward: ") for line in errors} == wanted
    config(tmp_path, {})
    assert subprocess.run(command, capture_output=True, check=False, env=run_twinward.environment).returncode == 0


def test_check_config_refuses_plain_connections_as_run_does(tmp_path: Path, run_twinward: Any) -> None:
    """A plain broker and a plain HTTP interface off this machine are errors of both commands."""
    path = tmp_path / "twinward.toml"
    wrong = '[mqtt]\nurl = "mqtt://broker.example"\n[http]\nhost = "0.0.0.0"\n'
    path.write_text(f'data_dir = "{tmp_path}/data"\n{wrong}', encoding="utf-8")

    def errors(*arguments: str) -> str:
        command = [*run_twinward.command, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=run_twinward.environment)
        assert done.returncode == 2, done
        return done.stderr

    found = errors("check-config", str(path))
    assert "broker.example" in found
    assert "http.host '0.0.0.0' is reachable" in found
    assert "http.host '0.0.0.0' is reachable" in errors("run", "--config", str(path))
    path.write_text(path.read_text(encoding="utf-8") + "plain = true\n", encoding="utf-8")
    assert "broker.example" in errors("run", "--config", str(path))


def test_limits_without_a_rule_are_refused_with_the_campus_file(tmp_path: Path) -> None:
    """The recipe decides which limits have an effect."""
    campus = '[[site]]\nid = "s"\n[[sensor]]\nsite = "s"\nid = "g"\nkind = "water"\nlimits = { salinity = [3] }\n'
    path = config(tmp_path, {"campus": campus})
    (fault,) = faults(path)
    assert fault.startswith(f"{tmp_path / 'campus.toml'}: sensor g.limits.salinity = [3.0]: no rule reads it")
    rule = 'hazard = "anomaly"\nname = "salt"\ntype = "threshold"\nmetric = "salinity"\nlimits = [5]\n'
    read_tables(read_settings(config(tmp_path, {"campus": campus, "recipe": f"[[rule]]\n{rule}"}), {}))

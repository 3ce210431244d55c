"""`roster lint` and `roster load`: gaps with exit code 1, rosters of the file in the database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twinward.cli import app

ROBOT = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k"
CAMPUS = '[[site]]\nid = "s"\n'
ROSTER = """
[[person]]
site = "s"
id = "li"
contacts = { app = "wecom-1" }
[[chain]]
site = "s"
id = "fire"
steps = [{ persons = ["li"] }]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a settings file with a roster and one address."""
    files = (("campus.toml", CAMPUS), ("rosters.toml", ROSTER), ("robots", f"wecom {ROBOT}\n"))
    for name, text in files:
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text, encoding="utf-8")
    path = tmp_path / "twinward.toml"
    folder = f'data_dir = "{tmp_path}"\ncampus = "{tmp_path}/campus.toml"\nrosters = "{tmp_path}/rosters.toml"\n'
    path.write_text(f'{folder}[notify]\nrobots_file = "{tmp_path}/robots"\n', encoding="utf-8")
    return path


def test_a_complete_roster_has_no_gap(config: Path) -> None:
    """Exit code 0; the file of the database keeps its versions."""
    run = CliRunner()
    done = run.invoke(app, ["roster", "lint", "--config", str(config)])
    assert (done.exit_code, done.stdout) == (0, "gaps: 0\n")
    for version in (1, 2):
        done = run.invoke(app, ["roster", "load", "--config", str(config), "--json"])
        assert json.loads(done.stdout) == {"s": f"version {version}"}
    (config.parent / "rosters.toml").write_text("", encoding="utf-8")
    assert run.invoke(app, ["roster", "lint", "--config", str(config)]).exit_code == 0  # of the database


def test_a_gap_is_named_and_ends_with_1(config: Path) -> None:
    """A contact without a channel reaches nobody."""
    text = ROSTER.replace("wecom-1", "wecom-7")
    (config.parent / "rosters.toml").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["roster", "lint", "--config", str(config), "--json"])
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert {(row["chain"], row["step"], row["grade"]) for row in found} == {
        ("fire", 1, "red"),
        ("fire", 1, "orange"),
        ("fire", 1, "yellow"),
    }

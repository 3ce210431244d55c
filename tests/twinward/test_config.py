"""Settings of one file and the environment, with all errors at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Interval, Unit, doc

from twinward.config import keys, load
from twinward.errors import ConfigError


@dataclass(frozen=True)
class Line:
    """A section."""

    port: Annotated[int, Interval(ge=1, le=65_535), doc("where to listen")] = 1883
    wait_s: Annotated[float, Interval(ge=0, le=5), Unit("s"), doc("how long to wait")] = 1.0
    mode: Annotated[Literal["plain", "tls"], doc("how to speak")] = "plain"


@dataclass(frozen=True)
class Settings:
    """All settings of this test."""

    data_dir: Annotated[Path, doc("where everything is kept")] = Path("var")
    line: Line = field(default_factory=Line)


def written(tmp_path: Path, text: str) -> Path:
    """Write a configuration file with this text."""
    path = tmp_path / "twinward.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_hold_without_a_file() -> None:
    """Without file and environment all settings have their defaults."""
    assert load(Settings, None, {"PATH": "/bin"}) == Settings()


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    """The environment overrides the file."""
    path = written(tmp_path, "data_dir = 'here'\n[line]\nport = 1\nwait_s = 2\n")
    settings = load(Settings, path, {"TWINWARD_LINE_PORT": "77", "TWINWARD_DATA_DIR": "there"})
    assert settings == Settings(Path("there"), Line(port=77, wait_s=2.0))


def test_every_error_is_reported_with_key_and_allowed_values(tmp_path: Path) -> None:
    """Unknown keys, wrong values and unknown environment names are reported together."""
    path = written(tmp_path, "lien = 1\n[line]\nport = 0\nmode = 'radio'\nprot = 5\n")
    with pytest.raises(ConfigError) as caught:
        load(Settings, path, {"TWINWARD_LINE_WAIT_S": "soon", "TWINWARD_LINE_PROT": "5"})
    text = "\n".join(caught.value.errors)
    assert "line.port: 0 is not allowed: input should be greater than or equal to 1" in text
    assert "line.mode: 'radio' is not allowed: input should be 'plain' or 'tls'" in text
    assert "line.prot: unknown key; allowed is mode, port, wait_s" in text
    assert "lien: unknown key; allowed is data_dir, line" in text
    assert "line.wait_s: 'soon' is not allowed" in text
    assert "TWINWARD_LINE_PROT: no setting has this name" in text
    assert len(caught.value.errors) == 6


@pytest.mark.parametrize("text", ["[line\n", "line = 3\n", "data_dir = 7\n"])
def test_a_broken_file_is_one_clear_error(tmp_path: Path, text: str) -> None:
    """Syntax errors and wrong shapes raise ConfigError only."""
    with pytest.raises(ConfigError):
        load(Settings, written(tmp_path, text), {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(ConfigError, match=r"absent\.toml: No such file"):
        load(Settings, tmp_path / "absent.toml", {})


def test_every_key_is_described() -> None:
    """The reference has type, default, unit, bounds and text."""
    described = {key.name: key for key in keys(Settings)}
    assert list(described) == ["data_dir", "line.port", "line.wait_s", "line.mode"]
    assert described["line.wait_s"].unit == "s"
    assert described["line.port"].allowed == ">= 1, <= 65535"
    assert described["line.port"].environment == "TWINWARD_LINE_PORT"
    assert described["line.port"].text == "where to listen"

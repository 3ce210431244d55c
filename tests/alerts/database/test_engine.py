"""Opening of the alert database: a wrong URL or a stopped server is one clear error."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from alerts import AlertError, open_database
from alerts.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql+psycopg://twinward:secret-word@127.0.0.1:1/twinward?connect_timeout=2", "127.0.0.1:1"),
        ("sqlite:////nowhere/at/all/alerts.sqlite", "unable to open"),
        ("oracle+delphi://host/secret-word", "oracle"),
        ("secret-word", "a text of 11 characters"),
    ],
)
def test_a_database_that_does_not_open_is_a_clear_error(url: str, part: str) -> None:
    """The error names the database, the reason and the allowed values, never the password."""
    with pytest.raises(DatabaseUnavailable) as raised:
        open_database(url)
    text = str(raised.value)
    assert isinstance(raised.value, AlertError)
    assert part in text
    assert "sqlite:///FILE" in text
    assert "twinward:secret-word" not in text


def test_the_error_of_a_statement_has_no_values(tmp_path: Path) -> None:
    """They are names, telephone numbers and comments of people, and errors are logged."""
    engine = open_database(f"sqlite:///{tmp_path}/alerts.sqlite")
    with engine.connect() as connection, pytest.raises(OperationalError) as raised:
        connection.execute(text("SELECT :number FROM nothing"), {"number": "13800000001"})
    engine.dispose()
    assert "SELECT ? FROM nothing" in str(raised.value)
    assert "13800000001" not in str(raised.value)


def test_only_a_lease_commits_without_sync(tmp_path: Path) -> None:
    """`durable=False` holds for its transaction alone, also where the connection is used again."""
    engine = open_database(f"sqlite:///{tmp_path}/alerts.sqlite")
    leasing = engine.execution_options(durable=False)
    modes = []
    for one in (engine, leasing, leasing, engine):
        with one.begin() as connection:
            modes.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
    engine.dispose()
    assert modes == [2, 1, 1, 2]  # FULL, NORMAL


def test_a_service_without_its_database_ends_with_one_line(tmp_path: Path, run_twinward: Any) -> None:
    """`verify audit` prints the error and exits with status 2."""
    config = tmp_path / "twinward.toml"
    config.write_text(
        f'data_dir = "{tmp_path}/data"\ndatabase = "postgresql+psycopg://u:secret-word@127.0.0.1:1/d"\n',
        encoding="utf-8",
    )
    command = [*run_twinward.command, "verify", "audit", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot open the alert database" in done.stderr + done.stdout
    assert "secret-word" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr

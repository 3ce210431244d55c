"""Reads of the alert database while it is away."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine

from alerts.database.engine import open_database
from alerts.queries import Queries


def test_a_database_that_is_away_is_not_ready(tmp_path: Path) -> None:
    """The check returns False instead of an error, which would stop the service; with a database it is True."""
    away = create_engine(f"sqlite:///{tmp_path / 'missing' / 'alerts.sqlite'}")
    assert Queries(away).ready() is False
    away.dispose()
    engine = open_database(f"sqlite:///{tmp_path / 'alerts.sqlite'}")
    assert Queries(engine).ready() is True
    engine.dispose()

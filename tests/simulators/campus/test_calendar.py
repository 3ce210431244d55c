"""Calendar of the simulated school, and its form in the registry file."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import numpy as np

from detectors import Calendar as Read
from simulators import build_campus, campus_toml
from simulators.campus.calendar import Calendar


def ms(day: str) -> int:
    """Return noon of a day in Shanghai as milliseconds since 1970."""
    return int(datetime.fromisoformat(f"{day}T04:00:00").replace(tzinfo=UTC).timestamp()) * 1000


def test_make_up_day_is_a_school_day_in_simulation_and_registry() -> None:
    """A Sunday and a Saturday with lessons; the Sunday after and the holiday stay free."""
    calendar = Calendar(workdays=("2026-09-20", "2026-10-10"))
    days = ["2026-09-20", "2026-09-27", "2026-10-10", "2026-10-01"]
    noon = np.array([ms(day) for day in days], np.int64)
    assert calendar.in_session(noon).tolist() == [True, False, True, False]
    table = tomllib.loads(campus_toml(build_campus(calendar=calendar)))["calendar"]
    early = noon - 5 * 3_600_000  # 07:00, before the hours of weekends
    assert Read.from_table(table).closed(early * 1_000_000).tolist() == [False, True, False, True]

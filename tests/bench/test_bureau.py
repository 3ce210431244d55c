"""Benchmark of a bureau on a small database: the rows fit each other, every request has an answer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from alerts import open_database
from alerts.api.app import routed
from alerts.database import schema
from twinward.bench import bureau, bureau_requests
from twinward.bench.bureau_rows import load
from twinward.bench.bureau_size import Size
from twinward.errors import TwinwardError

SCHOOLS = 3


def test_every_request_is_measured_and_the_rows_fit_each_other(tmp_path: Path) -> None:
    """The case yields a time for each request and for a ticket; tickets, dangers and hazards have the same numbers."""
    url = f"sqlite:///{tmp_path}/alerts.sqlite"
    found = [*bureau.run(seconds=0, schools=SCHOOLS, database=url)]
    requests = sum(map(len, (bureau_requests.BUREAU, bureau_requests.ADMIN, bureau_requests.SCHOOL)))
    assert [row["bench"] for row in found] == ["bureau"] * (1 + requests + 1)
    assert all(0 < row["p50_ms"] <= row["p95_ms"] for row in found[1:])
    engine = open_database(url)
    with engine.connect() as connection:
        tickets = connection.execute(select(schema.tickets).where(schema.tickets.c.kind != "sensor_fault")).all()
        assert len(tickets) == Size.of(SCHOOLS).tickets
        assert max(Counter(row.site for row in tickets).values()) - min(Counter(r.site for r in tickets).values()) <= 1
        sensed = {row.hazard for row in tickets if row.hazard}
        loaded = set(connection.scalars(select(schema.findings.c.hazard).where(schema.findings.c.rule != "fault")))
        assert loaded == sensed <= set(connection.scalars(select(schema.danger_hazards.c.hazard)))
        raised = select(func.count()).where(schema.tickets.c.kind == "sensor_fault")
        assert connection.scalar(raised) == bureau.REPEATS_MIN
    engine.dispose()


def test_every_list_of_the_interface_is_measured() -> None:
    """Each operation that returns a page has a request in the table."""
    paths = routed().openapi()["paths"]
    lists = {
        path.removeprefix("/api/v1/")
        for path, methods in paths.items()
        if any(one["name"] == "cursor" for one in methods.get("get", {}).get("parameters", ()))
    }
    measured = {*bureau_requests.BUREAU, *bureau_requests.ADMIN, *bureau_requests.SCHOOL}
    assert len(lists) > 20
    assert lists - {request.partition("?")[0] for request in measured} == set()


def test_a_database_with_rows_is_refused(tmp_path: Path) -> None:
    """The case writes into an empty database alone."""
    url = f"sqlite:///{tmp_path}/alerts.sqlite"
    load(engine := open_database(url), Size.of(1), 1_790_000_000_000_000_000, lambda _text: None)
    engine.dispose()
    with pytest.raises(TwinwardError, match="must be empty"):
        next(bureau.run(seconds=0, schools=1, database=url))

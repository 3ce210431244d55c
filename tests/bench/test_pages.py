"""Benchmark of long lists: CPU time of a page of 200 hazards and of 200 tickets."""

from __future__ import annotations

import asyncio
import copy
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.api import HttpSettings
from detectors import Phase
from tests.alerts import conftest as school
from tests.alerts.api.conftest import PASSWORD, Telemetry
from tests.application import create_app

ROWS, ROUNDS = 200, 30
PAGE_S_MAX = 0.2
"""Bound on a busy machine; docs/performance.md has the figures."""


@pytest.mark.parametrize("name", ["hazards", "tickets"])
def test_a_long_page_is_cheap(app: Any, name: str) -> None:
    """A page of 200 rows takes little CPU time, session and middleware included."""
    cost_s, items = asyncio.run(_cost(app, f"/api/v1/{name}?limit={ROWS}"))
    print(f"{name}: {cost_s * 1e3:.1f} ms of CPU a page")  # noqa: T201 - the figure
    assert items == ROWS
    assert cost_s < PAGE_S_MAX


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the interface over a school with a fire in each of 200 houses, and a token."""
    folder: Path = tmp_path_factory.mktemp("pages")
    campus = copy.deepcopy(school.CAMPUS)
    for n in range(ROWS):
        campus["zone"].append({"site": "school-1", "id": f"z-{n}", "key": "dormitory"})
        campus["place"].append({"site": "school-1", "zone": f"z-{n}", "id": f"r-{n}", "name_zh": f"{n}室"})
        campus["sensor"].append({"site": "school-1", "id": f"s-{n}", "kind": "smoke", "place": f"r-{n}"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(school, "CAMPUS", campus)
        world = school.World(f"sqlite:///{folder}/alerts.sqlite")
    world.feed(*[school.Seen(Phase.RAISE, sensor=f"s-{n}") for n in range(ROWS)])
    world.people.create("officer", PASSWORD, roles=["officer"], sites=["school-1"])
    session = world.people.sign_in("officer", PASSWORD, address="test")
    assert session is not None
    telemetry = Telemetry(world.catalog)
    made = create_app(world.dispatch, world.people, telemetry, settings=HttpSettings(), clock=lambda: world.now_ns)
    yield made, session.token
    world.engine.dispose()


async def _cost(app: Any, path: str) -> tuple[float, int]:
    """Return the median CPU time of an uncompressed page, and its number of rows."""
    made, token = app
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    transport = httpx.ASGITransport(made)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        items = len((await client.get(path)).json()["items"])
        taken_s = []
        for _ in range(ROUNDS):
            begin_s = time.process_time()
            await client.get(path)
            taken_s.append(time.process_time() - begin_s)
    return sorted(taken_s)[ROUNDS // 2], items

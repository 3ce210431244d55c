"""Change preview over HTTP: effect of other limits on stored readings of the caller's sites."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alerts import format_time, parse_time
from detectors import Phase, load_recipe
from detectors.recipes.kinds import Threshold
from ingest import METRIC_BY_NAME, from_columns

START_NS = 1_790_000_000 * 1_000_000_000
STEP_NS = 10_000_000_000
COUNT = 900
DAY_NS = 86_400_000_000_000
PEAKS = {"smoke-101": 0.5, "smoke-102": 0.12}
SPAN = {"from": format_time(START_NS), "to": format_time(START_NS + COUNT * STEP_NS)}
DENSITY = "density"
RULE = Threshold(
    name=DENSITY, hazard="fire", metric="smoke_density", limits=(0.05, 0.1, 0.3), levels=(1, 2, 3),
    durations_s=(60, 20, 0), counts=(3, 2, 2), hysteresis=0.02, clear_s=120,
)  # fmt: skip


@pytest.fixture
def stored(office: Any) -> Any:
    """Return an interface whose store has smoke in two rooms of school-1 and in one of school-2, for ten minutes."""
    catalog, shipped = office.world.catalog, load_recipe()
    office.telemetry.recipe = replace(shipped, rules=(RULE, *shipped.rules))
    metric = METRIC_BY_NAME[RULE.metric].code
    codes = [catalog.find("school-1", name).code for name in PEAKS] + [catalog.find("school-2", "smoke-101").code]
    peaks = [*PEAKS.values(), 0.5]
    step = np.repeat(np.arange(COUNT), len(codes))
    time_ns = START_NS + step * STEP_NS
    columns = {
        "sensor": np.tile(np.array(codes, np.int32), COUNT),
        "metric": np.full(len(step), metric, np.int16),
        "time_ns": time_ns,
        "arrival_ns": time_ns,
        "value": np.where((step >= 500) & (step < 560), np.tile(peaks, COUNT), 0.01),
        "quality": np.zeros(len(step), np.uint8),
    }
    office.telemetry.store.write(from_columns(columns), cursor=1)
    return office


def found(client: Any, limits: str, **query: str) -> Any:
    """Return the preview of the smoke density rule."""
    answer = client.get("preview", params={"rule": DENSITY, "limits": limits} | SPAN | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_other_limits_add_remove_and_miss(stored: Any, seen: Any) -> None:
    """A higher limit removes the alarm of the room at 0.12 dB/m, and misses its incident; a lower one adds none."""
    for sensor in PEAKS:
        stored.world.feed(seen(Phase.RAISE, rule=DENSITY, sensor=sensor, at_s=5_100))
        stored.world.feed(seen(Phase.CLEAR, rule=DENSITY, sensor=sensor, at_s=5_600))
    client = stored.sign_in("officer")
    before = client.get("detectors/" + DENSITY).json()["limits"]
    body = found(client, "0.15,0.2,0.3")
    assert (body["from"], body["to"], body["limits"]) == (SPAN["from"], SPAN["to"], before)
    assert (body["readings"], body["progress"]) == (2 * COUNT, 1.0)
    now, then = body["candidates"]
    assert (now["limits"], then["limits"]) == (before, [0.15, 0.2, 0.3])
    assert (now["added"], now["removed"], now["incidents"], now["incidents_missed"]) == (0, 0, 2, 0)
    assert (then["added"], then["removed"], then["incidents"], then["incidents_missed"]) == (0, 1, 2, 1)
    days = COUNT * STEP_NS / DAY_NS
    assert then["operator_load_per_day"] == pytest.approx(then["pages"] / days, abs=0.01)
    assert client.get("detectors/" + DENSITY).json()["limits"] == before, "a preview changes no rule"
    lower = found(client, "0.005,0.1,0.3")["candidates"][1]
    assert lower["added"] >= 1


def test_incidents_marked_as_false_are_none(stored: Any, seen: Any) -> None:
    """A ticket closed as a false report, and a drill, leave no incident that other limits could miss."""
    stored.world.feed(seen(Phase.RAISE, rule=DENSITY, sensor="smoke-102", at_s=5_100))
    stored.world.feed(seen(Phase.RAISE, rule=DENSITY, sensor="smoke-101", at_s=5_100, drill=True))
    stored.world.feed(seen(Phase.CLEAR, rule=DENSITY, sensor="smoke-102", at_s=5_600))
    client = stored.sign_in("officer")
    assert [one["incidents"] for one in found(client, "0.15,0.2,0.3")["candidates"]] == [1, 1]
    real = next(one.id for one in stored.world.hazards if not one.drill)
    [ticket] = [one for one in stored.world.tickets if one.hazard == real]
    assert stored.world.act(ticket, "mark_false", "officer", note="steam").state == "false_report"
    assert [one["incidents"] for one in found(client, "0.15,0.2,0.3")["candidates"]] == [0, 0]


def test_a_caller_sees_the_sensors_of_his_sites_only(stored: Any) -> None:
    """School-2 has one head; a site outside the caller's has no reading; nobody reads it without an account."""
    assert found(stored.sign_in("other"), "0.15,0.2,0.3")["readings"] == COUNT
    own = stored.sign_in("officer")
    assert found(own, "0.15,0.2,0.3", site="school-1")["readings"] == 2 * COUNT
    assert found(own, "0.15,0.2,0.3", site="school-2")["readings"] == 0
    given = {"rule": DENSITY, "limits": "0.15,0.2,0.3"} | SPAN
    assert stored.client().get("preview", params=given).status_code == 401
    assert stored.sign_in("operator").get("preview", params=given).status_code == 403


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"rule": "nothing"}, 404, "nothing"),
        ({"rule": "gate_held_open", "limits": "1"}, 422, "limits"),
        ({"limits": "a,b"}, 422, "numbers separated by commas"),
        ({"limits": "0.1,nan,0.3"}, 422, "finite"),
        ({"limits": "0.3,0.2,0.1"}, 422, "in the order of the levels"),
        ({"limits": "0.1"}, 422, "one for each level"),
        ({"from": SPAN["to"], "to": SPAN["from"]}, 422, "before `to`"),
        ({"from": "1999-01-01T00:00:00Z"}, 422, "400 days"),
        ({"from": "yesterday"}, 422, "from"),
    ],
)
def test_impossible_requests_have_their_reason(stored: Any, query: dict[str, str], status: int, text: str) -> None:
    """Unknown rules, rules without limits, unfit limits and spans; the answer states the allowed values."""
    given = {"rule": DENSITY, "limits": "0.15,0.2,0.3"} | SPAN | query
    answer = stored.sign_in("officer").get("preview", params=given)
    assert answer.status_code == status, answer.text
    assert text in answer.text


def test_the_default_span_ends_now(stored: Any) -> None:
    """Without a span the preview reads the 120 days before the service's clock."""
    answer = stored.sign_in("officer").get("preview", params={"rule": DENSITY, "limits": "0.15,0.2,0.3"})
    assert answer.status_code == 200
    begin, end = parse_time(answer.json()["from"]), parse_time(answer.json()["to"])
    assert end - begin == 120 * DAY_NS
    assert abs(end - time.time_ns()) < DAY_NS

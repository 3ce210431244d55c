"""Readings over HTTP: raw and down-sampled, JSON and CSV, spans, sites and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alerts import format_time
from ingest import METRIC_BY_NAME, from_columns

START_NS = 1_790_000_000 * 1_000_000_000
MINUTE_NS = 60_000_000_000
COUNT = 120
SPAN = {"from": format_time(START_NS), "to": format_time(START_NS + COUNT * MINUTE_NS)}
QUERY = {"sensor": "smoke-102", "metric": "smoke_density"} | SPAN


@pytest.fixture
def stored(office: Any) -> Any:
    """Return an interface with two hours of one head, a reading a minute; the tenth one is faulty."""
    code = office.world.catalog.find("school-1", "smoke-102").code
    time_ns = START_NS + np.arange(COUNT) * MINUTE_NS
    quality = np.zeros(COUNT, np.uint8)
    quality[9] = 1
    columns = {
        "sensor": np.full(COUNT, code, np.int32),
        "metric": np.full(COUNT, METRIC_BY_NAME["smoke_density"].code, np.int16),
        "time_ns": time_ns,
        "arrival_ns": time_ns,
        "value": np.arange(COUNT) / 100,
        "quality": quality,
    }
    office.telemetry.store.write(from_columns(columns), cursor=1)
    return office


def test_raw_readings_have_time_value_and_quality(stored: Any) -> None:
    """Every reading of the half-open span comes back as it was stored."""
    body = stored.sign_in("viewer").get("readings", params=QUERY).json()
    assert (body["sensor"], body["site"], body["unit"], body["step_s"]) == ("smoke-102", "school-1", "dB/m", None)
    assert len(body["points"]) == COUNT
    assert body["points"][9] == [(START_NS + 9 * MINUTE_NS) // 1_000_000, 0.09, 1]
    half = QUERY | {"to": format_time(START_NS + MINUTE_NS)}
    assert len(stored.sign_in("viewer").get("readings", params=half).json()["points"]) == 1


def test_buckets_summarise_the_good_readings(stored: Any) -> None:
    """Half an hour each: start, mean, low, high, count; the faulty reading is not in it."""
    body = stored.sign_in("viewer").get("readings", params=QUERY | {"step": 1_800}).json()
    starts, counts = [row[0] for row in body["points"]], [row[4] for row in body["points"]]
    assert (body["step_s"], sum(counts)) == (1_800, COUNT - 1)
    assert all(low <= mean <= high for _, mean, low, high, _ in body["points"])
    assert starts == sorted(starts)
    assert all(start % 1_800_000 == 0 for start in starts)


@pytest.mark.parametrize(("step", "header"), [(0, "time,value,quality"), (60, "time,mean,low,high,count")])
def test_csv_has_a_header_and_a_line_for_each_point(stored: Any, step: int, header: str) -> None:
    """Times are RFC 3339 with an offset."""
    answer = stored.sign_in("viewer").get("readings", params=QUERY | {"step": step, "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.text.split("\r\n")
    assert (lines[0], lines[-1]) == (header, "")
    assert len(lines) - 2 == (COUNT if step == 0 else COUNT - 1)
    first = lines[1].split(",")
    assert first[0] == format_time(START_NS // MINUTE_NS * MINUTE_NS if step else START_NS)
    assert float(first[1]) == 0.0


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"sensor": "nothing"}, 404, "nothing"),
        ({"metric": "nothing"}, 422, "has received"),
        ({"step": 0.001}, 422, "at most 200000 buckets"),
        ({"from": SPAN["to"], "to": SPAN["from"]}, 422, "before `to`"),
        ({"to": "now"}, 422, "to"),
        ({"site": "school-2"}, 404, "smoke-102"),
    ],
)
def test_impossible_requests_have_their_reason(stored: Any, query: dict[str, Any], status: int, text: str) -> None:
    """Unknown sensors, metrics and spans, too many buckets, a site outside the caller's."""
    answer = stored.sign_in("viewer").get("readings", params=QUERY | query)
    assert answer.status_code == status, answer.text
    assert text in answer.text


def test_a_sensor_id_of_two_sites_needs_the_site(stored: Any) -> None:
    """Accounts of both schools must name it; an account of one school need not."""
    stored.people.create("inspector", "long enough for a test", roles=["viewer"], sites=["school-1", "school-2"])
    both, query = stored.sign_in("inspector"), QUERY | {"sensor": "smoke-101"}
    refused = both.get("readings", params=query)
    assert (refused.status_code, "2 sites" in refused.text) == (422, True)
    assert both.get("readings", params=query | {"site": "school-2"}).json()["site"] == "school-2"
    assert stored.sign_in("viewer").get("readings", params=query).json()["site"] == "school-1"
    assert stored.client().get("readings", params=query).status_code == 401

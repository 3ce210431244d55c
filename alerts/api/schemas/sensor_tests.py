"""Response schemas of sensor tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from alerts import format_time
from alerts.sensor_tests.sensor_tests import SensorTest as StoredTest
from ingest import METRIC_BY_NAME

from .fields import Body, Time, Username


class TestResponse(Body):
    """First reading that responds. before: median of the hour before, null for a message marked as a test."""

    __test__ = False
    metric: Annotated[str, Field(examples=["level_high"])]
    unit: Annotated[str, Field(examples=["bool"])]
    value: float
    before: float | None
    at: Time


class SensorTest(Body):
    """One test of one sensor. open: no response yet, late data still counts."""

    __test__ = False
    id: Annotated[str, Field(examples=["b2c4e6f8-test"])]
    sensor: Annotated[str, Field(examples=["float-1"])]
    started_at: Annotated[Time, Field(description="by the device of the person")]
    until: Time
    started_by: Username
    recorded_at: Time
    state: Annotated[str, Field(description="open, seen or unseen", examples=["seen"])]
    response: TestResponse | None


class SensorTests(Body):
    """Tests of a ticket, one of each sensor."""

    items: list[SensorTest]


def test_body(test: StoredTest) -> SensorTest:
    """Return one test."""
    response = None
    if test.response_ns is not None and test.value is not None:
        known = METRIC_BY_NAME.get(test.metric)
        response = TestResponse(
            metric=test.metric,
            unit=known.unit if known else "",
            value=test.value,
            before=test.before,
            at=format_time(test.response_ns),
        )
    return SensorTest(
        id=test.id,
        sensor=test.sensor,
        started_at=format_time(test.started_ns),
        until=format_time(test.until_ns),
        started_by=test.started_by,
        recorded_at=format_time(test.recorded_ns),
        state=test.state,
        response=response,
    )


def test_bodies(tests: Sequence[StoredTest]) -> list[SensorTest]:
    """Return tests in their order."""
    return [test_body(one) for one in tests]

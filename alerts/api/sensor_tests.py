"""Route of sensor tests: a person tests the sensors that prove the repair of a ticket."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from alerts.sensor_tests.sensor_tests import WINDOW_S, WINDOW_S_MAX, WINDOW_S_MIN

from .dependencies import ActorIn, DependenciesIn, moment_of
from .problem import problems
from .schemas.sensor_tests import SensorTests, test_bodies

router = APIRouter(tags=["tickets"])


class NewSensorTest(BaseModel, extra="forbid"):
    """A test as the device of the person has it."""

    id: Annotated[str, Field(max_length=64, description="of the caller", examples=["b2c4e6f8-test"])]
    started_at: Annotated[str, Field(max_length=40, description="RFC 3339", examples=["2026-11-30T10:45:00+08:00"])]
    window_s: Annotated[int, Field(ge=WINDOW_S_MIN, le=WINDOW_S_MAX)] = WINDOW_S


@router.post("/tickets/{ticket_id}/tests", status_code=201, responses=problems(404, 409))
def start(
    service: DependenciesIn, actor: ActorIn, ticket_id: str, given: Annotated[NewSensorTest, Body()]
) -> SensorTests:
    """Start a test of the sensors of a ticket's evidence; without evidence, of those of its place.

    The response of a sensor in the window is proof of its repair. The same id again returns the stored test.
    """
    started_ns = moment_of(given.started_at, "started_at")
    tests = service.dispatch.ticket_tests.start(
        ticket_id, actor, given.id, started_ns=started_ns, window_s=given.window_s
    )
    return SensorTests(items=test_bodies(tests))

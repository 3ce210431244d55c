"""Ready answers of long lists: one page has the values of the main path."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from alerts.api.schemas.detections import DetectionList
from alerts.api.schemas.hazards import HazardList
from alerts.api.schemas.tickets import TicketList
from detectors import Phase


@pytest.fixture
def listed(office: Any, seen: Any) -> Any:
    """Return a client of a school with a fire."""
    office.world.feed(
        seen(Phase.RAISE), seen(Phase.RAISE, sensor="level-1", hazard="sensor_fault", rule="fault", level=1)
    )
    return office.sign_in("officer")


def test_a_ready_page_is_the_validated_one(listed: Any) -> None:
    """Each list holds exactly the fields of its schema: validation neither adds, removes nor changes one."""
    for path, model in (("hazards", HazardList), ("tickets", TicketList), ("detections", DetectionList)):
        answer = listed.get(f"/{path}").json()
        assert answer["items"], path
        checked = TypeAdapter(model).validate_python(answer, strict=True)
        assert checked.model_dump(mode="json", by_alias=True) == answer

"""Early findings ask a person on duty to look; an acknowledged alarm that nobody confirms goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import DatabaseError

from alerts import Actor

from .conftest import ADMIN, ROSTER


@pytest.fixture
def checked(night: Any) -> Any:
    """Return a night whose chain asks the dormitory's post to look, and awaits a confirmation for two minutes."""
    chain = ROSTER["chain"][0] | {"verify_posts": ["dorm"], "confirm_s": 120}
    night.dispatch.escalating.rosters.put(ADMIN, "school-1", ROSTER | {"chain": [chain]}, version=1)
    return night


OPERATOR = Actor("operator", frozenset(("operator",)))


def test_an_early_finding_asks_once_and_pages_nobody(checked: Any, seen: Any) -> None:
    """The person on duty is asked by app and SMS; the page of the alarm follows; a drill asks nobody."""
    checked.burn(seen, level=1, page=False)
    checked.pass_s(2)
    asked = checked.got("robot", "hazard.verification_asked")
    assert [one.body["text"]["zh"][:4] for one in asked] == ["早期征兆"]
    assert not asked[0].body["page"]
    assert [one.body["to"]["persons"] for one in checked.got("sms", "hazard.verification_asked")] == [["li"]]
    assert checked.got("robot") == []
    checked.burn(seen, level=1, at_s=5, page=False, rule="co-limit")
    checked.burn(seen, level=2, at_s=10)
    checked.burn(seen, level=1, at_s=10, page=False, sensor="smoke-102", drill=True)
    checked.pass_s(2)
    assert len(checked.got("robot", "hazard.verification_asked")) == 1
    assert len(checked.got("robot", "hazard.raised")) == 1


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_unconfirmed_alarm_goes_on_to_the_deputy(checked: Any, seen: Any, *, confirmed: bool) -> None:
    """Two minutes after the acknowledgement the next step begins and the alarm waits again, unless it was confirmed."""
    hazard = checked.burn(seen)
    checked.pass_s(10)
    checked.dispatch.acknowledge(hazard, OPERATOR)
    checked.pass_s(60)
    checked.dispatch.acknowledge(hazard, OPERATOR)  # renews the hold, not the time to confirm
    if confirmed:
        checked.dispatch.step(hazard, "confirm", OPERATOR)
    checked.pass_s(59)
    assert len(checked.paged()) == 2
    checked.pass_s(2)
    later = {address for _, address in checked.paged()[2:]}
    assert later == (set() if confirmed else {"+8613800000002"})
    assert (checked.world.hazards[-1].acknowledged_by is None) is not confirmed
    kinds = [event.kind for event in checked.dispatch.queries.history(hazard)]
    assert ("hazard.not_confirmed" in kinds) is not confirmed


def test_faults_of_the_service_reach_duty_without_a_database(night: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged or hanging database neither loses nor delays the addresses: the rosters were read before."""
    night.pass_s(1)
    parts = night.dispatch.escalating
    known = parts.contacts()
    assert known

    def damaged() -> Any:
        raise DatabaseError("SELECT", None, Exception("database disk image is malformed"))

    monkeypatch.setattr(parts.rosters, "_reading", SimpleNamespace(connect=damaged))
    assert parts.contacts() == known

"""Programs follow acknowledgements; faults reach the persons on duty; words and times for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alerts import Actor, ServiceFault, StorageFault
from alerts.database.schema import notices
from alerts.hazards.call_script import call_script
from alerts.notices.channels.alertmanager import AlertmanagerChannel
from alerts.notices.channels.pagerduty import PagerDutyChannel
from alerts.notices.service_faults import fault_notices
from alerts.rosters.lint import Gap
from detectors import Phase
from tests.alerts.sinks import Sink

OPERATOR = Actor("operator", frozenset(("operator",)))


@dataclass
class Program(Sink):
    """A program with the choice of notices of another channel."""

    choice: Any = None

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return the choice."""
        return bool(self.choice.accepts(None, kind, body, pages=pages))


def test_programs_follow_acknowledgements(make_world: Any, seen: Any) -> None:
    """PagerDuty gets the acknowledgement, Alertmanager also its end; a program without a choice gets neither."""
    channels = (
        Program("pagerduty", for_programs=True, choice=PagerDutyChannel),
        Program("alertmanager", for_programs=True, choice=AlertmanagerChannel),
        Sink("webhook", for_programs=True),
    )
    world = make_world(channels=channels)
    world.feed(seen(Phase.RAISE))
    hazard = world.hazards[0].id
    world.dispatch.acknowledge(hazard, OPERATOR)
    world.dispatch.acknowledge(hazard, OPERATOR, undo=True)
    with world.engine.connect() as connection:
        found = connection.execute(notices.select().where(notices.c.type.like("hazard.%acknowledged"))).all()
    told = sorted((row.channel, row.type, row.body["acknowledged_by"]) for row in found)
    assert told == [
        ("alertmanager", "hazard.acknowledged", "operator"),
        ("alertmanager", "hazard.unacknowledged", None),
        ("pagerduty", "hazard.acknowledged", "operator"),
    ]


def test_a_fault_reaches_the_persons_on_duty() -> None:
    """Once at each contact; one below red by app and e-mail alone; the same fault has the same ids."""
    contacts = [("sms", "sms", "+8613800000001"), ("mail", "email", "li@school.example")]
    for grade, wanted in (("red", ["people", "sms", "mail", "console"]), ("yellow", ["people", "mail", "console"])):
        fault = ServiceFault("broker", StorageFault("no_broker", "无响应", "away"), 1, grade=grade)
        found = fault_notices(fault, [Sink("people")], contacts)
        assert sorted(one.channel for one in found) == sorted(wanted)
        assert [one.id for one in fault_notices(fault, [Sink("people")], contacts)] == [one.id for one in found]
        assert {one.body["to"]["address"] for one in found if "to" in one.body} <= {one[2] for one in contacts}


def test_texts_for_people_have_local_times_and_words(make_world: Any, seen: Any) -> None:
    """A gap and a ticket name times of the school's zone; grades are words; a script of a call is complete."""
    world = make_world()
    gap = Gap(
        "s", "fire", 1, "red", 1_790_000_000 * 10**9, 1_790_003_600 * 10**9, nobody=True, zone=world.registry.timezone
    )
    assert gap.text["zh"] == "s 升级链 fire 第 1 步（红色）：无人值班，09-21 22:13 至 09-21 23:13"
    assert gap.text["en"].endswith("09-21 22:13 to 09-21 23:13 Asia/Shanghai")
    world.feed(seen(Phase.RAISE), seen(Phase.RAISE, hazard="flood", sensor="level-1", metric="depth"))
    fire, flood = (next(one for one in world.hazards if one.kind == kind) for kind in ("fire", "flood"))
    script = call_script(fire, world.registry)
    assert script == {
        "zh": "火情：一校，dorm，101室，1层。级别2。",
        "en": "Fire: One, dorm, Room 101, floor 1. level 2.",
    }
    assert call_script(flood, world.registry) is None

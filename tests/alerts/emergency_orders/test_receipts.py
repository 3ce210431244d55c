"""Receipts of orders: by link, key of a call and console, each person once; "1 of 3" in the interface."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from alerts import Actor, Forbidden, GuardFailed, Notice
from alerts.database import journal, rows
from alerts.database.schema import notices
from tests.alerts.emergency_orders.test_order_notices import PERSONS, Personal
from tests.alerts.sinks import Sink


@pytest.fixture
def called(make_world: Any) -> Any:
    """Return a school with an evacuation that calls three persons, of which one has the account `operator`."""
    world = make_world(channels=[Personal("sms", "sms"), Personal("voice", "voice"), Sink("robot")])
    world.first, world.second = world.employ("operator"), world.employ("officer")
    persons = [dict(one) for one in PERSONS]
    persons[2] = {"id": "zhao", "account": "operator", "contacts": {"app": "robot"}}
    world.dispatch.escalating.rosters.put(world.first, "school-1", {"person": persons}, version=None)
    given = {"site": "school-1", "zone": "", "action": "evacuate", "drill": False, "sound": True, "note": ""}
    world.order = world.dispatch.emergency_orders.give(world.first, **given)
    return world


def to(world: Any, channel: str, person: str) -> Notice:
    """Return the order's notice to a person on a channel."""
    with world.engine.connect() as connection:
        found = connection.execute(select(notices).where(notices.c.channel == channel))
        return next(one for one in (rows.record(Notice, row) for row in found) if person in one.body["to"]["persons"])


def listed(world: Any) -> Any:
    """Return the order as the list has it."""
    (order,) = world.dispatch.emergency_orders.list(world.first)
    return order


def test_each_called_person_confirms_once(called: Any) -> None:
    """Link, key and console count one person each; a repeat, a foreign person and another key count nobody."""
    accepted, links = called.dispatch.acknowledgements, called.dispatch.acknowledgements.links
    assert [one["person"] for one in called.order.called] == ["li", "wang", "zhao"]
    token = links.token(to(called, "sms", "wang"))
    page = accepted.open_link(token)
    assert (page.order, page.done, page.needed, [one.id for one in page.persons]) == (True, 0, 3, ["wang"])
    assert accepted.by_link(token, person="li").reason == "person"
    assert accepted.by_link(token, person="wang", action="5").reason == "key"
    assert accepted.by_link(token, person="wang").text["en"] == "receipt confirmed, 1 of 3"
    assert accepted.by_link(token, person="wang").reason == "used"
    call = to(called, "voice", "li").id
    assert [accepted.by_key(call, key).reason for key in "54"] == ["key", "received"]
    assert [one["person"] for one in listed(called).missing] == ["zhao"]
    done = accepted.receive(called.order.id, called.first)
    assert ([one["via"] for one in done.acknowledged], done.missing) == (["link", "key", "console"], ())
    with pytest.raises(Forbidden, match="did not call"):
        accepted.receive(called.order.id, Actor("officer", frozenset(("officer",))))


def test_a_repeat_keeps_the_receipts_and_an_ended_order_takes_none(called: Any) -> None:
    """A person who has confirmed stays counted; after the all-clear nobody confirms any more."""
    accepted, links = called.dispatch.acknowledgements, called.dispatch.acknowledgements.links
    token = links.token(to(called, "sms", "wang"))
    accepted.by_link(token, person="wang")
    called.now_ns += 11 * 10**9
    orders = called.dispatch.emergency_orders
    given = {"site": "school-1", "zone": "", "action": "evacuate", "drill": False, "sound": True, "note": ""}
    again = orders.give(called.second, **given)
    assert (again.id, len(again.acknowledged), len(again.called)) == (called.order.id, 1, 3)
    orders.clear(again.id, called.first)
    orders.clear(again.id, called.second)
    assert accepted.by_link(links.token(to(called, "sms", "li")), person="li").reason in {"ended", "person"}
    with pytest.raises(GuardFailed):
        accepted.receive(called.order.id, called.first)


def code_to(world: Any, person: str) -> str:
    """Return the reply that the order's SMS to a person states."""
    return str(to(world, "sms", person).body["reply"]["code"])


def refusals(world: Any) -> list[tuple[str, str]]:
    """Return reason and digits of the sender of each recorded refusal of a reply."""
    with world.engine.connect() as connection:
        found = journal.read(connection, subject=world.order.id)
    return [(one.facts["reason"], one.facts["sender"]) for one in found if one.kind == "order.receipt_refused"]


def test_a_person_confirms_by_sms_with_the_code_of_the_order(called: Any) -> None:
    """The number names the person, with or without its country code; a used code counts nobody again."""
    accepted, code = called.dispatch.acknowledgements, code_to(called, "wang")
    assert re.fullmatch(r"4 [0-9]{5}", code)
    numbers = {one["id"]: one["contacts"]["sms"] for one in PERSONS if "sms" in one["contacts"]}
    assert accepted.by_reply(numbers["wang"], code).text["en"] == "receipt confirmed, 1 of 3"
    assert accepted.by_reply(f"+86{numbers['wang'][-11:]}", code.replace(" ", "")).reason == "used"
    assert [(one["person"], one["via"]) for one in listed(called).acknowledged] == [("wang", "sms")]
    assert refusals(called) == [("used", numbers["wang"][-4:])]
    assert called.dispatch.verify().ok


def test_strangers_old_and_unknown_codes_are_refused_and_recorded(called: Any) -> None:
    """A refusal changes no receipt; the record has the last four digits; replies of a number are bounded."""
    accepted, code = called.dispatch.acknowledgements, code_to(called, "wang")
    assert accepted.by_reply("+8613999990000", code).reason == "stranger"
    other = f"4 {(int(code[2:]) + 1) % 100_000:05d}"
    assert accepted.by_reply("+8613999990000", other).reason == "code"
    assert accepted.by_reply("+8613999990000", "4 1234").reason == "code"  # of an alarm, which is unknown
    orders = called.dispatch.emergency_orders
    orders.clear(called.order.id, called.first)
    orders.clear(called.order.id, called.second)
    (number,) = [one["contacts"]["sms"] for one in PERSONS if one["id"] == "wang"]
    assert accepted.by_reply(number, code).reason == "ended"
    assert not listed(called).acknowledged
    assert refusals(called) == [("stranger", "0000"), ("ended", number[-4:])]
    assert [accepted.by_reply(number, code).reason for _ in range(6)] == ["ended"] * 5 + ["often"]
    assert len(refusals(called)) == 7

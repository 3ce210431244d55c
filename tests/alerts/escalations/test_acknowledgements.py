"""Acknowledgements from outside: strangers, forged and used links, keys, several persons."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, insert, select

from alerts import Actor
from alerts.database.schema import notices
from alerts.escalations import rows
from alerts.escalations.links import LINK_NS
from detectors import Phase

LI, WANG = "+8613800000001", "+8613800000002"
ADMIN = Actor("admin", frozenset(("admin",)))


def page_of(night: Any, address: str) -> Any:
    """Return the page that a number has got."""
    return next(notice for notice in night.got("sms") if notice.body["to"]["address"] == address)


def token_of(notice: Any) -> str:
    """Return the token of the link of a delivered page."""
    link = notice.body["reply"]["link"]
    assert link.startswith("https://alarm.school.example/take/")
    return str(link.rsplit("/", 1)[1])


def kinds(night: Any, hazard: str) -> list[str]:
    """Return the kinds of the entries of a hazard."""
    return [event.kind for event in night.dispatch.queries.history(hazard)]


def test_a_stranger_changes_nothing(night: Any, seen: Any) -> None:
    """A number that this alarm has not paged is refused, also that of a later step; the refusal is audited."""
    hazard = night.burn(seen)
    night.pass_s(1)
    code = page_of(night, LI).body["reply"]["code"]
    accepted = night.dispatch.acknowledgements
    for sender in ("+8613999999999", WANG, "", "1"):
        answer = accepted.by_reply(sender, code)
        assert (answer.accepted, answer.reason) == (False, "stranger")
    assert accepted.by_reply(LI, "4 99999").reason == "code"  # five digits: of an order
    assert accepted.by_reply(LI, "4 999999").reason == "reply"
    assert accepted.by_reply(LI, "x" * 10_000).reason == "reply"
    assert accepted.by_reply(LI, f"4 {(int(code[2:]) + 1) % 10_000:04}").reason == "code"
    assert night.world.hazards[0].acknowledged_by is None
    assert kinds(night, hazard).count("acknowledgement.refused") == 4
    assert LI not in str([event.facts for event in night.dispatch.queries.history(hazard)])
    assert accepted.by_reply("008613800000001", f" {code} ").accepted


def test_a_link_works_once(night: Any, seen: Any) -> None:
    """Used twice, forwarded after its use, or changed in one character, it is refused; opening it changes nothing."""
    night.burn(seen)
    night.pass_s(1)
    accepted, token = night.dispatch.acknowledgements, token_of(page_of(night, LI))
    for _ in range(3):
        assert [one.id for one in accepted.open_link(token).persons] == ["li"]
    assert night.world.hazards[0].acknowledged_by is None
    for number, character in enumerate(token):
        forged = token[:number] + ("0" if character != "0" else "1") + token[number + 1 :]
        assert accepted.open_link(forged) is None
    assert accepted.by_link(token, person="wang").reason == "person"
    assert accepted.by_link(token, person="li", action="9").reason == "key"
    assert accepted.by_link(token, person="li", address="10.0.0.7").reason == "taken"
    again = accepted.by_link(token, person="li", address="10.0.0.8")
    assert (again.accepted, again.reason) == (False, "used")
    assert accepted.open_link(token).taken_by == {"zh": "李", "en": "Li"}


def test_a_link_ends(night: Any, seen: Any) -> None:
    """After 12 h it opens nothing."""
    night.burn(seen)
    night.pass_s(1)
    token = token_of(page_of(night, LI))
    night.world.now_ns += LINK_NS
    assert night.dispatch.acknowledgements.open_link(token) is None
    assert night.dispatch.acknowledgements.by_link(token, person="li").reason == "link"


def test_the_database_has_no_link(night: Any, seen: Any) -> None:
    """A link is made at the delivery, so nobody with the list of notices can use it."""
    night.burn(seen)
    night.pass_s(1)
    stored = night.dispatch.queries.notices(ADMIN, site=None, page=night.world.everything)
    assert all(notice.body["reply"]["link"] == "" for notice in stored if "reply" in notice.body)


def test_a_sight_is_a_receipt(night: Any, seen: Any, people: Any) -> None:
    """The press of "seen" is recorded once with person and way, and leaves the alarm open."""
    hazard = night.burn(seen)
    night.pass_s(1)
    accepted, token = night.dispatch.acknowledgements, token_of(page_of(night, LI))
    assert accepted.by_link(token, person="li", action="seen").reason == "seen"
    accepted.by_link(token, person="li", action="seen")
    assert kinds(night, hazard).count("hazard.seen") == 1
    assert night.world.hazards[0].acknowledged_by is None
    night.dispatch.acknowledge(hazard, people["officer2"])
    late = accepted.by_link(token, person="li")
    assert (late.accepted, late.reason) == (False, "held")
    assert "officer2" in late.text["en"]


def test_a_key_passes_the_alarm_on(night: Any, seen: Any) -> None:
    """Key 5 pages the next step at once; another key explains the keys; a holder who passes on releases it."""
    night.burn(seen)
    night.pass_s(1)
    accepted, page = night.dispatch.acknowledgements, page_of(night, LI)
    assert accepted.by_key(page.id, "7").reason == "key"
    assert accepted.by_key("msg_unknown", "4").reason == "ended"
    assert accepted.by_key(page.id, "5").reason == "passed_on"
    night.pass_s(1)
    assert ("sms", WANG) in night.paged()
    assert accepted.by_key(page.id, "4").reason == "taken"
    assert accepted.by_reply(LI, page.body["reply"]["code"].replace("4", "5", 1)).reason == "passed_on"
    assert night.world.hazards[0].acknowledged_by is None


def test_an_evacuation_counts_its_persons(night: Any, seen: Any) -> None:
    """Each person acknowledges; the hazard is acknowledged with the last one; the console takes it at once."""
    rosters = night.dispatch.escalating.rosters
    kept = rosters.get(ADMIN, "school-1")
    chain = {"id": "out", "acknowledgements": 0, "steps": [{"wait_s": 300, "persons": ["li", "wang"]}]}
    rosters.put(ADMIN, "school-1", {**kept.table, "chain": [chain]}, version=kept.version)
    hazard = night.burn(seen)
    night.pass_s(1)
    accepted = night.dispatch.acknowledgements
    code = page_of(night, LI).body["reply"]["code"]
    answer = accepted.by_reply(LI, code)
    assert (answer.reason, answer.text["en"]) == ("partly", "confirmed, 1 of 2: Room 101")
    assert night.world.hazards[0].acknowledged_by is None
    assert accepted.by_reply(WANG, code).reason == "taken"
    assert night.world.hazards[0].acknowledged_by == "officer"
    assert kinds(night, hazard).count("hazard.partly_acknowledged") == 1


def test_a_graver_page_begins_again(night: Any, seen: Any) -> None:
    """A new alarm after the acknowledgement has links and replies of its own; the former link is of no use."""
    night.burn(seen)
    night.pass_s(1)
    accepted, page = night.dispatch.acknowledgements, page_of(night, LI)
    former = token_of(page)
    assert accepted.by_reply(LI, page.body["reply"]["code"]).accepted
    night.world.feed(seen(Phase.CLEAR, at_s=10))
    night.world.feed(seen(Phase.RAISE, at_s=600))
    night.pass_s(1)
    assert len([one for one in night.paged("hazard.relapsed") if one == ("sms", LI)]) == 1
    assert accepted.by_link(former, person="li").reason == "link"


def test_a_reply_after_the_last_round_counts(night: Any, seen: Any) -> None:
    """The chain has ended, the alarm is active and nobody has it: its code stays valid until somebody takes it."""
    hazard = night.burn(seen)
    night.pass_s(560, every_s=5)
    with night.world.engine.connect() as connection:
        one = rows.load(connection, hazard)
        assert one.state == "ended"
        assert [found.hazard for found in rows.with_code(connection, one.code)] == [hazard]
    accepted = night.dispatch.acknowledgements
    assert accepted.by_reply(LI, f"4 {one.code}").reason == "taken"
    assert night.world.hazards[0].acknowledged_by == "li"
    assert accepted.by_reply(WANG, f"4 {one.code}").reason == "held"


def test_a_graver_page_ends_the_acknowledgement(night: Any, seen: Any, people: Any) -> None:
    """A flood that is held turns red: it is nobody's until the next person takes it by link."""
    rosters = night.dispatch.escalating.rosters
    kept = rosters.get(ADMIN, "school-1")
    chain = {"id": "all", "steps": [{"wait_s": 60, "persons": ["li"]}]}
    order = {"grade": "orange", "after_s": {"sms": 0}}
    rosters.put(ADMIN, "school-1", {**kept.table, "chain": [chain], "order": [order]}, version=kept.version)
    water = {"hazard": "flood", "sensor": "level-1", "metric": "depth"}
    hazard = night.burn(seen, level=1, **water)
    night.pass_s(1)
    first = night.world.hazards[0].grade
    night.dispatch.acknowledge(hazard, people["officer2"])
    night.world.feed(seen(Phase.CHANGE, level=3, at_s=30, **water))
    assert night.world.hazards[0].grade < first
    assert night.world.hazards[0].acknowledged_by is None
    assert kinds(night, hazard).count("hazard.unacknowledged") == 1
    night.pass_s(1)
    page = next(one for one in night.got("sms", "hazard.raised") if one.body["to"]["address"] == LI)
    assert night.dispatch.acknowledgements.by_link(token_of(page), person="li").reason == "taken"
    assert night.world.hazards[0].acknowledged_by == "li"


def test_a_partial_confirmation_leaves_the_pages_to_all(night: Any, seen: Any) -> None:
    """Pages without an address wait for further attempts until the last person has confirmed."""
    rosters = night.dispatch.escalating.rosters
    kept = rosters.get(ADMIN, "school-1")
    chain = {"id": "out", "acknowledgements": 2, "steps": [{"wait_s": 300, "persons": ["wang", "zhao"]}]}
    rosters.put(ADMIN, "school-1", {**kept.table, "chain": [chain]}, version=kept.version)
    hazard = night.burn(seen)
    night.pass_s(1, deliver=False)
    with night.world.engine.begin() as connection:
        record = connection.execute(select(notices).where(notices.c.type == "hazard.opened")).first()
        body = {key: value for key, value in record.body.items() if key not in {"to", "reply"}}
        values = {**record._mapping, "id": "msg_toall", "channel": "robot", "body": body, "state": "pending"}
        connection.execute(insert(notices).values(values))
    state = select(notices.c.state).where(notices.c.id == "msg_toall")
    accepted = night.dispatch.acknowledgements
    with night.world.engine.connect() as connection:
        code = rows.load(connection, hazard).code
    for number, expected in ((WANG, "pending"), ("13800000003", "withdrawn")):
        assert accepted.by_reply(number, f"4 {code}").accepted
        with night.world.engine.connect() as connection:
            assert connection.scalar(state) == expected


def test_a_forged_link_opens_no_transaction(night: Any) -> None:
    """The interface is public: a token without a valid signature is refused before the database is written."""
    accepted, forged = night.dispatch.acknowledgements, "0" * 24 + "zzzzzz." + "A" * 16
    assert not accepted.by_link(forged, person="li").accepted  # reads the key
    begun: list[Any] = []
    event.listen(night.world.engine, "begin", begun.append)
    answer = accepted.by_link(forged, person="li")
    assert (answer.reason, begun) == ("link", [])


def test_the_last_step_is_not_passed_on(night: Any, seen: Any) -> None:
    """Key 5 pages nobody there, and its answer states it; a holder may still release the alarm."""
    night.burn(seen)
    night.pass_s(122)
    accepted = night.dispatch.acknowledgements
    page = next(one for one in night.got("voice") if one.body["to"]["step"] == 3)
    before = len(night.paged())
    answer = accepted.by_key(page.id, "5")
    assert (answer.accepted, answer.reason) == (False, "last")
    night.pass_s(1)
    assert len(night.paged()) == before
    assert accepted.by_key(page.id, "4").reason == "taken"
    assert accepted.by_key(page.id, "5").reason == "passed_on"
    night.pass_s(1)
    assert len(night.paged()) > before

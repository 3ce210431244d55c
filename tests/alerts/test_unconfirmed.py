"""Unconfirmed pages by real channels (robot, e-mail, webhook), and receipts of the persons.

The robot is a fake of its provider, the mail server is aiosmtpd, the webhook an HTTP server. Each check is of the
messages that these have received.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from alerts.model import BLOCKED
from alerts.notices.channels.mail import MailChannel
from alerts.notices.channels.webhook import Webhook
from detectors import Phase
from tests.alerts.escalations.conftest import ADMIN, ROSTER, Night
from tests.alerts.notices.channels.conftest import HttpPeer, peer
from tests.alerts.notices.channels.test_mail import Inbox, servers, settings
from tests.alerts.notices.channels.test_robots import START_S, Providers, channel, providers

__all__ = ["peer", "providers", "servers"]
"""Fixtures of the channels."""

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing here depends on the database
ROBOT, BLOCK_S, STEP_S, CONFIRM_S = "dingtalk", 600, 300, 100
ALARMS = 60
WANG = "wang@school.example"
PEOPLE: dict[str, Any] = ROSTER | {
    "person": [
        {"id": "li", "name_en": "Li", "contacts": {"app": ROBOT}},
        {"id": "wang", "name_en": "Wang", "account": "officer", "contacts": {"email": WANG}},
    ],
    "post": [{"id": "dorm", "name_en": "Dormitory"}],
    "chain": [
        {
            "id": "fire",
            "kinds": ["fire"],
            "steps": [{"wait_s": STEP_S, "posts": ["dorm"]}, {"wait_s": STEP_S, "persons": ["wang"]}],
        }
    ],
}


class School:
    """A school whose first step is a robot and whose second is an e-mail, with a program at a webhook."""

    def __init__(self, night: Night, providers: Providers, inbox: Inbox, peer: HttpPeer) -> None:
        self.night, self.providers, self.inbox, self.peer = night, providers, inbox, peer
        night.world.now_ns = START_S * 10**9
        self.asked: list[float] = []
        answer = providers.answer

        def counted(*given: Any) -> dict[str, Any]:
            self.asked.append(providers.clock())
            return answer(*given)

        providers.answer = counted  # type: ignore[method-assign]
        rosters = night.dispatch.escalating.rosters
        rosters.put(ADMIN, "school-1", PEOPLE, version=rosters.get(ADMIN, "school-1").version)

    def pass_s(self, seconds: int, *, every_s: int = 1) -> None:
        """Let time pass on all clocks, with a turn of each worker at every step."""
        for _ in range(0, seconds, every_s):
            self.night.turn()
            self.providers.clock.now_s += every_s
            self.night.skip_s(every_s)
        self.night.turn()

    def mails(self) -> list[str]:
        """Return the texts of the pages that the mail server has received."""
        return [str(mail.get_content()) for mail in self.inbox.mails if mail["To"] == WANG]  # type: ignore[attr-defined]

    def shown(self) -> int:
        """Return the number of messages that the robot has shown."""
        return len(self.providers.taken[ROBOT])

    def errors(self) -> list[str]:
        """Return the errors of the robot's notices."""
        found = self.night.dispatch.queries.notices(ADMIN, site=None, page=self.night.world.everything)
        return [one.error for one in found if one.channel == ROBOT]


@pytest.fixture
def school(
    make_world: Callable[..., Any], providers: Providers, peer: HttpPeer, servers: Callable[..., tuple[Inbox, int]]
) -> School:
    """Return the school without an alarm."""
    inbox, port = servers()
    channels = (
        channel(providers, ROBOT),
        MailChannel(settings(port, recipients=())),
        Webhook("program", peer.url("/hook"), [bytes(32)], allow_private=True),
    )
    return School(Night(make_world(channels=channels)), providers, inbox, peer)


def test_a_throttling_robot_leaves_the_page_to_the_next_step_at_once(school: School, seen: Any) -> None:
    """The e-mail leaves within 2 s, also of a second fire during the block; the robot is asked once until its end."""
    school.providers.blocked_s = school.providers.clock() + BLOCK_S
    school.night.burn(seen)
    school.pass_s(2)
    assert (len(school.mails()), school.shown()) == (1, 0)
    school.night.burn(seen, sensor="s7", at_s=2)
    school.pass_s(2)
    assert (len(school.mails()), school.shown(), len(school.asked)) == (2, 0, 1)
    assert [error.startswith(BLOCKED) for error in school.errors()] == [True, True]
    school.pass_s(BLOCK_S + 20, every_s=20)
    assert school.shown() >= 2
    assert school.asked[1] >= school.asked[0] + BLOCK_S


def test_an_unconfirmed_page_moves_on_after_100_s(school: School, seen: Any) -> None:
    """A robot that fails without a reason: no e-mail before 100 s, then one, long before the end of the step."""
    school.providers.answer = lambda *_: {"errmsg": "system busy"}  # type: ignore[method-assign]
    school.night.burn(seen)
    school.pass_s(CONFIRM_S - 1, every_s=9)
    assert school.mails() == []
    school.pass_s(3)
    assert (len(school.mails()), school.shown()) == (1, 0)


def test_a_confirmed_page_waits_for_its_step(school: School, seen: Any) -> None:
    """A delivered message is no sight: without a person the next step begins at its time, and not before."""
    school.night.burn(seen)
    school.pass_s(STEP_S - 1, every_s=13)
    assert (len(school.mails()), school.shown()) == (0, 1)
    school.pass_s(3)
    assert len(school.mails()) == 1


def test_sight_and_acknowledgement_have_names(school: School, seen: Any) -> None:
    """The link of the e-mail records who has seen the alarm; an acknowledgement ends the pages."""
    hazard = school.night.burn(seen)
    school.pass_s(STEP_S + 10, every_s=10)
    (mail,) = school.mails()
    (token,) = re.findall(r"/take/(\S+)", mail)
    accepted = school.night.dispatch.acknowledgements
    assert accepted.by_link(token, person="wang", action="seen").reason == "seen"
    (sight,) = [one for one in school.night.dispatch.queries.history(hazard) if one.kind == "hazard.seen"]
    assert (sight.actor, sight.facts["via"]) == ("officer", "link")
    school.pass_s(1)
    assert school.night.world.hazards[0].acknowledged_by is None
    assert accepted.by_link(token, person="wang").reason == "taken"
    school.pass_s(2 * STEP_S, every_s=20)
    assert len(school.mails()) == 1
    assert [json.loads(body)["type"] for _, _, body in school.peer.requests].count("hazard.opened") == 1


def test_a_storm_reaches_a_program_completely_and_red_first(school: School, seen: Any) -> None:
    """Each of 60 alarms of one moment is posted once; the red one that came last overtakes the waiting ones."""
    alarms = [seen(Phase.RAISE, hazard="leak", sensor=f"s{number}", level=2) for number in range(ALARMS - 1)]
    school.night.world.feed(*alarms, seen(Phase.RAISE, hazard="fire", sensor="last", level=2))
    while school.night.outbox.deliver_due(school.night.world.now_ns, "program"):
        pass
    opened = [json.loads(body)["data"] for _, _, body in school.peer.requests if b'"hazard.opened"' in body]
    assert len(opened) == len({one["alarm_id"] for one in opened}) == ALARMS
    levels = [("red", "orange", "yellow", "blue").index(one["grade"]) for one in opened]
    assert opened[0]["kind"] == "fire"
    assert all(before <= after for before, after in pairwise(levels))

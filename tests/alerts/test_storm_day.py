"""Storm night and drill day by real channels: limits, receipts, fallback, digests, drill words.

The providers are fakes that enforce limits, signatures and error codes: no test may reach the real ones.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from alerts.notices.channels import sms_gateway
from detectors import Phase
from tests.alerts.escalations.conftest import ADMIN, ROSTER, Line, Night
from tests.alerts.notices.channels.conftest import HttpPeer, peer
from tests.alerts.notices.channels.test_robots import START_S, Providers, channel, providers
from tests.alerts.notices.channels.test_sms import Gateways, gateways
from tests.alerts.notices.channels.test_sms import channel as sms_channel

__all__ = ["gateways", "peer", "providers"]
"""Fixtures of the channels."""

ROBOTS = ("dingtalk", "wecom", "feishu")
STORM_S, END_S, CHAIN_S = 60, 115, 130
PER_S = 5
"""300 alarms a minute."""
RED_EVERY = 30
RED_P99_S = 5.0
LI_SMS, ZHAO = ROSTER["person"][0]["contacts"]["sms"], ROSTER["person"][2]["contacts"]["voice"]
OFFICER_DRILL = {"site": "school-1", "zone": "dorm", "place": "d-101"}
DRILLS = {20: "fire", 40: "loitering"}
"""Kind of the drill that begins at a second: one red, one among the lower grades."""


@pytest.fixture
def storm(
    make_world: Callable[..., Any],
    providers: Providers,
    peer: HttpPeer,
    gateways: Gateways,
) -> Night:
    """A school whose pages leave by three group robots, an SMS gateway and the telephone, on the providers' clock."""
    robots = [channel(providers, kind) for kind in ROBOTS]
    sms = sms_channel(peer, "tencent", numbers=())
    night = Night(make_world(channels=(*robots, sms, Line("voice", medium="voice"))))
    night.world.now_ns = START_S * 10**9
    gateways.codes[LI_SMS] = "LimitExceeded.PhoneNumberDailyLimit"  # HTTP 200 with an error code
    return night


def storm_of(seen: Any, second: int) -> list[Any]:
    """Return the alarms of one second: one in 30 a fire in a room of its own, the others leaks."""
    numbers = range(PER_S * second, PER_S * (second + 1))
    kinds = [(number, "fire" if number % RED_EVERY == 0 else "leak") for number in numbers]
    return [seen(Phase.RAISE, hazard=kind, sensor=f"s{number}", level=2, at_s=second) for number, kind in kinds]


def texts(providers: Providers, kind: str) -> list[str]:
    """Return the texts that a robot has shown."""
    return [str(body.get("text", body.get("content"))) for _, body in providers.taken[kind]]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing in it depends on the database
def test_a_storm_with_a_drill_throttles_nobody_and_mixes_nothing(
    storm: Night,
    providers: Providers,
    gateways: Gateways,
    seen: Any,
) -> None:
    """Red pages reach each robot within 5 s (p99); a lying gateway passes on to the telephone; a drill stays one."""
    drill = None
    for second in range(END_S):
        storm.world.now_ns, providers.clock.now_s = (START_S + second) * 10**9, START_S + second
        storm.mono_ns += 10**9
        if second in DRILLS:
            if drill is not None:
                storm.dispatch.drills.end(ADMIN, "school-1", drill.id)
            drill = storm.dispatch.drills.start(ADMIN, **OFFICER_DRILL, kind=DRILLS[second])
        if second < STORM_S:
            storm.world.feed(*storm_of(seen, second))
        storm.turn()
        for robot in ROBOTS:
            while storm.outbox.deliver_due(storm.world.now_ns, robot):
                pass
    assert providers.throttled_total == 0
    assert drill is not None
    everything = storm.dispatch.queries.notices(ADMIN, site=None, page=storm.world.everything)
    for robot in ROBOTS:
        mine = [one for one in everything if one.channel == robot]
        red = [one for one in mine if one.body["grade"] == "red" and not one.body["drill"]]
        delays_s = [(one.delivered_ns - one.created_ns) / 1e9 for one in red if one.delivered_ns]
        assert (len(red), {one.state for one in mine}) == (PER_S * STORM_S // RED_EVERY, {"sent"})
        assert float(np.percentile(delays_s, 99)) <= RED_P99_S
        shown = texts(providers, robot)
        assert len(shown) < len(mine) / 2  # digests
        assert any("条报警" in text for text in shown)
        exercises = [text for text in shown if "101室" in text]
        assert len(exercises) == 2
        for text in shown:
            assert (text in exercises) is ("演练" in text) is ("DRILL" in text), text
            assert (text in exercises) is not bool(re.search(r"\bs\d", text)), text
    for _ in range(0, CHAIN_S, 10):
        providers.clock.now_s += 10
        storm.pass_s(10, every_s=10)
    _fell_back(storm, gateways)


def _fell_back(storm: Night, gateways: Gateways) -> None:
    """Check that the refused number has no receipt, and that the telephone was called for the same alarms."""
    refused = [one for one in storm.dispatch.queries.notices(ADMIN, site=None, page=storm.world.everything)
               if one.channel == "sms" and one.body["to"]["address"] == LI_SMS and not one.body["drill"]]  # fmt: skip
    assert refused
    assert not [one for one in refused if one.delivered_ns]
    assert LI_SMS not in {number for number, _ in gateways.taken}
    assert {one.hazard for one in refused} <= {one.hazard for one in storm.got("voice")}
    assert {one.body["to"]["address"] for one in storm.got("voice")} == {ZHAO}


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # as above
@pytest.mark.parametrize("answer", ["hangs", "redirects", "lies"])
def test_a_receiver_that_fails_leaves_the_page_to_the_next_way(  # noqa: PLR0917 - fixtures
    make_world: Callable[..., Any],
    peer: HttpPeer,
    seen: Any,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    answer: str,
) -> None:
    """A gateway that does not answer, redirects, or answers 200 with an error code: the telephone has the page."""
    ended = threading.Event()
    request.addfinalizer(ended.set)

    def hang(*_: Any) -> tuple[int, bytes]:
        ended.wait(10)
        return 200, b""

    peer.answer = {
        "hangs": hang,
        "redirects": lambda *_: (302, b""),
        "lies": lambda *_: (200, b'{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure"}}}'),
    }[answer]
    monkeypatch.setattr(sms_gateway, "TIMEOUT_S", 0.2)
    night = Night(make_world(channels=(sms_channel(peer, "tencent", numbers=()), Line("voice", medium="voice"))))
    night.burn(seen)
    night.pass_s(125, every_s=5)
    assert peer.requests
    assert [notice.body["to"]["address"] for notice in night.got("voice")] == [ZHAO]
    failed = night.dispatch.queries.notices(ADMIN, site=None, page=night.world.everything)
    assert [one.error for one in failed if one.channel == "sms" and one.error]  # shown with its reason

"""Web Push: a strict push service decrypts each message; browsers that are gone are removed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import create_engine

from alerts import Notice
from alerts.errors import ChannelError
from alerts.notices.channels.web_push import WebPushChannel, WebPushSettings
from alerts.people.access import Actor
from alerts.people.push_devices import DEVICES_MAX, PushDevices

from .browsers import LI, Browser, add_browser, decoded

WANG = Actor("wang", frozenset(("operator",)))
MESSAGE_BYTES_MAX, TOPIC_MAX, TOKEN_S_MAX = 4_096, 32, 24 * 3_600


class PushService:
    """Enforces RFC 8030 and RFC 8292 on the HTTP server of the test; `answers` overrides a status by path."""

    def __init__(self, peer: Any, application_key: str) -> None:
        self.peer, self.key = peer, application_key
        self.answers: dict[str, int] = {}
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        peer.answer = self.answer

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Return 201 for a valid message."""
        if path in self.answers:
            return self.answers[path], b""
        scheme, _, rest = headers["authorization"].partition(" ")
        values = dict(part.strip().split("=", 1) for part in rest.split(","))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(values["k"]))
        claims = jwt.decode(values["t"], key, algorithms=["ES256"], audience="http://127.0.0.1")
        right = (
            (scheme, values["k"]) == ("vapid", self.key)
            and time.time() < claims["exp"] <= time.time() + TOKEN_S_MAX
            and claims["sub"].startswith("mailto:")
            and headers["content-encoding"] == "aes128gcm"
            and int(headers["ttl"]) > 0
            and len(headers["topic"]) <= TOPIC_MAX
        )
        if not right:
            return 400, b""
        if len(body) > MESSAGE_BYTES_MAX:
            return 413, b""
        self.taken.append((path, headers, body))
        return 201, b""


@pytest.fixture
def channel(devices: PushDevices) -> WebPushChannel:
    """Return the channel with these browsers."""
    made = WebPushChannel(WebPushSettings(name="push", contact="safety@school.example", allow_private=True))
    made.use(devices)
    return made


@pytest.fixture
def service(peer: Any, channel: WebPushChannel) -> PushService:
    """Run a push service that knows the key of the channel."""
    return PushService(peer, channel.application_key())


def addressed(notice: Callable[..., Notice], account: str = "li", **changes: Any) -> Notice:
    """Return the notice of a page to an account."""
    reply = {"code": "4 1A2B", "link": "https://alarm.school.example/l/token"}
    return notice(to={"address": account, "medium": "app", "persons": [account]}, reply=reply, **changes)


def test_each_browser_of_the_account_reads_the_page(
    peer: Any, devices: PushDevices, channel: WebPushChannel, service: PushService, notice: Callable[..., Notice]
) -> None:
    """Both get title, text and the link of the receipt; the browser of another account gets nothing."""
    first, second = add_browser(devices, peer.url("/1")), add_browser(devices, peer.url("/2"))
    add_browser(devices, peer.url("/3"), WANG)
    assert channel.deliver(addressed(notice)).delivered
    taken = sorted(service.taken, key=lambda one: one[0])
    assert [path for path, _, _ in taken] == ["/1", "/2"]
    for browser, (_, headers, body) in zip((first, second), taken, strict=True):
        read = browser.read(body)
        assert "101室" in read["title"]
        assert "Room 101" in read["title"]
        assert read["link"] == "https://alarm.school.example/l/token"
        assert (headers["urgency"], headers["ttl"]) == ("high", "1800")


def test_a_drill_is_marked_and_the_longest_names_fit(
    peer: Any, devices: PushDevices, channel: WebPushChannel, service: PushService, notice: Callable[..., Notice]
) -> None:
    """Names of 500 characters of four bytes stay below the limit of a push service."""
    browser, long = add_browser(devices, peer.url("/1")), "\U00020000" * 500
    page = addressed(notice, drill=True, place={"zh": long, "en": long}, text={"zh": long, "en": long})
    assert channel.deliver(page).delivered
    read = browser.read(service.taken[0][2])
    assert "演练" in read["title"]


def test_messages_of_one_alarm_have_one_topic(
    peer: Any, devices: PushDevices, channel: WebPushChannel, service: PushService, notice: Callable[..., Notice]
) -> None:
    """A phone that was off shows the last state of an alarm, not each of them; another alarm has another topic."""
    add_browser(devices, peer.url("/1"))
    for alarm in ("a", "a", "b"):
        channel.deliver(addressed(notice, alarm_id=alarm))
    first, second, third = (headers["topic"] for _, headers, _ in service.taken)
    assert first == second != third


def test_a_gone_browser_is_removed_and_the_others_receive(
    peer: Any, devices: PushDevices, channel: WebPushChannel, service: PushService, notice: Callable[..., Notice]
) -> None:
    """404 and 410 remove it. Without any browser the step goes on at once."""
    for path, status in (("/1", 410), ("/2", 404), ("/3", 201)):
        add_browser(devices, peer.url(path))
        if status != 201:
            service.answers[path] = status
    assert channel.deliver(addressed(notice)).delivered
    assert [one.endpoint for one in devices.of("li")] == [peer.url("/3")]
    service.answers["/3"] = 410
    receipt = channel.deliver(addressed(notice))
    assert (receipt.delivered, receipt.retry) == (False, False)
    receipt = channel.deliver(addressed(notice))
    assert (receipt.delivered, receipt.retry, receipt.error) == (
        False,
        False,
        "the account has no browser for Web Push",
    )


def test_a_refusal_is_retried_by_its_status(
    peer: Any, devices: PushDevices, channel: WebPushChannel, service: PushService, notice: Callable[..., Notice]
) -> None:
    """The browser stays, and the error has neither its address nor its keys."""
    browser = add_browser(devices, peer.url("/1"))
    for status, retry in {429: True, 503: True, 307: True, 400: False, 413: False}.items():
        service.answers["/1"] = status
        receipt = channel.deliver(addressed(notice))
        assert (receipt.delivered, receipt.retry) == (False, retry), status
        assert browser.endpoint not in receipt.error
    assert len(devices.of("li")) == 1


def test_the_key_survives_a_restart_and_needs_the_database(devices: PushDevices, channel: WebPushChannel) -> None:
    """Browsers trust one key for ever; a channel that has no database yet states it."""
    later = WebPushChannel(WebPushSettings(name="push", contact="safety@school.example"))
    with pytest.raises(ChannelError, match="database"):
        later.application_key()
    later.use(PushDevices(devices._engine, time.time_ns))
    assert later.application_key() == channel.application_key()


@pytest.mark.parametrize(
    "address", ["http://push.example/1", "https://127.0.0.1/1", "https://u:p@push.example/", "ftp://push.example/1"]
)
def test_private_and_plain_addresses_are_refused(
    devices: PushDevices, address: str, notice: Callable[..., Notice]
) -> None:
    """Without `allow_private` the service sends to public https addresses alone, whatever a browser states."""
    channel = WebPushChannel(WebPushSettings(name="push", contact="safety@school.example"))
    channel.use(devices)
    add_browser(devices, address)
    assert not channel.deliver(addressed(notice)).delivered


def test_an_account_has_ten_browsers_and_one_browser_one_account(devices: PushDevices, peer: Any) -> None:
    """A further one replaces the oldest; a browser that another account registers leaves the first."""
    for number in range(DEVICES_MAX + 2):
        add_browser(devices, peer.url(f"/{number}"))
    kept = [peer.url(f"/{number}") for number in range(2, DEVICES_MAX + 2)]
    assert [one.endpoint for one in devices.of("li")] == kept
    add_browser(devices, peer.url("/5"), WANG)
    assert [one.endpoint for one in devices.of("li")] == [one for one in kept if one != peer.url("/5")]
    assert [one.endpoint for one in devices.of("wang")] == [peer.url("/5")]


def test_a_page_reaches_the_known_browsers_while_the_database_fails(
    peer: Any, devices: PushDevices, channel: WebPushChannel, service: PushService, notice: Callable[..., Notice]
) -> None:
    """A process that starts later knows them and the key as well; a browser that left gets nothing."""
    add_browser(devices, peer.url("/1"))
    left = devices.add(LI, name="left", **Browser(peer.url("/2")).subscription())
    devices.remove(LI, left.id)
    later = PushDevices(devices._engine, time.time_ns)
    started = WebPushChannel(WebPushSettings(name="push", contact="safety@school.example", allow_private=True))
    started.use(later)
    for one in (devices, later):
        one._reading = create_engine("sqlite:////nowhere/alerts.db")
    for one in (channel, started):
        assert one.deliver(addressed(notice)).delivered
    assert [path for path, _, _ in service.taken] == ["/1", "/1"]


def test_a_browser_that_hangs_delays_no_other(
    peer: Any, devices: PushDevices, channel: WebPushChannel, service: PushService, notice: Callable[..., Notice]
) -> None:
    """All messages of a page are under way at the same time: each is taken only when four have come."""
    together = threading.Barrier(4)
    for number in range(4):
        add_browser(devices, peer.url(f"/{number}"))
    peer.answer = lambda *given: (together.wait(30), service.answer(*given))[1]
    assert channel.deliver(addressed(notice)).delivered
    assert sorted(path for path, _, _ in service.taken) == ["/0", "/1", "/2", "/3"]


def test_an_account_of_another_school_receives_nothing(
    peer: Any, devices: PushDevices, channel: WebPushChannel, service: PushService, notice: Callable[..., Notice]
) -> None:
    """A wrong name in a roster shows alarms to nobody outside the school; a fault of the service has none."""
    add_browser(devices, peer.url("/1"))
    assert not channel.deliver(addressed(notice, site="school-2")).delivered
    assert service.taken == []
    assert channel.deliver(addressed(notice, site="")).delivered

"""Group robots against one server that enforces the providers' limits, signatures and error codes.

The server stands for providers that no test may reach: `oapi.dingtalk.com`, `qyapi.weixin.qq.com`, `open.feishu.cn`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from alerts import Notice, Outbox
from alerts.database import rows
from alerts.database.schema import notices
from alerts.errors import ChannelError
from alerts.notices.channels.robots import KINDS, Robot, RobotChannel, read_robots
from alerts.notices.channels.sending_rate import LOWER_SHARE, SendingRate, Window
from detectors import Phase

SECRET = "SEC0123456789"
START_S = 1_790_000_000
NOTICE = Notice(
    id="msg_1", site="school-1", hazard="h", ticket="", channel="robot", type="hazard.opened",
    created_ns=START_S * 10**9,
    body={"grade": "red", "place": {"zh": "101室", "en": "Room 101"}, "text": {"zh": "烟雾", "en": "smoke"}},
    state="pending", attempts=0, next_ns=0, delivered_ns=None, error="",
)  # fmt: skip


@dataclass
class Clock:
    """Seconds that the test moves; of providers and channels."""

    now_s: float = START_S

    def __call__(self) -> float:
        """Return the present time."""
        return self.now_s


class Providers(ThreadingHTTPServer):
    """The three providers: 20, 20 and 100 messages a minute; a fourth rule of 5 a second for Feishu."""

    daemon_threads = True

    def __init__(self, clock: Clock) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.clock = clock
        self.taken: dict[str, list[tuple[float, dict[str, Any]]]] = defaultdict(list)
        self.throttled_total = 0
        self.blocked_s = 0.0

    def answer(self, kind: str, query: dict[str, list[str]], body: dict[str, Any]) -> dict[str, Any]:
        """Return the provider's response to a message."""
        return {"dingtalk": self._dingtalk, "wecom": self._wecom, "feishu": self._feishu}[kind](query, body)

    def url(self, kind: str) -> str:
        """Address of a robot."""
        return f"http://127.0.0.1:{self.server_port}/{kind}/send?access_token=t"

    def _dingtalk(self, query: dict[str, list[str]], body: dict[str, Any]) -> dict[str, Any]:
        stamp = query.get("timestamp", ["0"])[0]
        digest = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
        if query.get("sign") != [base64.b64encode(digest).decode()] or abs(int(stamp) / 1000 - self.clock()) > 3600:
            return {"errcode": 310000, "errmsg": "sign not match"}
        if self.clock() < self.blocked_s:
            return {"errcode": 130101, "errmsg": "send too fast"}
        if self._full("dingtalk", 20, 60):
            self.blocked_s = self.clock() + 600
            return {"errcode": 130101, "errmsg": "send too fast"}
        return self._take("dingtalk", body) | {"errcode": 0}

    def _wecom(self, _query: dict[str, list[str]], body: dict[str, Any]) -> dict[str, Any]:
        if len(body["text"]["content"].encode()) > 2048:
            return {"errcode": 40058, "errmsg": "content exceeds 2048 bytes"}
        if self._full("wecom", 20, 60):
            return {"errcode": 45009, "errmsg": "api freq out of limit"}
        return self._take("wecom", body) | {"errcode": 0}

    def _feishu(self, _query: dict[str, list[str]], body: dict[str, Any]) -> dict[str, Any]:
        key = f"{body.get('timestamp')}\n{SECRET}".encode()
        if body.get("sign") != base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode():
            return {"code": 19021, "msg": "sign match fail"}
        if self._full("feishu", 100, 60) or self._full("feishu", 5, 1):
            return {"code": 11232, "msg": "frequency limited"}
        return self._take("feishu", body) | {"code": 0}

    def _full(self, kind: str, count: int, span_s: float) -> bool:
        full = sum(at_s > self.clock() - span_s for at_s, _ in self.taken[kind]) >= count
        self.throttled_total += full
        return full

    def _take(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        self.taken[kind].append((self.clock(), body))
        return {}


class Handler(BaseHTTPRequestHandler):
    """Passes a message to its provider; every response has the status 200."""

    server: Providers

    def do_POST(self) -> None:
        """Answer one message."""
        parts = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content = json.dumps(self.server.answer(parts.path.split("/")[1], parse_qs(parts.query), body)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def providers() -> Iterator[Providers]:
    """Running providers."""
    server = Providers(Clock())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def channel(providers: Providers, kind: str, *, secret: str = SECRET) -> RobotChannel:
    """Return the channel of a robot on the providers' clock."""
    robot = Robot(kind, providers.url(kind), secret if KINDS[kind].signs else "")
    return RobotChannel(kind, robot, allow_private=True, now_s=providers.clock, monotonic=providers.clock)


@pytest.mark.parametrize("kind", KINDS)
def test_a_red_page_arrives_with_a_mention_of_everybody(providers: Providers, kind: str) -> None:
    """The text has place and sentence in both languages; the signature is accepted."""
    assert channel(providers, kind).deliver(NOTICE).delivered
    content = json.dumps(providers.taken[kind][0][1], ensure_ascii=False)
    for word in ("101室", "Room 101", "烟雾", "smoke"):
        assert word in content
    assert any(word in content for word in ("@all", '"isAtAll": true', 'user_id=\\"all\\"'))
    assert not channel(providers, kind).deliver(replace(NOTICE, body=NOTICE.body | {"grade": "yellow"})).error
    quiet = json.dumps(providers.taken[kind][1][1])
    assert not any(word in quiet for word in ("@all", '"isAtAll": true', 'user_id=\\"all\\"'))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].signs])
def test_a_wrong_secret_is_a_permanent_failure_without_the_secret(providers: Providers, kind: str) -> None:
    """HTTP 200 with an error code is no delivery."""
    receipt = channel(providers, kind, secret="SECwrong").deliver(NOTICE)
    assert (receipt.delivered, receipt.retry) == (False, False)
    assert "SEC" not in receipt.error
    assert "access_token" not in receipt.error


def test_a_long_text_is_cut_to_the_size_of_the_provider(providers: Providers) -> None:
    """A name of 5,000 characters does not keep a page from WeCom."""
    body = NOTICE.body | {"text": {"zh": "烟" * 5_000, "en": "smoke"}}
    assert channel(providers, "wecom").deliver(replace(NOTICE, body=body)).delivered


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])  # WeCom has the windows of DingTalk
@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # nothing in it depends on the database
def test_a_storm_throttles_no_robot_and_red_pages_leave_within_five_seconds(
    make_world: Any, providers: Providers, seen: Any, kind: str
) -> None:
    """300 alarms a minute, one in 30 red: digests hold the limits, red overtakes."""
    robot = channel(providers, kind)
    world = make_world(channels=(robot,))
    outbox = Outbox(world.engine, [robot], lambda: world.now_ns)
    for second in range(110):
        providers.clock.now_s, world.now_ns = START_S + second, (START_S + second) * 10**9
        if second < 60:
            numbers = range(5 * second, 5 * second + 5)
            kinds = ["fire" if number % 30 == 0 else "leak" for number in numbers]
            alarms = zip(numbers, kinds, strict=True)
            world.feed(*(seen(Phase.RAISE, hazard=one, sensor=f"s{n}", level=2, at_s=second) for n, one in alarms))
        while outbox.deliver_due(world.now_ns, kind):
            pass
    found = sent(world, kind)
    delays_s = [(one.delivered_ns - one.created_ns) / 1e9 for one in found if one.body["grade"] == "red"]
    assert providers.throttled_total == 0
    assert (len(found), len(delays_s)) == (300, 10)
    assert max(delays_s) <= 5
    assert {notice.state for notice in found} == {"sent"}


def sent(world: Any, kind: str) -> list[Notice]:
    """Return all notices of the channel."""
    with world.engine.connect() as connection:
        found = connection.execute(select(notices).where(notices.c.channel == kind))
        return [rows.record(Notice, row) for row in found]


def test_a_throttled_robot_rests_for_its_time(providers: Providers) -> None:
    """After a refusal of DingTalk no message leaves for ten minutes."""
    robot = channel(providers, "dingtalk")
    providers.blocked_s = providers.clock() + 600
    assert not robot.deliver(NOTICE).delivered
    providers.clock.now_s += 300
    assert robot.wait_s(red=True) == 300
    providers.clock.now_s += 301
    assert robot.wait_s(red=True) == 0
    assert robot.deliver(NOTICE).delivered


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=80))
def test_no_window_ever_has_too_many_messages(steps: list[tuple[float, bool]]) -> None:
    """Each window holds in any order of grades and pauses; lower grades leave room."""
    clock = Clock()
    windows = (Window(18, 60.0), Window(4, 1.0))
    rate, times, lower = SendingRate(windows, clock), list[float](), list[float]()
    for pause_s, red in steps:
        clock.now_s += pause_s
        if rate.wait_s(red=red) <= 0:
            rate.note_sent(red=red)
            times.append(clock())
            lower += [] if red else [clock()]
    for window in windows:
        for now_s in times:
            assert sum(now_s - window.span_s < at_s <= now_s for at_s in times) <= window.count
        for now_s in lower:
            assert sum(now_s - window.span_s < at_s <= now_s for at_s in lower) <= max(1, window.count // LOWER_SHARE)


@pytest.mark.parametrize("line", ["slack https://x.org", "dingtalk", "wecom https://x.org s", "feishu a b c"])
def test_a_wrong_line_is_refused_without_its_content(tmp_path: Path, line: str) -> None:
    """The message names file and line number."""
    path = tmp_path / "robots"
    path.write_text(f"{line}\n")
    path.chmod(0o600)
    with pytest.raises(ChannelError, match="robot 1") as refused:
        read_robots(path)
    assert "x.org" not in str(refused.value)

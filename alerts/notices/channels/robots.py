"""Group robots of DingTalk, WeCom and Feishu: signed texts within the limits of their providers.

Sources: open.dingtalk.com, custom robots (signature, 20 messages a minute, then a block of ten minutes);
developer.work.weixin.qq.com, group robots (20 a minute, 2,048 bytes); open.feishu.cn, custom bots (signature, 100 a
minute and 5 a second, 20 kB). A response 200 with an error code is a failure. The codes for too many messages are
130101 and 410100 (DingTalk), 45009 (WeCom), 11232 and 9499 (Feishu).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from alerts.errors import ChannelError
from alerts.model import Notice, Receipt

from .destinations import read_destination
from .exchange import FAILURES, Exchange
from .people import DRILL, text, title
from .secret_files import addresses
from .sending_rate import SendingRate, Window

TIMEOUT_S = 5.0
RED = "red"
PARTS = 2
"""Words of a robot's line without its secret: kind and URL."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Limits and codes of one provider. code: key of the error code in a response; bytes_max: of a text."""

    windows: tuple[Window, ...]
    bytes_max: int
    code: str
    throttled: frozenset[int]
    block_s: float
    signs: bool


KINDS: Mapping[str, Kind] = {
    "dingtalk": Kind((Window(18, 60.0),), 20_000, "errcode", frozenset((130101, 410100)), 600.0, signs=True),
    "wecom": Kind((Window(18, 60.0),), 2_048, "errcode", frozenset((45009,)), 60.0, signs=False),
    "feishu": Kind((Window(90, 60.0), Window(4, 1.0)), 18_000, "code", frozenset((11232, 9499)), 60.0, signs=True),
}
"""Provider -> its limits, with a tenth less than it accepts."""


@dataclass(frozen=True, slots=True)
class Robot:
    """One robot of a group. url, secret: never in output."""

    kind: str
    url: str
    secret: str = ""


def read_robots(path: Path | None) -> list[Robot]:
    """Return the robots of a file, one `kind URL [secret]` a line. Raises ChannelError without the line's content."""
    found = []
    for number, line in enumerate(addresses(path), 1):
        words = line.split()
        if not PARTS <= len(words) <= PARTS + 1 or words[0] not in KINDS:
            raise ChannelError(f"{path}: robot {number}: allowed is one of {', '.join(KINDS)}, its URL, its secret")
        if len(words) > PARTS and not KINDS[words[0]].signs:
            raise ChannelError(f"{path}: robot {number}: {words[0]} has no secret; the key is part of its URL")
        found.append(Robot(*words))
    return found


class RobotChannel:
    """One robot. It receives only pages; lower grades in a digest when several wait. Not thread-safe."""

    for_programs = False

    def __init__(
        self,
        name: str,
        robot: Robot,
        *,
        allow_private: bool = False,
        now_s: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ChannelError for a URL that is not allowed."""
        self.name, self._robot, self._now_s = name, robot, now_s
        self._kind = KINDS[robot.kind]
        self._destination = read_destination(name, robot.url, allow_private=allow_private)
        self._exchange = Exchange(self._destination, allow_private=allow_private, timeout_s=TIMEOUT_S)
        self._rate = SendingRate(self._kind.windows, monotonic)

    def wait_s(self, *, red: bool) -> float:
        """Return the seconds until the provider accepts a message of this grade; 0.0 for now."""
        return self._rate.wait_s(red=red)

    def blocked(self) -> bool:
        """Return whether the provider refuses every message now."""
        return self._rate.blocked()

    def deliver(self, notice: Notice) -> Receipt:
        """Send once, unless the provider would refuse one more message now."""
        red = notice.body.get("grade") == RED
        if self.wait_s(red=red) > 0:
            return self._rate.refusal("the rate limit of the robot")
        self._rate.note_sent(red=red)
        body, query = _request(self._robot, _cut(message(notice), self._kind.bytes_max), int(self._now_s()), red=red)
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        try:
            status, answer = self._exchange.ask("POST", headers, body, query=query)
        except (*FAILURES, OSError, ValueError) as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: {error}")
        return self._receipt(status, answer)

    def _receipt(self, status: int, answer: bytes) -> Receipt:
        """Return the receipt by status and error code; too many messages block the robot for its time."""
        try:
            code = orjson.loads(answer).get(self._kind.code)
        except (ValueError, AttributeError):
            code = None
        if 200 <= status < 300 and code == 0:  # noqa: PLR2004 - HTTP's success codes
            return Receipt(delivered=True)
        if code in self._kind.throttled:
            self._rate.block(self._kind.block_s)
            return self._rate.refusal(f"too many messages ({code})")
        refused = status < 300 and isinstance(code, int)  # noqa: PLR2004 - as above
        return Receipt(delivered=False, retry=not refused, error=f"HTTP {status}, code {code}")


def message(notice: Notice) -> str:
    """Return the text of a notice, or of a digest: one line for each of its notices."""
    parts = notice.body.get("digest")
    if not parts:
        return f"{title(notice)}\n{text(notice)}"
    drill_zh, drill_en = DRILL if notice.body.get("drill") else ("", "")
    lines = [f"{drill_zh}{len(parts)} 条报警 / {drill_en}{len(parts)} alarms"]
    return "\n".join(lines + [f"· {part}" for part in parts])


def _request(robot: Robot, content: str, now_s: int, *, red: bool) -> tuple[bytes, str]:
    """Return the body of a message and the signature for the query; red messages mention everybody."""
    if robot.kind == "feishu":
        mention = '<at user_id="all">所有人</at>' if red else ""
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": content + mention}}
        if robot.secret:
            key = f"{now_s}\n{robot.secret}".encode()
            body |= {"timestamp": str(now_s), "sign": _digest(key, b"")}
        return orjson.dumps(body), ""
    if robot.kind == "wecom":
        mentions = {"mentioned_list": ["@all"]} if red else {}
        return orjson.dumps({"msgtype": "text", "text": {"content": content, **mentions}}), ""
    body = {"msgtype": "text", "text": {"content": content}, "at": {"isAtAll": red}}
    if not robot.secret:
        return orjson.dumps(body), ""
    stamp = f"{now_s}000"
    sign = _digest(robot.secret.encode(), f"{stamp}\n{robot.secret}".encode())
    return orjson.dumps(body), f"timestamp={stamp}&sign={quote(sign, safe='')}"


def _digest(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def _cut(content: str, bytes_max: int) -> str:
    """Return the text within its size, with an ellipsis where it was cut."""
    raw = content.encode()
    if len(raw) <= bytes_max:
        return content
    return raw[: bytes_max - len("…".encode())].decode(errors="ignore") + "…"

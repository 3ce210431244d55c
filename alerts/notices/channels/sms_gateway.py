"""SMS by the HTTP gateway of an operator: one signed request for each number, by a template."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from annotated_types import Interval, doc
from cachetools import FIFOCache

from alerts.errors import ChannelError
from alerts.model import Notice, Receipt
from alerts.risk.grading import COLOUR_ZH
from ingest.tables import FilledText, Reads

from .contract import Answers
from .destinations import read_destination
from .exchange import FAILURES, Exchange
from .people import DRILL
from .plain_text import plain
from .receipts import http_receipt
from .routes import NO_ADDRESS, PersonalRoute, address_of
from .sending_rate import SendingRate, Window
from .sms_replies import TOKEN, PostedReplies
from .sms_template import answer_code, fill, read_template

TIMEOUT_S = 4.0
TEXT_MAX = 200
KNOWN_MAX = 10_000
BLOCK_S = 60.0
_NUMBER = re.compile(r"\+?[0-9]{5,20}", re.ASCII)


def _number(text: Any) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return str(text)


PhoneNumber = Annotated[str, Reads(_number, "5 to 20 digits, + before a country code")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSettings(PersonalRoute):
    """SMS by an HTTP gateway."""

    provider: Annotated[FilledText, doc("`aliyun`, `tencent`, or the path of a template")]
    numbers: Annotated[
        tuple[PhoneNumber, ...], doc("recipients, with + and country code; empty: contacts of the roster")
    ]
    secrets: Annotated[
        Mapping[str, str], doc("values that the template names; `reply_token` opens the address of replies")
    ] = field(repr=False)
    url: Annotated[str, doc("address, if another than the template's")] = ""
    allow_private: Annotated[bool, doc("whether the address may be private or plain http")] = False
    per_minute: Annotated[int, Interval(ge=1, le=10_000), doc("messages a minute that the gateway accepts")] = 60

    def errors(self) -> Iterable[str]:
        """Yield contradictions between the keys."""
        yield from PersonalRoute.errors(self)


class SmsChannel:
    """One gateway with its recipients; lower grades leave in a digest when several wait."""

    for_programs = False

    def __init__(
        self,
        settings: SmsSettings,
        *,
        now_s: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ChannelError for an unusable template, a missing secret or a URL that is not allowed."""
        self.name, self._settings, self._now_s = settings.name, settings, now_s
        if not settings.numbers:
            self.medium = "sms"
        self._template = read_template(settings.provider)
        missing = [name for name in self._template.secrets if name not in settings.secrets]
        if missing:
            raise ChannelError(f"{settings.name}: secrets: no value for {', '.join(missing)}; the template needs all")
        self.replies = PostedReplies(settings.name, self._template.replies, settings.secrets.get(TOKEN, ""))
        url = settings.url or self._template.url
        to = read_destination(settings.name, url, allow_private=settings.allow_private)
        self._exchange = Exchange(to, allow_private=settings.allow_private, timeout_s=TIMEOUT_S)
        self._rate = SendingRate((Window(settings.per_minute, 60.0),), monotonic)
        self._sent: FIFOCache[tuple[str, str], None] = FIFOCache(KNOWN_MAX)

    def wait_s(self, *, red: bool) -> float:
        """Return the seconds until the gateway accepts a message of this grade; 0.0 for now."""
        return self._rate.wait_s(red=red)

    def blocked(self) -> bool:
        """Return whether the gateway refuses every message now."""
        return self._rate.blocked()

    def connect(self, answers: Answers) -> None:
        """Pass the replies that the provider posts to this receiver from now on."""
        self.replies.answers = answers

    def take_replies(self, token: str, content: bytes) -> str | None:
        """Pass on the replies of a request of the provider; return the response, None for a wrong token.

        Raises ValueError for content of another form.
        """
        return self.replies.take(token, content)

    def deliver(self, notice: Notice) -> Receipt:
        """Send to every number that has not received the notice. A retry sends to the others only."""
        values, failures = self._values(notice), list[Receipt]()
        numbers = self._settings.numbers or tuple(filter(None, (address_of(notice),)))
        if not numbers:
            return NO_ADDRESS
        for number in numbers:
            if (notice.id, number) in self._sent:
                continue
            receipt = self._ask(values | {"number": number}, red=notice.body.get("grade") == "red")
            if receipt.delivered:
                self._sent[notice.id, number] = None
            else:
                failures.append(receipt)
        if not failures:
            return Receipt(delivered=True)
        count = f"{len(failures)} of {len(numbers)} numbers: {failures[0].error}"
        reached = len(failures) < len(numbers)
        blocked_s = 0.0 if reached else max(one.blocked_s for one in failures)
        return replace(failures[0], retry=any(one.retry for one in failures), error=count, blocked_s=blocked_s)

    def _ask(self, values: Mapping[str, str], *, red: bool) -> Receipt:
        if self._rate.wait_s(red=red) > 0:
            return self._rate.refusal("the rate limit of the gateway")
        self._rate.note_sent(red=red)
        request = fill(self._template, values)
        headers = {**request.headers, "content-length": str(len(request.body))}
        try:
            status, content = self._exchange.ask(
                self._template.method, headers, request.body or None, query=request.query
            )
        except (*FAILURES, OSError, ValueError) as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: {error}")
        return self._receipt(status, content)

    def _receipt(self, status: int, content: bytes) -> Receipt:
        """Return the receipt by status and code; a success needs both."""
        answer, code = self._template.answer, answer_code(self._template, content)
        receipt = http_receipt(status)
        if receipt.delivered and code in answer.good:
            return receipt
        error = f"HTTP {status}, code {code[:100]}" if code else f"HTTP {status} without a code"
        if code in answer.throttled:
            self._rate.block(BLOCK_S)
            return self._rate.refusal(error)
        return Receipt(delivered=False, retry=receipt.retry and code not in answer.permanent, error=error)

    def _values(self, notice: Notice) -> dict[str, str]:
        """Return the values of the template for this notice."""
        now_s, body = self._now_s(), notice.body
        instant = datetime.fromtimestamp(int(now_s), UTC)
        return {
            **self._settings.secrets,
            **sms_words(body),
            "time": f"{instant:%Y-%m-%dT%H:%M:%SZ}",
            "date": f"{instant:%Y-%m-%d}",
            "epoch": str(int(now_s)),
            "nonce": secrets.token_hex(16),
        }


def sms_words(body: Mapping[str, Any]) -> dict[str, str]:
    """Return place, kind, grade and texts of a notice, each within the length of a message. Drills are marked."""
    place, words, digest = body.get("place", {}), body.get("text", {}), body.get("digest")
    drill_zh, drill_en = DRILL if body.get("drill") else ("", "")
    grade = str(body.get("grade", ""))
    if digest:
        words = {"zh": f"{len(digest)} 条报警：{digest[0]}", "en": f"{len(digest)} alarms: {digest[0]}"}
    zh, en = (plain(str(words.get(key, "")))[:TEXT_MAX] for key in ("zh", "en"))
    place_zh, place_en = (plain(str(place.get(key, "")))[:TEXT_MAX] for key in ("zh", "en"))
    title = f"【{drill_zh}{COLOUR_ZH.get(grade, grade)}】"
    code = str(body.get("reply", {}).get("code", ""))
    request = f" 回复/reply: {code}" if code else ""
    return {
        "grade": f"{drill_zh}{COLOUR_ZH.get(grade, grade)}",
        "place": place_zh,
        "kind": str(body.get("kind", "")),
        "text_zh": f"{zh}{request}",
        "text_en": f"{drill_en}{grade.upper()} {place_en}: {en}",
        "text": f"{title}{place_zh}：{zh} / {drill_en}{grade.upper()} {place_en}: {en}{request}",
    }

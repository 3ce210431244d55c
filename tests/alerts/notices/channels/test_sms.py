"""SMS: gateways as fakes with real signatures, and the spool folders of gammu-smsd."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from alerts import Notice
from alerts.errors import ChannelError
from alerts.notices.channels.sms_gateway import SmsChannel, SmsSettings
from alerts.notices.channels.sms_spool import SpoolChannel, SpoolReplies, SpoolSettings
from alerts.notices.channels.sms_template import PROVIDERS, fill, read_template
from tests.processes import until

NOW_S = 1_790_000_000.0
NUMBERS = ("+8613800000001", "+8613800000002")
SECRETS = {
    "tencent": {"secret_id": "AKID1", "secret_key": "key-1", "app_id": "1400", "sign_name": "校园", "template_id": "7"},
    "aliyun": {"access_key_id": "AKID2", "access_key_secret": "key-2", "sign_name": "校园", "template_code": "SMS_1"},
}


class Gateways:
    """Both gateways: they verify signatures and times, and answer each number with its code."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}
        self.taken: list[tuple[str, list[str]]] = []

    def __call__(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Answer one request by its path."""
        return {"/tencent": self._tencent, "/aliyun": self._aliyun}[path](headers, body)

    def _tencent(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        date = "2026-09-21"
        canonical = "\n".join(
            (
                *("POST", "/", "", "content-type:application/json; charset=utf-8", "host:sms.tencentcloudapi.com", ""),
                *("content-type;host", hashlib.sha256(body).hexdigest()),
            )
        )
        scope, stamp = f"{date}/sms/tc3_request", headers["x-tc-timestamp"]
        text = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"TC3key-1"
        for part in (date, "sms", "tc3_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        good = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        wanted = f"TC3-HMAC-SHA256 Credential=AKID1/{scope}, SignedHeaders=content-type;host, Signature={good}"
        if headers["authorization"] != wanted or stamp != str(int(NOW_S)):
            return 200, b'{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure"}}}'
        request = json.loads(body)
        number = request["PhoneNumberSet"][0]
        code = self._take(number, request["TemplateParamSet"], "Ok")
        return 200, json.dumps({"Response": {"SendStatusSet": [{"Code": code}]}}).encode()

    def _aliyun(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        given = dict(parse_qsl(body.decode(), strict_parsing=True))
        signature = given.pop("Signature")
        pairs = "&".join(f"{quote(key, safe='-_.~')}={quote(given[key], safe='-_.~')}" for key in sorted(given))
        text = f"POST&%2F&{quote(pairs, safe='-_.~')}"
        good = base64.b64encode(hmac.new(b"key-2&", text.encode(), hashlib.sha1).digest()).decode()
        if signature != good or given["Timestamp"] != "2026-09-21T14:13:20Z" or "form" not in headers["content-type"]:
            return 400, b'{"Code":"SignatureDoesNotMatch"}'
        words = json.loads(given["TemplateParam"])
        code = self._take(given["PhoneNumbers"], [words["grade"], words["place"], words["text"]], "OK")
        return 200, json.dumps({"Code": code}).encode()

    def _take(self, number: str, words: list[str], good: str) -> str:
        code = self.codes.get(number, good)
        if code == good:
            self.taken.append((number, words))
        return code


@pytest.fixture
def gateways(peer: Any) -> Gateways:
    """Return the running gateways."""
    peer.answer = Gateways()
    return peer.answer


def channel(peer: Any, provider: str, **changes: Any) -> SmsChannel:
    """Return the channel of a provider on a fixed clock."""
    given = {"name": "sms", "provider": provider, "numbers": NUMBERS, "secrets": SECRETS[provider]}
    given |= {"url": peer.url(f"/{provider}"), "allow_private": True} | changes
    return SmsChannel(SmsSettings(**given), now_s=lambda: NOW_S)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_page_reaches_every_number_with_a_valid_signature(
    peer: Any, gateways: Gateways, provider: str, notice: Callable[..., Notice]
) -> None:
    """Quotes and mark-up in a name neither break the request nor its signature."""
    assert channel(peer, provider).deliver(notice(place={"zh": '1"号&楼', "en": "B"})).delivered
    assert [number for number, _ in gateways.taken] == list(NUMBERS)
    grade, place, text = gateways.taken[0][1]
    assert (grade, text) == ("红色", "烟雾")
    assert place.startswith('1"号')


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_drill_is_marked(peer: Any, gateways: Gateways, provider: str, notice: Callable[..., Notice]) -> None:
    """The first parameter contains the word."""
    assert channel(peer, provider).deliver(notice(drill=True)).delivered
    assert gateways.taken[0][1][0] == "演练 红色"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_wrong_key_is_a_failure_without_the_key(
    peer: Any, gateways: Gateways, provider: str, notice: Callable[..., Notice]
) -> None:
    """Also where the gateway answers 200."""
    assert gateways.taken == []
    wrong = {name: f"wrong-{name}" for name in SECRETS[provider]}
    receipt = channel(peer, provider, secrets=wrong).deliver(notice())
    assert not receipt.delivered
    assert "wrong" not in receipt.error


def test_a_retry_sends_to_the_numbers_that_are_missing(
    peer: Any, gateways: Gateways, notice: Callable[..., Notice]
) -> None:
    """A failure of one number repeats no message of the other."""
    gateways.codes[NUMBERS[1]] = "FailedOperation.ContainSensitiveWord"
    sender = channel(peer, "tencent")
    receipt = sender.deliver(notice())
    assert (receipt.delivered, receipt.retry) == (False, True)
    assert receipt.error.startswith("1 of 2 numbers")
    gateways.codes.clear()
    assert sender.deliver(notice()).delivered
    assert [number for number, _ in gateways.taken] == list(NUMBERS)


def test_too_many_messages_stop_the_gateway_for_a_time(
    peer: Any, gateways: Gateways, notice: Callable[..., Notice]
) -> None:
    """After the provider's refusal no request leaves."""
    gateways.codes = dict.fromkeys(NUMBERS, "isv.BUSINESS_LIMIT_CONTROL")
    sender = channel(peer, "aliyun")
    assert sender.deliver(notice()).retry
    count = len(peer.requests)
    assert sender.wait_s(red=True) > 0
    assert sender.deliver(notice()).retry
    assert len(peer.requests) == count


@given(st.text(max_size=40))
def test_a_value_is_never_a_template(text: str) -> None:
    """Braces and quotes in a text stay text, and the body stays JSON."""
    values = dict.fromkeys(("number", "time", "date", "epoch", "nonce", "grade", "kind", "text"), "1")
    values |= {"text_zh": text, "place": "{secret_key}", **SECRETS["tencent"]}
    body = json.loads(fill(read_template("tencent"), values).body)
    assert body["TemplateParamSet"] == ["1", "{secret_key}", text]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('body = "{unknown}"', "unknown"),
        ('method = "PUT"', "method"),
        ('[[step]]\nname = "a"\nmake = "md5"\ntext = ""', "md5"),
        ('[[step]]\nname = "a"\nmake = "hmac-sha1"\ntext = ""\nkey_of = "b"', "step a"),
    ],
)
def test_a_wrong_template_is_refused_with_its_reason(tmp_path: Path, line: str, error: str) -> None:
    """Unknown values, methods and steps are errors of the start."""
    rows = {"url": 'url = "https://x.org/"', "method": 'method = "POST"', "secrets": "secrets = []"}
    rows.pop(line.partition(" ")[0], None)
    path = tmp_path / "t.toml"
    path.write_text("\n".join((*rows.values(), line, '[answer]\npath = "a"\ngood = ["b"]')))
    with pytest.raises(ChannelError, match=error):
        read_template(str(path))


def test_a_missing_secret_is_an_error_of_the_start(peer: Any) -> None:
    """The message names the secret, not its neighbours' values."""
    with pytest.raises(ChannelError, match="sign_name") as refused:
        channel(peer, "tencent", secrets={"secret_key": "very-secret"})
    assert "very-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("short", "24 or more letters"),
        ("x" * 23, "24 or more"),
        ("a/token?of=thirty-two#characters", "letters, digits"),
    ],
)
def test_a_weak_token_of_replies_is_an_error_of_the_start(peer: Any, token: str, error: str) -> None:
    """The token is the only proof of the provider, so it is long, and fits a path."""
    with pytest.raises(ChannelError, match=error):
        channel(peer, "aliyun", secrets=SECRETS["aliyun"] | {"reply_token": token})


def test_replies_without_a_token_are_refused(peer: Any) -> None:
    """An empty token opens nothing."""
    without = channel(peer, "tencent")
    without.connect(Answers())
    assert without.take_replies("", b'{"mobile": "13800000001", "text": "4 1A"}') is None


@pytest.fixture
def spool(tmp_path: Path) -> SpoolSettings:
    """Return the folders of a modem."""
    folders = {name: tmp_path / name for name in ("outbox", "sent", "errors_folder", "inbox")}
    for folder in folders.values():
        folder.mkdir()
    return SpoolSettings(name="modem", numbers=NUMBERS, **folders)


OUT = re.compile(r"OUT([A-Z])(\d{8})_(\d{6})_(\d+)_(\+?\d+)_([^_]+)\.txt")
"""Form of a file by gammu-smsd-files(7)."""


def modem(spool: SpoolSettings, *, works: bool = True) -> list[tuple[str, str]]:
    """Send the waiting files in the order of gammu-smsd, highest priority first; return numbers and texts."""
    found = []
    for path in sorted(spool.outbox.iterdir()):
        match = OUT.fullmatch(path.name)
        assert match, path.name
        found.append((match[5], path.read_bytes().decode("utf-16")))
        path.rename((spool.sent if works else spool.errors_folder) / path.name)
    return found


def test_the_modem_is_the_receipt(spool: SpoolSettings, notice: Callable[..., Notice]) -> None:
    """Before the modem has sent, the notice is not delivered, and another attempt writes no second file."""
    sender = SpoolChannel(spool, now=lambda: datetime(2026, 9, 21, 22, 13, 20, tzinfo=UTC))
    for _ in range(3):
        receipt = sender.deliver(notice())
        assert (receipt.delivered, receipt.retry) == (False, True)
    sent = modem(spool)
    assert [number for number, _ in sent] == list(NUMBERS)
    assert all("烟雾" in text and "smoke" in text for _, text in sent)
    assert sender.deliver(notice()).delivered
    assert list(spool.outbox.iterdir()) == []


def test_the_modem_fails(spool: SpoolSettings, notice: Callable[..., Notice]) -> None:
    """Files in the folder of errors are a permanent failure of this channel; others take over."""
    sender = SpoolChannel(spool)
    sender.deliver(notice())
    modem(spool, works=False)
    receipt = sender.deliver(notice())
    assert (receipt.delivered, receipt.retry) == (False, False)


def test_red_leaves_before_lower_grades(spool: SpoolSettings, notice: Callable[..., Notice]) -> None:
    """The priority of the file name orders the modem's queue."""
    sender = SpoolChannel(spool)
    for grade in ("blue", "yellow", "red", "orange"):
        sender.deliver(notice(notice_id=f"msg-{grade}", grade=grade))
    assert [text[1:3] for _, text in modem(spool)][::2] == ["红色", "橙色", "黄色", "蓝色"]


@dataclass
class Answers:
    """Accepts `4 1A` of one number, as the acknowledgements of an installation do."""

    seen: list[tuple[str, str]] = field(default_factory=list)

    def by_reply(self, sender: str, text: str) -> Any:
        """Keep the reply."""
        self.seen.append((sender, text))
        return SimpleNamespace(accepted=sender.endswith("13800000001") and text == "4 1A")


def test_replies_reach_the_acknowledgements(spool: SpoolSettings) -> None:
    """Each file is read once, with its sender; refused ones are counted; other files of the folder stay."""
    assert spool.inbox is not None
    answers, sender = Answers(), SpoolChannel(spool)
    for number, (name, content) in enumerate(
        (
            ("+8613800000001", "4 1A".encode("utf-16")),
            ("+8613999999999", "4 1A".encode("utf-16")),
            ("13800000001", "什么".encode()),
        )
    ):
        (spool.inbox / f"IN20260921_22132{number}_00_{name}_00.txt").write_bytes(content)
    (spool.inbox / "notes.txt").write_text("")
    sender.connect(answers)
    until(lambda: len(answers.seen) == 3, timeout_s=20, what="the replies")
    sender.close()
    assert answers.seen == [("+8613800000001", "4 1A"), ("+8613999999999", "4 1A"), ("13800000001", "什么")]
    assert sender.replies is not None
    assert (sender.replies.accepted_total, sender.replies.refused_total) == (1, 2)
    assert [path.name for path in spool.inbox.iterdir()] == ["notes.txt"]


def test_a_reply_that_cannot_be_removed_is_answered_once(spool: SpoolSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It delays no other reply; a reply that the database rejects is read again."""
    assert spool.inbox is not None
    answers, names = Answers(), [f"IN20260921_22132{number}_00_+861380000000{number}_00.txt" for number in range(3)]
    for name in names:
        (spool.inbox / name).write_bytes("4 1A".encode("utf-16"))
    unlink, by_reply, locked = Path.unlink, answers.by_reply, [True]

    def fixed(path: Path) -> None:
        if path.name == names[0]:
            raise PermissionError(13, "Permission denied")
        unlink(path)

    def busy(sender: str, text: str) -> Any:
        if sender.endswith("1") and locked[0]:
            raise OperationalError("BEGIN", {}, sqlite3.OperationalError("database is locked"))
        return by_reply(sender, text)

    monkeypatch.setattr(Path, "unlink", fixed)
    monkeypatch.setattr(answers, "by_reply", busy)
    replies = SpoolReplies(spool.inbox, answers)
    for _ in range(2):
        with pytest.raises((OperationalError, PermissionError)):
            replies.turn()
    assert [sender[-1] for sender, _ in answers.seen] == ["0", "2"]
    locked[0] = False
    with pytest.raises(PermissionError):
        replies.turn()
    assert [sender[-1] for sender, _ in answers.seen] == ["0", "2", "1"]
    monkeypatch.setattr(Path, "unlink", unlink)
    assert replies.turn() == 0
    assert list(spool.inbox.iterdir()) == []


def test_an_inbox_that_is_not_writable_is_an_error_of_the_start(
    spool: SpoolSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its replies could be read and never removed."""
    monkeypatch.setattr("os.access", lambda path, _mode: path != spool.inbox)
    with pytest.raises(ChannelError, match="inbox is not writable"):
        SpoolChannel(spool)


def test_a_missing_folder_is_an_error_of_the_start(spool: SpoolSettings) -> None:
    """The modem's service is not installed, or its folders have other names."""
    spool.sent.rmdir()
    with pytest.raises(ChannelError, match="sent"):
        SpoolChannel(spool)


def test_a_contact_of_the_roster_gets_its_code(
    peer: Any, gateways: Gateways, spool: SpoolSettings, notice: Callable[..., Notice]
) -> None:
    """Without numbers a channel serves persons: one address a notice, and the code for a reply."""
    page = notice(to={"address": "13800000009"}, reply={"code": "4 1A"})
    sender = channel(peer, "tencent", numbers=())
    assert sender.medium == "sms"
    assert sender.deliver(page).delivered
    assert [number for number, _ in gateways.taken] == ["13800000009"]
    assert "4 1A" in gateways.taken[0][1][2]
    modem_channel = SpoolChannel(replace(spool, numbers=()))
    modem_channel.deliver(page)
    ((number, text),) = modem(spool)
    assert (number, "4 1A" in text) == ("13800000009", True)
    assert not modem_channel.deliver(notice()).retry

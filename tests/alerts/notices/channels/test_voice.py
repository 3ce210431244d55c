"""Voice calls between real baresip processes on loopback: keys, mailboxes, a killed process."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from alerts import Notice
from alerts.notices.channels.sip_phone import Call, Line, SipPhone
from alerts.notices.channels.voice import VoiceChannel, VoiceSettings, call_text
from tests.processes import unavailable
from tests.processes.waiting import until


class Person(SipPhone):
    """A telephone that answers each call and presses a key after the answer."""

    def __init__(self, port: int, key: str) -> None:
        mode = "answermode=auto" if key != "none" else "answermode=manual"
        program = shutil.which("baresip") or ""
        super().__init__(Line(program, f"127.0.0.1:{port}", f"<sip:li@127.0.0.1:{port}>;regint=0;{mode}"))
        self.uri, self._key, self.answered = f"sip:li@127.0.0.1:{port}", key, 0
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        with suppress(OSError):
            for event in self._events():
                if event.get("type") == "CALL_ESTABLISHED":
                    self.answered += 1
                    time.sleep(0.3)
                    if self._key.isdigit():
                        self._command("sndcode", self._key)

    def close(self) -> None:
        """End the telephone."""
        super().close()
        self._thread.join(5)


@pytest.fixture
def persons(free_port: Callable[[], int]) -> Iterator[Callable[[str], Person]]:
    """Return a maker of telephones: a key, "" for an answer without one, "none" without an answer."""
    for name in ("baresip", "espeak-ng"):
        if shutil.which(name) is None:
            unavailable(f"the program {name} is missing")
    made: list[Person] = []

    def make(key: str) -> Person:
        made.append(Person(free_port(), key))
        return made[-1]

    yield make
    for person in made:
        person.close()


@pytest.fixture
def channels(free_port: Callable[[], int]) -> Iterator[Callable[..., VoiceChannel]]:
    """Return a maker of channels; the test's end closes them."""
    made: list[VoiceChannel] = []

    def make(*numbers: str, **changes: Any) -> VoiceChannel:
        port = free_port()
        given = {"name": "voice", "line": f"sip:alarm@127.0.0.1:{port}", "listen": f"127.0.0.1:{port}"}
        given |= {"register_s": 0, "ring_s": 3.0, "talk_s": 4.0, "numbers": numbers} | changes
        made.append(VoiceChannel(VoiceSettings(**given)))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


def test_a_key_is_the_receipt(persons: Any, channels: Any, notice: Callable[..., Notice]) -> None:
    """The call is delivered when the person presses the key; a second call uses the same process."""
    person = persons("4")
    channel = channels(person.uri)
    for _ in range(2):
        receipt = channel.deliver(notice())
        assert receipt.delivered, receipt.error
    assert person.answered == 2


def test_the_next_number_is_called_until_one_confirms(
    persons: Any, channels: Any, notice: Callable[..., Notice]
) -> None:
    """Nobody answers, a mailbox answers without a key, then a person confirms."""
    absent, mailbox, person = persons("none"), persons(""), persons("4")
    assert channels(absent.uri, mailbox.uri, person.uri).deliver(notice()).delivered
    assert (absent.answered, mailbox.answered, person.answered) == (0, 1, 1)


def test_a_wrong_key_confirms_nothing(persons: Any, channels: Any, notice: Callable[..., Notice]) -> None:
    """The failure is retried and states its cause."""
    receipt = channels(persons("5").uri).deliver(notice())
    assert (receipt.delivered, receipt.retry) == (False, True)
    assert receipt.error == "not confirmed: answered, no key"


def test_a_contact_of_the_roster_is_called(persons: Any, channels: Any, notice: Callable[..., Notice]) -> None:
    """Its address is a number of the exchange; another form, or none, is a permanent failure."""
    person = persons("4")
    channel = channels(dial=person.uri.replace("li", "{number}"))
    assert channel.medium == "voice"
    answers: list[tuple[str, str]] = []
    channel.connect(SimpleNamespace(by_key=lambda *given: answers.append(given)))
    assert channel.deliver(notice(to={"address": "li"})).delivered
    assert answers == [("msg_1", "4")]
    for address in ("", "1;transport=tcp"):
        assert not channel.deliver(notice(to={"address": address})).retry


def test_a_killed_process_is_replaced(persons: Any, channels: Any, notice: Callable[..., Notice]) -> None:
    """The next delivery starts another one."""
    channel = channels(persons("4").uri)
    assert channel.deliver(notice()).delivered
    channel._phone._process.kill()
    channel._phone._process.wait()
    assert channel.deliver(notice()).delivered


def test_the_recording_has_both_languages_at_the_rate_of_the_telephone(
    persons: Any, channels: Any, notice: Callable[..., Notice], tmp_path: Path
) -> None:
    """Names with quotes and dashes are text for the speech program, never options."""
    assert persons is not None
    path = channels("sip:b@127.0.0.1")._rendered(notice(place={"zh": "--help", "en": '"; x'}), tmp_path)
    with wave.open(str(path)) as found:
        assert (found.getframerate(), found.getnchannels(), found.getsampwidth()) == (8_000, 1, 2)
        assert found.getnframes() > 3 * 8_000


def test_contradicting_keys_are_errors() -> None:
    """An address with parameters could change the account of the line."""
    given = {"name": "v", "line": "sip:a@b;auth_pass=x", "numbers": ("tel:1", "sip:c@d")}
    assert len(list(VoiceSettings(**given).errors())) == 2


class Exchange:
    """A telephone whose calls take a while and whose numbers never confirm, save those with a key."""

    alive = True

    def __init__(self, talk_s: float, keys: dict[str, str] | None = None) -> None:
        self.called: list[str] = []
        self.together = self.calls = 0
        self._talk_s, self._keys = talk_s, keys or {}

    def call(self, uri: str, *_: Any, **__: Any) -> Call:
        """Call one number."""
        self.calls += 1
        self.together = max(self.together, self.calls)
        self.called.append(uri)
        time.sleep(self._talk_s)
        self.calls -= 1
        return Call(answered=True, keys=self._keys.get(uri, ""), ended="no key")

    def close(self) -> None:
        """End the telephone."""


def silent(channel: VoiceChannel, phone: Exchange, limit_s: float) -> VoiceChannel:
    """Return the channel with this telephone, without speech, and with a shorter limit."""
    channel._started = lambda: phone
    channel._rendered = lambda *_: Path("call.wav")
    channel.limit_s = limit_s
    return channel


def test_numbers_beyond_the_limit_are_called_by_the_retry(
    persons: Any, channels: Any, notice: Callable[..., Notice]
) -> None:
    """A delivery ends within its limit; the retry begins after the last number, and later with the first again."""
    assert persons is not None
    numbers = [f"sip:{name}@127.0.0.1" for name in "abcde"]
    phone = Exchange(0.3)
    channel = silent(channels(*numbers, ring_s=0.1, talk_s=0.3), phone, 3.0 + 0.4 + 0.4)
    for _ in range(6):
        begun_s = time.monotonic()
        assert not channel.deliver(notice()).delivered
        assert time.monotonic() - begun_s < channel.limit_s
    assert phone.called[: len(numbers)] == numbers
    assert phone.called[len(numbers)] == numbers[0]


def test_one_call_at_a_time(persons: Any, channels: Any, notice: Callable[..., Notice]) -> None:
    """A delivery that was abandoned still calls: another one fails and is retried."""
    assert persons is not None
    phone = Exchange(2.0)
    channel = silent(channels("sip:a@127.0.0.1"), phone, 95.0)
    first = threading.Thread(target=channel.deliver, args=(notice(),))
    first.start()
    receipt = channel.deliver(notice())
    first.join()
    assert (receipt.delivered, receipt.retry, phone.together) == (False, True, 1)
    assert "in use" in receipt.error


def test_a_key_is_kept_while_the_database_is_locked(persons: Any, channels: Any, notice: Callable[..., Notice]) -> None:
    """The person has confirmed: no second call; the key reaches the escalation later, once."""
    assert persons is not None
    answers, failures = list[tuple[str, str]](), iter([True, True, False])

    def by_key(*given: str) -> None:
        if next(failures):
            raise OperationalError("BEGIN", {}, sqlite3.OperationalError("database is locked"))
        answers.append(given)

    phone = Exchange(0.0, {"sip:1@127.0.0.1": "4"})
    channel = silent(channels(dial="sip:{number}@127.0.0.1"), phone, 95.0)
    channel.connect(SimpleNamespace(by_key=by_key))
    assert channel.deliver(notice(to={"address": "1"})).delivered
    until(lambda: answers, timeout_s=10, what="the key")
    assert (answers, len(phone.called)) == ([("msg_1", "4")], 1)


def test_the_sentence_names_the_key_that_confirms() -> None:
    """A call to a person of the roster takes 4 and 5 with every setting, and has no code of an SMS reply."""
    body = {"place": {"zh": "宿舍"}, "text": {"zh": "烟雾"}, "reply": {"code": "4 1234"}}
    assert call_text(body, "zh", key="") == "宿舍。烟雾。按4确认。按5转给下一位。"
    assert call_text(body | {"drill": True}, "zh", key="7") == "演练。宿舍。烟雾。按7确认。"
    assert call_text(body | {"order": "o"}, "zh", key="") == "宿舍。烟雾。按4确认。"

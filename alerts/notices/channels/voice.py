"""Voice calls by SIP: a rendered sentence in both languages, and a key as the receipt.

A call is delivered when the called person presses the key; an answered call without it may be a mailbox. Numbers are
called in order until one confirms. espeak-ng renders the sentence; baresip calls (both Debian packages).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
import wave
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Interval, Unit, doc
from cachetools import FIFOCache

from alerts.errors import ChannelError
from alerts.model import Notice, Receipt
from ingest.tables import FilledText, Reads

from .contract import Answers
from .kept_keys import KeptKeys
from .plain_text import plain
from .routes import NO_ADDRESS, PersonalRoute, address_of
from .sip_phone import Line, SipPhone

LIMIT_S = 95.0
"""Limit of one delivery; a notice that nobody has confirmed until then is retried, and other channels go on."""
OVERHEAD_S = 35.0
"""Part of the limit for the start of the telephone, the speech and the end of a call."""
HANG_UP_S = 3.0
IN_USE_S = 1.0
RESUMED_MAX = 1_000
"""Notices whose next attempt begins with a later number."""
RENDER_S = 10.0
SENTENCE_MAX = 200
REPEATS = 3
PERSONAL_KEYS = "45"
"""Keys of a call to a person of the roster: take the alarm, pass it on."""
RATE_HZ = 8_000
"""Sampling rate of G.711."""
_LANGUAGES = (("zh", "cmn", "按{key}确认。"), ("en", "en-us", "Press {key} to confirm."))
_PASS_ON = {"zh": "按5转给下一位。", "en": "Press 5 to pass it on."}


def _key(text: Any) -> str:
    if len(text) != 1 or text not in "0123456789":
        raise ValueError
    return str(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings(PersonalRoute):
    """Voice calls by SIP."""

    line: Annotated[FilledText, doc("own SIP address, such as sip:alarm@pbx.school.example")]
    numbers: Annotated[
        tuple[FilledText, ...], doc("SIP addresses, called in order until one confirms; empty: contacts of the roster")
    ]
    password: Annotated[str, doc("password of the SIP account")] = field(default="", repr=False)
    register_s: Annotated[
        int, Interval(ge=0, le=86_400), Unit("s"), doc("interval of the registration at the exchange; 0 for none")
    ] = 600
    listen: Annotated[FilledText, doc("own address and port of SIP")] = "0.0.0.0:5060"
    dial: Annotated[FilledText, doc("SIP address of a telephone number, with {number}")] = "sip:{number}@127.0.0.1"
    key: Annotated[str, Reads(_key, "one digit"), doc("key that confirms the call")] = "4"
    ring_s: Annotated[float, Interval(ge=1, le=60), Unit("s"), doc("longest ringing of one number")] = 25.0
    talk_s: Annotated[float, Interval(ge=1, le=60), Unit("s"), doc("longest wait for the key after the answer")] = 30.0

    def errors(self) -> Iterable[str]:
        """Yield contradictions between the keys."""
        yield from PersonalRoute.errors(self)
        for name in (self.line, *self.numbers):
            if not _callable(name):
                yield f"numbers, line = {name!r}: allowed is sip:NAME@HOST"


class VoiceChannel:
    """One line, with one call at a time: a second delivery fails while one runs."""

    for_programs = False

    def __init__(self, settings: VoiceSettings) -> None:
        """Raises ChannelError without the programs."""
        self.name, self._settings = settings.name, settings
        if not settings.numbers:
            self.medium = "voice"
        found = {name: shutil.which(name) for name in ("baresip", "espeak-ng")}
        missing = [name for name, path in found.items() if path is None]
        if missing:
            raise ChannelError(f"{settings.name}: not installed: the Debian packages of {', '.join(missing)}")
        self._espeak = found["espeak-ng"] or ""
        parts = [f"<{settings.line}>", f"regint={settings.register_s}"]
        parts += [f"auth_pass={settings.password}"] if settings.password else []
        self._line = Line(found["baresip"] or "", settings.listen, ";".join(parts))
        self._phone: SipPhone | None = None
        self._keys: KeptKeys | None = None
        self._calling = threading.Lock()
        self._next: FIFOCache[str, int] = FIFOCache(RESUMED_MAX)
        self.limit_s = max(LIMIT_S, OVERHEAD_S + settings.ring_s + settings.talk_s + HANG_UP_S)

    def connect(self, answers: Answers) -> None:
        """Pass the keys of persons of the roster to this receiver from now on."""
        self._keys = KeptKeys(answers)

    def deliver(self, notice: Notice) -> Receipt:
        """Call the numbers in order until one presses the key, within the limit; a retry begins after the last one."""
        begun_s = time.monotonic()
        numbers = self._settings.numbers or self._dialled(address_of(notice))
        if not numbers:
            return NO_ADDRESS
        if not self._calling.acquire(timeout=IN_USE_S):
            return Receipt(delivered=False, error="the telephone is in use by an earlier delivery")
        try:
            phone = self._started()
            with tempfile.TemporaryDirectory(prefix="twinward-call-") as folder:
                recording = self._rendered(notice, Path(folder))
                return self._called(phone, notice, numbers, recording, begun_s + self.limit_s)
        except (OSError, ValueError, subprocess.SubprocessError, wave.Error) as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: the telephone or the speech failed")
        finally:
            self._calling.release()

    def _called(
        self, phone: SipPhone, notice: Notice, numbers: Sequence[str], recording: Path, until_s: float
    ) -> Receipt:
        """Call numbers until one confirms or the next call could end too late. Raises OSError."""
        settings, outcomes = self._settings, list[str]()
        keys = settings.key if settings.numbers else PERSONAL_KEYS
        first = self._next.pop(notice.id, 0)
        for place, number in enumerate(numbers[first:], first):
            if outcomes and time.monotonic() + settings.ring_s + settings.talk_s + HANG_UP_S > until_s:
                break
            self._next[notice.id] = place
            call = phone.call(number, recording, ring_s=settings.ring_s, talk_s=settings.talk_s, until=keys)
            pressed = next((key for key in call.keys if key in keys), "")
            self._next[notice.id] = (place + 1) % len(numbers)
            if pressed:
                self._pass_on(notice, pressed)
                return Receipt(delivered=True)
            outcomes.append("answered, no key" if call.answered else f"not answered ({call.ended[:60]})")
        return Receipt(delivered=False, error=f"not confirmed: {', '.join(outcomes)}")

    def _pass_on(self, notice: Notice, key: str) -> None:
        """Pass the key of a person of the roster to the escalation."""
        if not self._settings.numbers and self._keys is not None:
            self._keys.pass_on(notice.id, key)

    def close(self) -> None:
        """End the telephone and the retries of keys."""
        if self._keys is not None:
            self._keys.close()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._phone is not None:
            self._phone.close()
            self._phone = None

    def _dialled(self, address: str) -> tuple[str, ...]:
        """Return the SIP address of a contact, a number or itself one; none for another form."""
        uri = address if address.startswith("sip:") else self._settings.dial.replace("{number}", address)
        return (uri,) if address and _callable(uri) else ()

    def _started(self) -> SipPhone:
        if self._phone is not None and not self._phone.alive:
            self._hang_up()
        if self._phone is None:
            self._phone = SipPhone(self._line)
        return self._phone

    def _rendered(self, notice: Notice, folder: Path) -> Path:
        """Return a recording of the sentence in both languages, repeated. Raises OSError and CalledProcessError."""
        parts = list[Path]()
        for language, voice, _ in _LANGUAGES:
            sentence = call_text(notice.body, language, key=self._settings.key if self._settings.numbers else "")
            parts.append(folder / f"{language}.wav")
            command = [self._espeak, "-v", voice, "-w", str(parts[-1]), "--stdin"]
            subprocess.run(command, input=sentence.encode(), check=True, capture_output=True, timeout=RENDER_S)  # noqa: S603 - program of the settings, no shell
        return _joined(parts, folder / "call.wav")


def call_text(body: Mapping[str, Any], language: str, *, key: str) -> str:
    """Return the sentence of a call. key: confirms a call; "" for a call to a person of the roster.

    >>> call_text({"place": {"en": "Gym"}, "text": {"en": "smoke"}}, "en", key="")
    'Gym。smoke。Press 4 to confirm.Press 5 to pass it on.'
    """
    place, text = (str(body.get(name, {}).get(language, "")) for name in ("place", "text"))
    drill = {"zh": "演练。", "en": "Drill. "}[language] if body.get("drill") else ""
    request = next(words for name, _, words in _LANGUAGES if name == language).format(key=key or PERSONAL_KEYS[0])
    pass_on = "" if key or "order" in body else _PASS_ON[language]
    return f"{drill}{place}。{plain(text)}"[:SENTENCE_MAX] + f"。{request}{pass_on}"


def _callable(uri: str) -> bool:
    """Return whether baresip reads the text as one SIP address without parameters."""
    return uri.startswith("sip:") and uri.isprintable() and not set(uri) & set('<>;" ,')


def _joined(parts: Iterable[Path], to: Path) -> Path:
    """Write the parts one after the other, several times, at the rate of the telephone. Raises wave.Error."""
    samples = np.concatenate([_samples(path) for path in parts])
    with wave.open(str(to), "wb") as whole:
        whole.setparams((1, 2, RATE_HZ, 0, "NONE", "not compressed"))
        whole.writeframes(np.tile(samples, REPEATS).astype("<i2").tobytes())
    return to


def _samples(path: Path) -> npt.NDArray[np.float64]:
    """Return the samples at the rate of the telephone: mean over one of its periods, then linear interpolation."""
    with wave.open(str(path), "rb") as part:
        rate_hz, content = part.getframerate(), part.readframes(part.getnframes())
    samples = np.frombuffer(content, "<i2").astype(np.float64)
    width = max(1, round(rate_hz / RATE_HZ))
    smooth = np.convolve(samples, np.full(width, 1 / width), "same")
    found: npt.NDArray[np.float64] = np.interp(
        np.arange(0, len(smooth), rate_hz / RATE_HZ), np.arange(len(smooth)), smooth
    )
    return found

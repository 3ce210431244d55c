"""One-time links of pages: signed, with an end, without a secret in the database's notices."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Engine

from alerts.database.stored_key import StoredKey
from alerts.model import ID_LENGTH, Notice

LINK_NS = 12 * 3_600 * 1_000_000_000
"""Time from the page to the end of its link."""
TOKEN_LENGTH_MAX = 64
PATH = "/take/"
_KEY = "link_key"
_TOKEN = re.compile(rf"([0-9a-f]{{{ID_LENGTH}}})([0-9a-z]{{1,10}})\.([A-Za-z0-9_-]{{16}})")
_SECOND_NS = 1_000_000_000


class Links:
    """Makes and reads the links of notices. Methods may be called from several threads.

    A token names its notice and its end, under an HMAC-SHA-256 of 96 bits. The key is in the database.
    """

    def __init__(self, engine: Engine, url: str, clock: Callable[[], int]) -> None:
        """url: address of the console as phones reach it; "": notices have no link."""
        self._url, self._clock = url.rstrip("/"), clock
        self._key = StoredKey(engine, _KEY)

    def completed(self, notice: Notice) -> Notice:
        """Return the notice with its link, if it is a page to a person and phones can reach the console."""
        reply = notice.body.get("reply")
        if not self._url or reply is None:
            return notice
        link = f"{self._url}{PATH}{self.token(notice)}"
        return replace(notice, body={**notice.body, "reply": {**reply, "link": link}})

    def token(self, notice: Notice) -> str:
        """Return the token of a notice."""
        return self._signed(notice.id.removeprefix("msg_"), (notice.created_ns + LINK_NS) // _SECOND_NS)

    def notice_id(self, token: str) -> str | None:
        """Return the id of the notice of a token; None for a forged token or after its end."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        end_s = int(parts[2], 36)
        valid = hmac.compare_digest(self._signed(parts[1], end_s), token)
        return f"msg_{parts[1]}" if valid and end_s * _SECOND_NS > self._clock() else None

    def _signed(self, notice: str, end_s: int) -> str:
        text = f"{notice}{_base36(end_s)}"
        digest = hmac.new(self._key.read(), text.encode(), hashlib.sha256).digest()[:12]
        return f"{text}.{base64.urlsafe_b64encode(digest).decode()}"


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return text

"""Webhook channel by the Standard Webhooks specification: signed, checked addresses, no redirects.

Signature: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body` with the secret behind `whsec_` (base64). While a
secret is rotated the header has one signature for each of both, separated by a space.
Source: standardwebhooks.com, specification 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence

import orjson

from alerts.errors import ChannelError
from alerts.model import Notice, Receipt
from alerts.timestamps import format_time

from .destinations import read_destination
from .exchange import FAILURES, Exchange
from .receipts import http_receipt

TIMEOUT_S = 5.0
BODY_BYTES_MAX = 20_000
SECRETS_MAX = 2


def read_secrets(text: str) -> tuple[bytes, ...]:
    """Return the keys of a secret file, one a line: one, or two while a secret is rotated. Raises ChannelError."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= SECRETS_MAX:
        raise ChannelError(f"a webhook secret file has {len(lines)} secrets; allowed are one, or two while rotating")
    return tuple(read_secret(line) for line in lines)


def read_secret(text: str) -> bytes:
    """Return the key after the prefix `whsec_`. Raises ChannelError unless it is base64 of 24 to 64 bytes."""
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError as error:  # binascii.Error is one, and text outside ASCII raises a plain one
        raise ChannelError("a webhook secret is whsec_ and base64") from error
    if not text.startswith("whsec_") or not 24 <= len(key) <= 64:  # noqa: PLR2004 - lengths of the specification
        raise ChannelError("a webhook secret is whsec_ and base64 of 24 to 64 bytes")
    return key


def sign(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`."""
    digest = hmac.new(key, b"%s.%d.%s" % (message_id.encode(), timestamp_s, body), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class Webhook:
    """One URL that receives every event."""

    for_programs = True

    def __init__(
        self,
        name: str,
        url: str,
        keys: Sequence[bytes],
        *,
        allow_private: bool = False,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """keys: every delivery is signed with each of them."""
        self.name, self._keys, self._now_s = name, tuple(keys), now_s
        destination = read_destination(name, url, allow_private=allow_private)
        self._exchange = Exchange(destination, allow_private=allow_private, timeout_s=TIMEOUT_S)

    def deliver(self, notice: Notice) -> Receipt:
        """Post the event once. A 2xx response is a receipt; most 4xx responses are permanent failures."""
        body = orjson.dumps(
            {"type": notice.type, "timestamp": format_time(notice.created_ns), "data": notice.body},
            option=orjson.OPT_SORT_KEYS,
        )
        if len(body) > BODY_BYTES_MAX:
            return Receipt(delivered=False, retry=False, error=f"the body is over {BODY_BYTES_MAX} bytes")
        try:
            return http_receipt(self._exchange.post(self._headers(notice.id, body), body))
        except (*FAILURES, OSError, ValueError) as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: {error}")

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        stamp = int(self._now_s())
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": " ".join(sign(key, message_id, stamp, body) for key in self._keys),
        }

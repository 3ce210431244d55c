"""Webhook channel by the Standard Webhooks specification: signed, checked addresses, no redirects.

Signature: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body` with the secret behind `whsec_` (base64).
Source: standardwebhooks.com, specification 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import orjson

from alerts.errors import ChannelError
from alerts.model import Notice, Receipt
from alerts.timestamps import format_time

TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 65_536
BODY_BYTES_MAX = 20_000
RETRIED = frozenset((408, 409, 425, 429))


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
        key: bytes,
        *,
        allow_private: bool = False,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ({"https", "http"} if allow_private else {"https"}) or not parts.hostname:
            raise ChannelError(f"{name}: the URL must be https with a host name")
        self.name = name
        self._url, self._host = url, parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._key, self._allow_private, self._now_s = key, allow_private, now_s

    def deliver(self, notice: Notice) -> Receipt:
        """Post the event once. A 2xx response is a receipt; most 4xx responses are permanent failures."""
        body = orjson.dumps(
            {"type": notice.type, "timestamp": format_time(notice.created_ns), "data": notice.body},
            option=orjson.OPT_SORT_KEYS,
        )
        if len(body) > BODY_BYTES_MAX:
            return Receipt(delivered=False, retry=False, error=f"the body is over {BODY_BYTES_MAX} bytes")
        try:
            return self._post(notice.id, body, self._address())
        except (httpx.HTTPError, OSError, ssl.SSLError, ValueError) as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: {error}")

    def _post(self, message_id: str, body: bytes, address: str) -> Receipt:
        """Send to the checked address; the host name stays in the header and in the certificate check."""
        stamp = int(self._now_s())
        parts = urlsplit(self._url)
        literal = f"[{address}]" if ":" in address else address
        target = parts._replace(netloc=f"{literal}:{self._port}").geturl()
        headers = {
            "host": parts.netloc.rpartition("@")[2],
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(self._key, message_id, stamp, body),
        }
        extensions = {"sni_hostname": self._host}
        with (
            httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", target, content=body, headers=headers, extensions=extensions) as answer,
        ):
            _drain(answer)
            return _receipt(answer.status_code)

    def _address(self) -> str:
        """Return one address of the host. Raises ValueError unless every address of the host is allowed."""
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)}
        refused = [address for address in found if not (self._allow_private or public(address))]
        if refused or not found:
            raise ValueError(f"{self._host} has an address that webhooks may not go to")
        return min(found)


def public(address: str) -> bool:
    """Return whether an address is public: not private, loopback, link-local, shared or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_global and not (mapped or ip).is_multicast


def _drain(answer: httpx.Response) -> None:
    """Read the response within its bounds of bytes and time: a slow receiver must not block the worker."""
    read, until_s = 0, time.monotonic() + TIMEOUT_S
    for chunk in answer.iter_raw():
        read += len(chunk)
        if read > ANSWER_BYTES_MAX or time.monotonic() > until_s:
            break


def _receipt(status: int) -> Receipt:
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success codes
        return Receipt(delivered=True)
    retry = status >= 500 or status in RETRIED or 300 <= status < 400  # noqa: PLR2004 - as above
    return Receipt(delivered=False, retry=retry, error=f"HTTP {status}")

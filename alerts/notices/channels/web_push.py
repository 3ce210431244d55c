"""Web Push: encrypted messages to the browsers that the account of a person has registered.

The service has one key, which derives from a secret of the database; a browser accepts messages of that key alone.
Sources: RFC 8030 (delivery), RFC 8188 and RFC 8291 (encryption), RFC 8292 (key of the sender).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Annotated, Any

import orjson
from annotated_types import doc
from cachetools import LRUCache
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from alerts.database.storage_faults import NOT_STORED
from alerts.errors import ChannelError
from alerts.model import Notice, Receipt
from alerts.people.push_devices import PushDevice, PushDevices
from ingest.tables import Reads

from .destinations import Destination, read_destination
from .exchange import FAILURES, Exchange
from .people import text, title
from .receipts import http_receipt
from .routes import PersonalRoute, address_of

TIMEOUT_S = 4.0
KEPT_S = {"red": 30 * 60, "orange": 2 * 3_600}
"""Grade -> seconds that a push service keeps a message for a browser without connection.

As long as an acknowledgement of the grade is valid.
"""
KEPT_S_OTHERS = 4 * 3_600
TITLE_MAX, TEXT_MAX = 150, 700
"""Characters; with a link they fit into the 3,993 bytes that every push service accepts."""
TOPIC_LENGTH = 32
GONE_STATUSES = frozenset((404, 410))
GONE = Receipt(delivered=False, retry=False, error="the browser no longer receives")
EXCHANGES_MAX = 50
_ORDER = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)
"""Order of the group of P-256 (FIPS 186-4, D.1.2.3)."""


def _mail(given: Any) -> str:
    name, at, host = given.partition("@")
    if not (name and at and "." in host) or not given.isascii() or not given.isprintable() or " " in given:
        raise ValueError
    return str(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPushSettings(PersonalRoute):
    """Web Push to the browsers of accounts."""

    contact: Annotated[
        str,
        Reads(_mail, "an e-mail address"),
        doc("e-mail address at which the push services reach the operator of this installation"),
    ]
    allow_private: Annotated[bool, doc("whether a push service may have a private address or plain http")] = False


class WebPushChannel:
    """Sends to every browser of an account; one that accepts the message is a delivery."""

    for_programs = False
    medium = "app"

    def __init__(self, settings: WebPushSettings) -> None:
        self.name, self._settings = settings.name, settings
        self._devices: PushDevices | None = None
        self._lock = threading.Lock()
        self._exchanges: LRUCache[str, Exchange] = LRUCache(EXCHANGES_MAX)

    def use(self, devices: PushDevices) -> None:
        """Send to these browsers from now on, with the last known ones and the key while the database fails."""
        devices.load()
        self._devices = devices

    def application_key(self) -> str:
        """Return the public key with which a browser subscribes, in base64url."""
        point = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    def check(self, endpoint: str) -> None:
        """Raise ChannelError for an address to which the channel sends nothing."""
        read_destination(self.name, endpoint, allow_private=self._settings.allow_private)

    def deliver(self, notice: Notice) -> Receipt:
        """Send to each browser of the account at the same time, so that one that hangs delays no other.

        A browser that its push service no longer has is removed.
        """
        devices = self._devices.known(address_of(notice), notice.site) if self._devices is not None else ()
        if not devices:
            return Receipt(delivered=False, retry=False, error="the account has no browser for Web Push")
        with ThreadPoolExecutor(len(devices)) as pool:
            receipts = list(pool.map(self._send, devices, repeat(notice)))
        self._remove(device for device, receipt in zip(devices, receipts, strict=True) if receipt is GONE)
        failures = [one for one in receipts if not one.delivered]
        if len(failures) < len(receipts):
            return Receipt(delivered=True)
        reason = f"{len(failures)} of {len(receipts)} browsers: {failures[0].error}"
        return Receipt(delivered=False, retry=any(one.retry for one in failures), error=reason)

    def _send(self, device: PushDevice, notice: Notice) -> Receipt:
        try:
            headers, body = self._message(device, notice)
            to = read_destination(self.name, device.endpoint, allow_private=self._settings.allow_private)
            status = self._exchange(to).post(headers, body, target=to.target)
        except ChannelError as error:
            return Receipt(delivered=False, retry=False, error=str(error))
        except (*FAILURES, *NOT_STORED, ValueError) as error:
            return Receipt(delivered=False, error=f"{type(error).__name__}: {error}")
        return GONE if status in GONE_STATUSES else http_receipt(status)

    def _remove(self, devices: Iterable[PushDevice]) -> None:
        """Remove browsers; while the database rejects writes they stay, and are removed at the next message."""
        for device in devices:
            with contextlib.suppress(*NOT_STORED):
                if self._devices is not None:
                    self._devices.discard(device)

    def _message(self, device: PushDevice, notice: Notice) -> tuple[dict[str, str], bytes]:
        from webpush import WebPush, WebPushSubscription  # noqa: PLC0415 - loaded with the first message

        body, grade = notice.body, str(notice.body.get("grade", ""))
        # the library states the origin without its port; public push services have none
        sender = WebPush(*self._keys, subscriber=self._settings.contact, ttl=KEPT_S.get(grade, KEPT_S_OTHERS))
        keys = {"p256dh": device.p256dh, "auth": device.auth}
        subscription = WebPushSubscription.model_validate({"endpoint": device.endpoint, "keys": keys})
        subject = str(body.get("alarm_id") or notice.id)
        message = sender.get(orjson.dumps(content(notice)), subscription)
        headers = {
            **message.headers,
            "content-type": "application/octet-stream",
            "urgency": "high",
            # a later message of the same alarm replaces one that waits
            "topic": hashlib.sha256(subject.encode()).hexdigest()[:TOPIC_LENGTH],
        }
        return headers, message.encrypted

    def _exchange(self, to: Destination) -> Exchange:
        """Return the exchange of a push service, which its browsers share."""
        with self._lock:
            found = self._exchanges.get(to.authority)
            if found is None:
                private = self._settings.allow_private
                found = self._exchanges[to.authority] = Exchange(to, allow_private=private, timeout_s=TIMEOUT_S)
            return found

    @cached_property
    def _private(self) -> ec.EllipticCurvePrivateKey:
        if self._devices is None:
            raise ChannelError(f"{self.name}: the channel has no database yet")
        return ec.derive_private_key(int.from_bytes(self._devices.key()) % (_ORDER - 1) + 1, ec.SECP256R1())

    @cached_property
    def _keys(self) -> tuple[bytes, bytes]:
        """Private and public key, PEM."""
        own = self._private
        public = own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), public


def content(notice: Notice) -> dict[str, Any]:
    """Return what the browser shows: title, text, link of the receipt or "", and the alarm."""
    reply = notice.body.get("reply", {})
    return {
        "title": title(notice)[:TITLE_MAX],
        "text": text(notice)[:TEXT_MAX],
        "link": str(reply.get("link", "")),
        "alarm": str(notice.body.get("alarm_id") or notice.id),
    }

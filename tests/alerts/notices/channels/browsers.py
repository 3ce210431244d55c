"""Browsers with Web Push for tests: their own keys, and decryption by RFC 8291 and RFC 8188."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from alerts.people.access import Actor
from alerts.people.push_devices import PushDevices

LI = Actor("li", frozenset(("operator",)))


def encoded(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Browser:
    """A browser with its own keys, which decrypts by RFC 8291 and RFC 8188."""

    endpoint: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"0123456789abcdef"

    @property
    def public(self) -> bytes:
        """Return the public key, uncompressed."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self) -> dict[str, str]:
        """Return what the browser gives to the service."""
        return {"endpoint": self.endpoint, "p256dh": encoded(self.public), "auth": encoded(self.secret)}

    def read(self, body: bytes) -> dict[str, Any]:
        """Decrypt a message."""
        salt, length = body[:16], body[20]
        sender, content = body[21 : 21 + length], body[21 + length :]
        shared = self.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        key = derived(shared, self.secret, b"WebPush: info\0" + self.public + sender, 32)
        plain = AESGCM(derived(key, salt, b"Content-Encoding: aes128gcm\0", 16)).decrypt(
            derived(key, salt, b"Content-Encoding: nonce\0", 12), content, None
        )
        text, mark = plain.rstrip(b"\0")[:-1], plain.rstrip(b"\0")[-1:]
        assert mark == b"\x02"  # the last record
        return dict(json.loads(text))


def derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Return a key by HKDF with SHA-256."""
    return HKDF(SHA256(), length, salt, info).derive(secret)


def add_browser(devices: PushDevices, endpoint: str, actor: Actor = LI) -> Browser:
    """Register a browser, named by its address, and return it."""
    browser = Browser(endpoint)
    devices.add(actor, name=endpoint[-64:], **browser.subscription())
    return browser

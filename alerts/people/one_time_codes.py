"""One-time codes of authenticator apps (RFC 6238: TOTP with SHA-1, 6 digits, 30 s)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from urllib.parse import quote, urlencode

DIGITS = 6
STEP_S = 30
STEPS_AROUND = 1
"""Steps before and after the present one whose codes are accepted (RFC 6238, 5.2: one step of delay)."""
SECRET_BYTES = 20  # RFC 4226, 4, R6: 160 bits
ISSUER = "Twinward"


def new_secret() -> str:
    """Return a random secret in base32."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def code(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """Return the code of a time step (RFC 4226, 5.3).

    >>> code(base64.b32encode(b"12345678901234567890").decode(), 59 // 30, digits=8)
    '94287082'
    """
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    (number,) = struct.unpack_from(">I", digest, offset)
    return str((number & 0x7FFFFFFF) % 10**digits).zfill(digits)


def matching_step(secret: str, given: str, now_ns: int) -> int | None:
    """Return the time step around now whose code is `given`, None without one."""
    now = now_ns // 1_000_000_000 // STEP_S
    steps = range(max(0, now - STEPS_AROUND), now + STEPS_AROUND + 1)
    return next((step for step in steps if hmac.compare_digest(code(secret, step).encode(), given.encode())), None)


def otpauth_uri(secret: str, username: str) -> str:
    """Return the key URI that authenticator apps read, as text or as a QR code.

    >>> otpauth_uri("GEZDGNBV", "admin")
    'otpauth://totp/Twinward:admin?secret=GEZDGNBV&issuer=Twinward'
    """
    return f"otpauth://totp/{ISSUER}:{quote(username)}?{urlencode({'secret': secret, 'issuer': ISSUER})}"

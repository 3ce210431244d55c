"""Password entries of Mosquitto: PBKDF2-HMAC-SHA512, as `mosquitto_passwd` writes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

ITERATIONS = 101
"""Default of mosquitto_passwd 2.0. A generated password has 192 random bits, so a slower hash protects nothing more.

The broker has one thread: at 210,000 iterations the reconnection of 1,000 devices would stop it for minutes.
"""

_SALT_BYTES = 12
"""Mosquitto 2.0.11 accepts exactly 12 bytes."""

_PASSWORD_BYTES = 24
_FIELDS = 4


def generate_password() -> str:
    """Return a random password of 192 bits, 32 characters of URL-safe base64."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def hash_password(password: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return the entry of a password: `$7$iterations$salt$hash`; a random salt by default.

    >>> hash_password("secret", salt=bytes(12))[:26]
    '$7$101$AAAAAAAAAAAAAAAA$GK'
    """
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def matches(password: str, entry: str) -> bool:
    """Return whether the password belongs to the entry; False for an entry of another form."""
    fields = entry.split("$")[1:]
    if len(fields) != _FIELDS or fields[0] != "7" or not fields[1].isdigit():
        return False
    salt = base64.b64decode(fields[2])
    return hmac.compare_digest(hash_password(password, salt=salt, iterations=int(fields[1])), entry)

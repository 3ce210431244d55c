"""Signed codes of places on site: a QR code opens the report form of its place without an account."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import json
import secrets
from collections.abc import Iterable

import segno
from sqlalchemy import Connection, Engine, insert, select

from alerts.database.schema import meta

KEY = "place_code_key"
SIGNATURE_BYTES = 12
CODE_LENGTH_MAX = 600


class PlaceCodes:
    """Makes and reads codes with a key of the installation, which the database keeps. Methods need no lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make(self, site: str, place: str) -> str:
        """Return the code of a place, URL-safe. It stays the same; a new key in the database revokes all codes."""
        return self.make_all([(site, place)])[0]

    def make_all(self, places: Iterable[tuple[str, str]]) -> list[str]:
        """Return the codes of places, given as (site, place), as `make`; the key is read once."""
        key, bodies = self._key(), [json.dumps([*one], ensure_ascii=False, separators=(",", ":")) for one in places]
        return [_text(_signature(key, body.encode()) + body.encode()) for body in bodies]

    def read(self, code: str) -> tuple[str, str] | None:
        """Return site and place of a code; None for a foreign or changed one."""
        if len(code) > CODE_LENGTH_MAX or not code.isascii():
            return None
        try:
            raw = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _signature(self._key(), body)):
            return None
        site, place = json.loads(body)
        return str(site), str(place)

    def _key(self) -> bytes:
        with self._engine.execution_options(writes=False).connect() as connection:
            known = _stored(connection)
        if known is None:
            with self._engine.begin() as connection:
                known = _stored(connection)
                if known is None:
                    known = secrets.token_hex(32)
                    connection.execute(insert(meta).values(key=KEY, value=known))
        return bytes.fromhex(known)


def qr_svg(address: str) -> bytes:
    """Return a QR code of an address as SVG, with error correction M: 15 % of it may be worn off."""
    output = io.BytesIO()
    segno.make(address, error="m", micro=False).save(output, kind="svg", scale=4, border=4, xmldecl=False)
    return output.getvalue()


def _stored(connection: Connection) -> str | None:
    return connection.scalar(select(meta.c.value).where(meta.c.key == KEY))


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:SIGNATURE_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

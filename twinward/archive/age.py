"""Encrypted stream in the age format, version 1, with a passphrase recipient.

Source: C2SP, "The age file encryption format", https://c2sp.org/age, sections "Header", "Payload" and "scrypt recipient
stanza". The payload consists of chunks of 64 KiB under ChaCha20-Poly1305. The nonce of each has its number and a mark
of the last one, so that a changed, moved, missing or cut chunk is detected. The program `age` decrypts the file too.
"""

from __future__ import annotations

import base64
import hmac
import io
import os
import re
from hashlib import sha256
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from twinward.errors import ArchiveError

CHUNK_BYTES = 65_536
WORK_FACTOR = 17
"""log2 of the cost of scrypt: 128 MiB and about 0.4 s for each attempt at a passphrase."""
WORK_FACTOR_MAX = 20
"""A file that demands more would take memory of the machine without a limit (1 GiB here)."""

_VERSION = b"age-encryption.org/v1\n"
_LABEL = b"age-encryption.org/v1/scrypt"
_TAG_BYTES, _NONCE_BYTES, _SALT_BYTES, _FILE_KEY_BYTES = 16, 16, 16, 16
_STANZA = re.compile(rb"-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n([A-Za-z0-9+/]{43})\n--- ([A-Za-z0-9+/]{43})\n")
_HEADER_BYTES_MAX = 256


class AgeWriter(io.RawIOBase):
    """Encrypts what is written to it. Without `finish` the file has no end and cannot be read."""

    def __init__(self, target: BinaryIO, passphrase: bytes, *, work_factor: int = WORK_FACTOR) -> None:
        """Write the header to `target`, which stays open."""
        super().__init__()
        salt, file_key = os.urandom(_SALT_BYTES), os.urandom(_FILE_KEY_BYTES)
        body = ChaCha20Poly1305(_wrap_key(passphrase, salt, work_factor)).encrypt(bytes(12), file_key, None)
        header = _VERSION + b"-> scrypt %s %d\n%s\n---" % (_b64(salt), work_factor, _b64(body))
        nonce = os.urandom(_NONCE_BYTES)
        target.write(header + b" " + _b64(_mac(file_key, header)) + b"\n" + nonce)
        self._target, self._cipher = target, ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
        self._waiting, self._number = bytearray(), 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: object, /) -> int:
        """Encrypt the whole chunks; at least one byte waits for `finish`, because the last chunk has a mark."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]  # the buffer of the caller
        self._waiting += view
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]
        return len(view)

    def finish(self) -> None:
        """Write the last chunk; the file is complete."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_chunk_nonce(self._number, last=last), plain, None))
        self._number += 1


class AgeReader(io.RawIOBase):
    """Decrypts a file; returns no byte that is not authenticated. Raises ArchiveError in one sentence."""

    def __init__(self, source: BinaryIO, passphrase: bytes, *, name: str) -> None:
        """Read the header. name: of the file, for errors."""
        super().__init__()
        self._source, self._name = source, name
        start = source.read(_HEADER_BYTES_MAX)
        found = _STANZA.match(start, len(_VERSION)) if start.startswith(_VERSION) else None
        if found is None or len(start) < found.end() + _NONCE_BYTES:
            raise ArchiveError(
                f"{name}: no backup with a passphrase at this path; allowed: a file of `twinward backup`"
            )
        salt, work_factor, body, mac = _unb64(found[1]), int(found[2]), _unb64(found[3]), _unb64(found[4])
        if work_factor > WORK_FACTOR_MAX:
            raise ArchiveError(f"{name}: the header demands scrypt cost 2^{work_factor}; allowed: 2^{WORK_FACTOR_MAX}")
        try:
            file_key = ChaCha20Poly1305(_wrap_key(passphrase, salt, work_factor)).decrypt(bytes(12), body, None)
        except InvalidTag as error:
            raise ArchiveError(
                f"{name}: the passphrase does not open this backup, or its header was changed"
            ) from error
        if _b64(mac) != found[4] or not hmac.compare_digest(mac, _mac(file_key, start[: found.start(4) - 1])):
            raise ArchiveError(f"{name}: the header was changed")
        nonce = start[found.end() : found.end() + _NONCE_BYTES]
        self._cipher = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
        self._ahead = start[found.end() + _NONCE_BYTES :]
        self._plain, self._number, self._ended = b"", 0, False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: object, /) -> int:
        """Fill the buffer with plain bytes; 0 at the authenticated end."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # the buffer of the caller
        while not self._plain and not self._ended:
            self._plain = self._open()
        size = min(len(view), len(self._plain))
        view[:size], self._plain = self._plain[:size], self._plain[size:]
        return size

    def _open(self) -> bytes:
        """Return the plain bytes of the next chunk."""
        size = CHUNK_BYTES + _TAG_BYTES
        held = self._ahead
        while len(held) <= size and (more := self._source.read(size + 1 - len(held))):
            held += more  # one byte more than a chunk shows whether it is the last one
        sealed, self._ahead = held[:size], held[size:]
        self._ended = not self._ahead
        try:
            plain = self._cipher.decrypt(_chunk_nonce(self._number, last=self._ended), sealed, None)
        except InvalidTag as error:
            raise ArchiveError(f"{self._name}: the file is cut or changed at chunk {self._number}") from error
        self._number += 1
        return plain


def _wrap_key(passphrase: bytes, salt: bytes, work_factor: int) -> bytes:
    return Scrypt(salt=_LABEL + salt, length=32, n=1 << work_factor, r=8, p=1).derive(passphrase)


def _derived(key: bytes, salt: bytes | None, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=label).derive(key)


def _mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.new(_derived(file_key, None, b"header"), header, sha256).digest()


def _chunk_nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _unb64(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4))

"""Reader of the passphrase file of a backup."""

from __future__ import annotations

import os
from pathlib import Path

from twinward.errors import ArchiveError

BYTES_MIN, BYTES_MAX = 12, 1_024


def read_passphrase(path: Path) -> bytes:
    """Return the passphrase without the line end. Raises ArchiveError, also if others can read the file."""
    try:
        file = os.open(path, os.O_RDONLY)
        try:
            mode = os.fstat(file).st_mode & 0o777
            text = os.read(file, BYTES_MAX + 1)
        finally:
            os.close(file)
    except OSError as error:
        raise ArchiveError(f"{path}: the passphrase file cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ArchiveError(f"{path}: the passphrase file has mode {mode:04o}; allowed: 0600 or 0400")
    passphrase = text.rstrip(b"\r\n")
    if not BYTES_MIN <= len(passphrase) <= BYTES_MAX:
        raise ArchiveError(
            f"{path}: the passphrase has {len(passphrase)} bytes; allowed: {BYTES_MIN} to {BYTES_MAX}, on one line"
        )
    return passphrase

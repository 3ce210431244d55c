"""Files with secrets: written atomically with mode 0600, owned by the owner of their folder."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace the file atomically and durably; an unchanged file with mode 0600 stays. Raises OSError.

    Root passes the file to the owner of the folder, so that a broker with its own account can read it.
    """
    data = text.encode()
    with suppress(OSError):
        if path.stat().st_mode & 0o777 == 0o600 and path.read_bytes() == data:  # noqa: PLR2004 - a file mode
            return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

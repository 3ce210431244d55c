"""Files with secrets: addresses, robots, monitors, signing keys."""

from __future__ import annotations

from pathlib import Path

from alerts.errors import ChannelError


def addresses(path: Path | None) -> list[str]:
    """Return the addresses of the file, one per line, without comments and blank lines. Raises ChannelError."""
    lines = [line.strip() for line in secret(path).splitlines()] if path else []
    return [line for line in lines if line and not line.startswith("#")]


def secret(path: Path) -> str:
    """Return the content of a file that no other account may read. Raises ChannelError."""
    try:
        if path.stat().st_mode & 0o077:
            raise ChannelError(f"{path} may be read by others; make it mode 0600")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ChannelError(f"{path}: {error.strerror}") from error

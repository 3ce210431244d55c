"""Watch of the files of a running process, and of repairs at its start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from alerts import StorageFault

from .files import IDENTITY, STAMPED, STORE
from .identity import clear_repairs, read_identity
from .locks import ROLES

FILES, REPAIRED = "files", "repaired"
"""Parts: files of the folder now; repairs at the start."""
FILES_GONE = StorageFault("files_gone", "数据文件丢失", "a file of the data folder is missing")
FILES_REPLACED = StorageFault("files_replaced", "数据文件被替换", "a file of the data folder was replaced")
FILES_CUT = StorageFault("files_cut", "数据文件被截断", "a file of the data folder was cut")
FOLDER_REPAIRED = StorageFault(
    "folder_repaired", "启动时修复了丢失或陈旧的数据文件", "lost or older files of the data folder were repaired"
)
OPEN_FILES = (
    *(f"{name}{suffix}" for name in STAMPED for suffix in ("", "-wal", "-shm")),
    STORE,
    *(f"{role}.lock" for role in ROLES),
)
"""Files that a running service never replaces. Those of SQLite's journal exist from the first write on."""
EXISTING = (IDENTITY,)
"""Files that a running service may replace."""
LOOK_S = 1.0
REPAIRED_S = 60.0


class Note(Protocol):
    """Function that writes an audit entry."""

    def __call__(self, kind: str, actor: str, *, site: str, subject: str, facts: Mapping[str, str]) -> None:
        """Write the entry."""
        ...


class _Seen(NamedTuple):
    device: int
    number: int
    size: int


class FileWatch:
    """A file was removed, replaced or cut under the running process.

    The process continues to write into the former file, which its next start does not find.
    """

    def __init__(self, folder: Path, *, repaired: bool, started_s: float) -> None:
        """repaired: whether the start repaired the folder; started_s: monotonic time of the start."""
        self._folder, self._repaired, self._started_s = folder, repaired, started_s
        self._looked_s = started_s - LOOK_S
        self._seen: dict[str, _Seen] = {}
        self._found: dict[str, StorageFault] = {}

    def look(self, now_s: float) -> Mapping[str, StorageFault]:
        """Return the fault, read once a second; a repair is reported for the first minute."""
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            causes = [cause for name in (*OPEN_FILES, *EXISTING) if (cause := self._cause(name)) is not None]
            self._found = {FILES: causes[0]} if causes else {}
        repaired = self._repaired and now_s - self._started_s < REPAIRED_S
        return self._found | {REPAIRED: FOLDER_REPAIRED} if repaired else self._found

    def _cause(self, name: str) -> StorageFault | None:
        try:
            found = (self._folder / name).stat()
        except OSError:
            return FILES_GONE if name in self._seen else None
        now = _Seen(found.st_dev, found.st_ino, found.st_size)
        before = self._seen.setdefault(name, now)
        if name in EXISTING:
            return None
        if (now.device, now.number) != (before.device, before.number):
            return FILES_REPLACED
        if name in STAMPED and now.size < before.size:
            return FILES_CUT
        self._seen[name] = now
        return None


def audit_repairs(folder: Path, note: Note) -> bool:
    """Write each repair of the start, or of `twinward recover` before it, to the audit; return whether there was one.

    Raises OSError and FolderMismatch.
    """
    repairs = read_identity(folder).repairs
    for text in repairs:
        note("service.repaired", "system", site="", subject="data_folder", facts={"repair": text})
    clear_repairs(folder)
    return bool(repairs)

"""Identity of a data folder: number of the installation, generation, and repairs for the audit."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from twinward.errors import FolderMismatch

from .files import IDENTITY, STAMPED, stamp_of


class Identity(NamedTuple):
    """Installation of a data folder.

    number: positive, of 31 bits. generation: grows with each repair and restore. repairs: one sentence each, until the
    audit contains them.
    """

    number: int
    generation: int
    repairs: tuple[str, ...] = ()


def read_identity(folder: Path) -> Identity:
    """Return the identity of a folder: of its file, else of the files that carry one, else a new one.

    Raises FolderMismatch for an unreadable file.
    """
    path = folder / IDENTITY
    if path.exists():
        try:
            facts = json.loads(path.read_bytes())
            repairs = tuple(str(text) for text in facts.get("repairs", ()))
            return Identity(int(facts["installation"]), int(facts["generation"]), repairs)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FolderMismatch(
                f"{path} is damaged ({error}); restore it from a backup, or delete it: the files carry its number"
            ) from error
    found = sorted({number for name in STAMPED if (number := stamp_of(folder / name))})
    return Identity(found[0] if found else secrets.randbits(31) or 1, 1)


def write_identity(folder: Path, identity: Identity) -> None:
    """Write the identity of a folder, atomically. Raises OSError."""
    fresh = folder / f"{IDENTITY}.new"
    facts = {
        "installation": identity.number,
        "generation": identity.generation,
        "repairs": list(identity.repairs),
    }
    fresh.write_text(json.dumps(facts), encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(folder / IDENTITY)


def note_repairs(folder: Path, repairs: Sequence[str]) -> None:
    """Record repairs for the audit, and a new generation. Raises OSError and FolderMismatch."""
    if repairs:
        identity = read_identity(folder)
        write_identity(folder, Identity(identity.number, identity.generation + 1, (*identity.repairs, *repairs)))


def clear_repairs(folder: Path) -> None:
    """Record that the audit contains every repair. Raises OSError and FolderMismatch."""
    identity = read_identity(folder)
    if identity.repairs:
        write_identity(folder, identity._replace(repairs=()))

"""Sheets of promoted rules and demotions in a data folder, signed with the installation's key.

`sheets/RULE.json` holds {"sheet": ..., "by": ..., "signature": ...}, `sheets/demoted.json` the digests of demoted
rules. Detection processes read the folder at the start, and again when it changes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from detectors import Gate, ScoreSheet, SheetError, load_sheets
from detectors.proof.score_sheets import SHIPPED, read_sheet
from twinward.broker.private_files import write_private
from twinward.errors import InputError

from .key import public_key, signing_key

SHEETS = "sheets"
DEMOTED = "demoted.json"

log = logging.getLogger(__name__)


def folder_gate(folder: Path) -> Gate:
    """Return the gate of a data folder: packaged sheets, promoted ones, demotions. Never raises for a bad file."""
    return Gate([*load_sheets(Path(str(SHIPPED)))[0], *promoted(folder)], demoted=demoted(folder))


class SheetFolder:
    """The gate of a data folder, read again after a change. Several threads may call it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def changed_ns(self) -> int:
        """Return the time of the last change of the folder; 0 without one."""
        try:
            return (self._folder / SHEETS).stat().st_mtime_ns
        except OSError:
            return 0

    def gate(self) -> Gate:
        """Return the present gate; see `folder_gate`."""
        return folder_gate(self._folder)


def promoted(folder: Path) -> list[ScoreSheet]:
    """Return the sheets with a signature of this installation; logs and leaves out all others."""
    found = []
    for path in sorted((folder / SHEETS).glob("*.json")):
        if path.name == DEMOTED:
            continue
        try:
            found.append(read_sheet(_signed(path, folder)["sheet"], source=str(path)))
        except (InputError, SheetError, KeyError, TypeError) as error:
            log.warning("score sheet left out, its rule does not page: %s", error)
    return found


def demoted(folder: Path) -> frozenset[str]:
    """Return the digests of demoted rules; a damaged file demotes none beyond the established limits."""
    path = folder / SHEETS / DEMOTED
    if not path.exists():
        return frozenset()
    try:
        return frozenset(map(str, _signed(path, folder)["rules"]))
    except (InputError, KeyError, TypeError) as error:
        log.warning("demotions cannot be read: %s", error)
        return frozenset()


def keep_sheet(folder: Path, sheet: ScoreSheet, *, by: str) -> None:
    """Sign a sheet and keep it; a demotion of its rule ends. Raises InputError, OSError."""
    _write(folder, f"{sheet.rule}.json", {"sheet": sheet.to_json(), "by": by})
    rest = demoted(folder) - {sheet.digest}
    if rest != demoted(folder):
        keep_demoted(folder, sorted(rest))


def keep_demoted(folder: Path, rules: Sequence[str]) -> None:
    """Sign and keep the digests of demoted rules. Raises InputError, OSError."""
    _write(folder, DEMOTED, {"rules": sorted(rules)})


def _write(folder: Path, name: str, body: Mapping[str, Any]) -> None:
    target = folder / SHEETS
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    signature = signing_key(folder).sign(_canonical(body)).hex()
    write_private(target / name, json.dumps({**body, "signature": signature}, ensure_ascii=False, indent=1) + "\n")


def _signed(path: Path, folder: Path) -> dict[str, Any]:
    """Return the content of a signed file. Raises InputError for a foreign or changed one."""
    try:
        body = dict(json.loads(path.read_text(encoding="utf-8")))
        signature = bytes.fromhex(body.pop("signature"))
        key = public_key(folder)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, _canonical(body))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidSignature) as error:
        raise InputError(f"{path}: {error!r}; allowed is a file signed by this installation") from error
    return body


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

"""Signed heads: position and digest of the last entry of each chain, as a JSON file.

`{"heads": {"at": ..., "chains": {name: [seq, digest]}, "key": ...}, "signature": ...}`. The signature (Ed25519, in
hexadecimal) is over the canonical JSON of `heads`: keys sorted, no spaces, UTF-8. `key` is the public key.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from twinward.broker.private_files import write_private
from twinward.data_folder.files import DETECTIONS, TELEMETRY
from twinward.errors import InputError

from .key import public_text, signing_key

JOURNAL = "journal"


@dataclass(frozen=True, slots=True)
class Heads:
    """Heads of one moment. at: UTC, ISO 8601; chains: name -> (seq, digest); key: public key that signed them."""

    at: str
    chains: Mapping[str, tuple[int, str]]
    key: str


def heads_now(
    folder: Path, journal: tuple[int, str], at_ns: int, *, logs: Mapping[str, tuple[int, str]] | None = None
) -> Heads:
    """Return the present heads of a data folder, to be signed with its key. Raises sqlite3.Error, OSError, InputError.

    journal: its head; the database may be elsewhere. logs: heads of logs on a server, by the names of their files.
    """
    chains = {JOURNAL: journal, **(logs or {})}
    for name in (TELEMETRY, DETECTIONS):
        if (folder / name).exists():
            chains[name] = _log_head(folder / name)
    at = datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="seconds")
    return Heads(at, chains, public_text(signing_key(folder)))


def write_heads(folder: Path, heads: Heads, path: Path) -> None:
    """Sign the heads with the key of the data folder and write the file atomically."""
    body = _body(heads)
    signature = signing_key(folder).sign(_canonical(body)).hex()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, json.dumps({"heads": body, "signature": signature}, indent=1) + "\n")


def read_heads(path: Path, *, key: str) -> list[Heads]:
    """Return the heads of a file, or of all files of a folder. Raises InputError for a changed or foreign one.

    key: public key of the installation, "" to accept any key.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} has no file of signed heads; allowed: a file or a folder of `twinward heads`")
    return [_read(file, key) for file in files]


def known(heads: list[Heads], chain: str) -> list[tuple[int, str]]:
    """Return the heads of one chain."""
    return [found.chains[chain] for found in heads if chain in found.chains]


def _read(path: Path, key: str) -> Heads:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        body, signature = value["heads"], bytes.fromhex(value["signature"])
        chains = {str(name): (int(seq), str(digest)) for name, (seq, digest) in body["chains"].items()}
        heads = Heads(str(body["at"]), chains, str(body["key"]))
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(heads.key)).verify(signature, _canonical(body))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except InvalidSignature as error:
        raise InputError(f"{path}: the signature does not fit; the file was changed") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: {error!r}; allowed: a file of signed heads") from error
    if key and heads.key != key:
        raise InputError(f"{path}: signed with key {heads.key}; allowed: the key of this installation, {key}")
    return heads


def _body(heads: Heads) -> dict[str, Any]:
    return {"at": heads.at, "chains": {name: list(head) for name, head in heads.chains.items()}, "key": heads.key}


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _log_head(path: Path) -> tuple[int, str]:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1)) as db:
        for query in ("SELECT seq, digest FROM entries ORDER BY seq DESC LIMIT 1", "SELECT seq, digest FROM anchor"):
            row = db.execute(query).fetchone()
            if row is not None:
                return int(row[0]), bytes(row[1]).hex()
    return 0, ""

"""Signing key of the installation: Ed25519, in `installation.key` of the data folder, mode 0600."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from twinward.broker.private_files import write_private
from twinward.errors import InputError

NAME = "installation.key"


def signing_key(folder: Path) -> Ed25519PrivateKey:
    """Return the key of the data folder, a new one for its first signature. Raises InputError, OSError."""
    path = folder / NAME
    if path.exists():
        return _read(path)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(path, pem.decode())
    return key


def public_key(folder: Path) -> str:
    """Return the public key of the data folder as hexadecimal text, "" without a key. Raises InputError."""
    path = folder / NAME
    return public_text(_read(path)) if path.exists() else ""


def public_text(key: Ed25519PrivateKey) -> str:
    """Return the public part of a key as hexadecimal text."""
    return key.public_key().public_bytes_raw().hex()


def _read(path: Path) -> Ed25519PrivateKey:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise InputError(f"{path} has mode {mode:04o}; allowed: 0600 (chmod 600 {path})")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path} cannot be read: {error}; allowed: an Ed25519 key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} holds a {type(key).__name__}; allowed: an Ed25519 key in PEM")
    return key

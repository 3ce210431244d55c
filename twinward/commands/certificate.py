"""`certificate`: a local certificate authority and a TLS certificate of this service."""

from __future__ import annotations

import datetime as dt
import os
import re
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from twinward.errors import InputError, as_cli_errors

CA_DAYS = 3_650
SERVER_DAYS = 397
"""Phones refuse server certificates with a longer validity."""
_SKEW = dt.timedelta(days=1)
"""Clocks of phones differ; a new certificate is valid at once."""
_HOST = re.compile(r"(?=.{1,253}$)(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9-]{1,63}")
_ENCODING, _PRIVATE = serialization.Encoding, serialization.PrivateFormat
_USAGE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}

Key = ec.EllipticCurvePrivateKey


def make_certificate(names: Sequence[str], *, folder: Path, renew: bool = False) -> dict[str, Any]:
    """Write the authority and the server certificate; return paths, names and end.

    The first call makes `ca.pem`, `ca.crt` (the same for phones), `ca.key`, `server.pem` and `server.key`, all with
    mode 0600. renew: a new server certificate by the same authority for the same key, with the old names unless others
    are given. Raises InputError.
    """
    server = folder / "server.pem"
    if server.exists() and not renew:
        raise InputError(f"{server} exists; allowed: --renew, or another folder with --output")
    if renew and not server.exists():
        raise InputError(f"{server} does not exist; allowed: the folder of an earlier certificate, or no --renew")
    with as_cli_errors(ValueError):
        wanted = _subjects(names or (_names(server) if renew else _own_names()))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority, authority_key = _authority(folder)
        key = _key(folder / "server.key")
        certificate = _signed(wanted, key, authority, authority_key)
        _write(server, certificate.public_bytes(_ENCODING.PEM) + authority.public_bytes(_ENCODING.PEM))
    return {
        "certificate": str(server),
        "key": str(folder / "server.key"),
        "authority": str(folder / "ca.pem"),
        "authority_for_phones": str(folder / "ca.crt"),
        "names": _names(server),
        "expires": certificate.not_valid_after_utc.isoformat(),
        "settings": f'[http] certificate = "{server}", key = "{folder / "server.key"}"',
    }


def _authority(folder: Path) -> tuple[x509.Certificate, Key]:
    """Return the authority of the folder, a new one without one."""
    path, key = folder / "ca.pem", _key(folder / "ca.key")
    if path.exists():
        found = x509.load_pem_x509_certificate(path.read_bytes())
        if found.public_key() != key.public_key():
            raise InputError(f"{path} does not belong to {folder / 'ca.key'}; allowed: both files of one authority")
        return found, key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Twinward authority of {socket.gethostname()}"[:64])])
    authority = (
        _builder(name, name, key, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**_USAGE | {"key_cert_sign": True, "crl_sign": True}), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(path, authority.public_bytes(_ENCODING.PEM))
    _write(folder / "ca.crt", authority.public_bytes(_ENCODING.DER))
    return authority, key


def _signed(subjects: list[x509.GeneralName], key: Key, authority: x509.Certificate, by: Key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Twinward")])
    return (
        _builder(name, authority.subject, key, SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**_USAGE | {"digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, hashes.SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key(path: Path) -> Key:
    """Return the private key in the file, a new one without a file."""
    if path.exists():
        found = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(found, Key):
            raise InputError(f"{path} holds a {type(found).__name__}; allowed: a key on the curve P-256")
        path.chmod(0o600)
        return found
    key = ec.generate_private_key(ec.SECP256R1())
    _write(path, key.private_bytes(_ENCODING.PEM, _PRIVATE.PKCS8, serialization.NoEncryption()))
    return key


def _write(path: Path, content: bytes) -> None:
    """Replace the file at once, with mode 0600."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _subjects(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            if not _HOST.fullmatch(name):
                raise InputError(f"{name!r} is no name of a host; allowed: host names and IP addresses") from None
            found.append(x509.DNSName(name.lower()))
    return found


def _names(path: Path) -> list[str]:
    """Return the names and addresses of a server certificate."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]


def _own_names() -> list[str]:
    """Return the names of this machine and its loopback addresses."""
    own = [name for name in (socket.gethostname(), socket.getfqdn()) if _HOST.fullmatch(name)]
    return [*own, "localhost", "127.0.0.1", "::1"]

"""`twinward certificate`: files, names, renewal, and a client that trusts only the authority."""

from __future__ import annotations

import json
import socket
import ssl
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from twinward.commands.certificate import make_certificate
from twinward.errors import InputError


def served(folder: Path, name: str) -> dict[str, Any]:
    """Return the certificate that a client of the authority accepts for that name."""
    here, there = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem", folder / "server.key")
    client = ssl.create_default_context(cafile=folder / "ca.pem")

    def serve() -> None:
        with here:
            try:
                server.wrap_socket(here, server_side=True).close()
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with there, client.wrap_socket(there, server_hostname=name) as wrapped:
            return dict(wrapped.getpeercert() or {})
    finally:
        thread.join(5)


def test_a_client_with_the_authority_trusts_each_name_and_no_other(tmp_path: Path) -> None:
    """Host names and addresses are in the certificate; another name fails."""
    made = make_certificate(["school.example", "192.0.2.7"], folder=tmp_path / "tls")
    folder = tmp_path / "tls"
    assert made["names"] == ["school.example", "192.0.2.7"]
    for name in made["names"]:
        assert served(folder, name)["subjectAltName"]
    with pytest.raises(ssl.SSLCertVerificationError):
        served(folder, "other.example")


def test_all_files_are_private_and_the_phone_file_is_the_authority(tmp_path: Path) -> None:
    """Mode 0600; `ca.crt` is `ca.pem` in DER."""
    make_certificate([], folder=tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert ssl.PEM_cert_to_DER_cert((tmp_path / "ca.pem").read_text()) == (tmp_path / "ca.crt").read_bytes()


def test_a_renewal_keeps_authority_key_and_names(tmp_path: Path) -> None:
    """Phones that trust the authority trust the new certificate; other names can be given."""
    make_certificate(["school.example"], folder=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = make_certificate([], folder=tmp_path, renew=True)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert [name for name in before if before[name] != after[name]] == ["server.pem"]
    assert again["names"] == ["school.example"]
    assert make_certificate(["new.example"], folder=tmp_path, renew=True)["names"] == ["new.example"]
    assert served(tmp_path, "new.example")


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    """An existing certificate, a missing one, a wrong name and a foreign authority are refused."""
    make_certificate(["a.example"], folder=tmp_path / "a")
    make_certificate(["b.example"], folder=tmp_path / "b")
    for names, folder, renew, part in (
        (["a.example"], "a", False, "exists; allowed: --renew"),
        ([], "c", True, "does not exist"),
        (["not a name"], "d", False, "'not a name' is no name of a host"),
    ):
        with pytest.raises(InputError, match=part):
            make_certificate(names, folder=tmp_path / folder, renew=renew)
    (tmp_path / "b" / "ca.key").write_bytes((tmp_path / "a" / "ca.key").read_bytes())
    with pytest.raises(InputError, match="does not belong to"):
        make_certificate([], folder=tmp_path / "b", renew=True)


def test_the_command_prints_json(tmp_path: Path, run_twinward: Any) -> None:
    """`twinward certificate --json` prints the paths; a second call exits with status 2."""
    command = [*run_twinward.command, "certificate", "school.example", "--output", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["key"] == str(tmp_path / "server.key")
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, "Traceback" in again.stderr) == (2, False)

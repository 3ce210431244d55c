"""Make passwords, certificate and accounts of the broker for the compose layout; existing files stay.

    python prepare.py FOLDER

FOLDER holds one mounted volume for each program that reads it. Runs as root before the services start.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from twinward.broker import Accounts
from twinward.broker.private_files import write_private
from twinward.commands.certificate import make_certificate

OWNER = 10001
"""User and group of Twinward, the broker, Prometheus and Grafana."""
NAMES = ("twinward", "mosquitto", "localhost", "127.0.0.1")
OWNED = ("data", "twinward", "accounts", "broker", "tls", "prometheus", "grafana")
"""Volumes of programs with this user. The other programs read theirs as root."""
RENEW_DAYS = 60
"""Remaining validity of the certificate below which a start renews it."""
DATABASE_LINE = "postgres:5432:twinward:twinward:{password}\n"


def main(folder: Path, names: Sequence[str], owner: int) -> None:
    """Make the missing files below the folder, and set their owner. names: further names of the certificate."""
    for part in (*OWNED, "authority", "postgres", "influxdb"):
        (folder / part).mkdir(mode=0o700, exist_ok=True)
    database = made(folder / "postgres" / "password")
    token = made(folder / "influxdb" / "token")
    made(folder / "influxdb" / "password")
    made(folder / "grafana" / "password")
    made(folder / "grafana" / "authorization", f"Token {token}")
    made(folder / "twinward" / "influx-token", token)
    made(folder / "twinward" / "pgpass", DATABASE_LINE.format(password=database))
    made(folder / "twinward" / "mqtt-password")
    certify(folder, names)
    Accounts(folder / "accounts", "twinward", password_file=folder / "twinward" / "mqtt-password").prepare()
    for part in ("postgres", "influxdb"):
        (folder / part).chmod(0o755)
        for path in (folder / part).iterdir():
            path.chmod(0o444)
    for part in OWNED:
        for path in (folder / part, *(folder / part).iterdir()):
            os.chown(path, owner, owner)


def certify(folder: Path, names: Sequence[str]) -> None:
    """Make or renew the certificate; only this program reads the key of its authority."""
    made_here, wanted = folder / "authority" / "server.pem", list(dict.fromkeys((*NAMES, *names)))
    if not made_here.exists():
        make_certificate(wanted, folder=folder / "authority")
    else:
        present = x509.load_pem_x509_certificates(made_here.read_bytes())[0]
        known = present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = {str(name.value) for name in known}
        ends = present.not_valid_after_utc - datetime.now(UTC)
        if ends < timedelta(days=RENEW_DAYS) or not named.issuperset(wanted):
            make_certificate(wanted, folder=folder / "authority", renew=True)
    for part, files in {"tls": ("ca.pem", "server.pem", "server.key"), "prometheus": ("ca.pem",)}.items():
        for name in files:
            write_private(folder / part / name, (folder / "authority" / name).read_text(encoding="utf-8"))


def made(path: Path, text: str = "") -> str:
    """Write a text, or a random password, unless the file exists; return its content."""
    if not path.exists():
        write_private(path, text or secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), os.environ.get("TWINWARD_NAMES", "").split(), OWNER)

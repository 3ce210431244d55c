"""Access to an authenticated broker: the service's account, and the reload after a change of accounts."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ingest.mqtt import MqttSettings

from .accounts import SECOND, Accounts
from .child import LOOPBACK, BrokerError
from .listening import check_host
from .mosquitto import MosquittoBroker, TlsListener, find_mosquitto
from .settings import BrokerSettings

FOLDER = "broker"
"""Folder of the embedded broker in the data folder."""
_HANDLER_S = 5.0


def embedded_accounts(data_dir: Path, mqtt: MqttSettings) -> Accounts:
    """Return the accounts of the embedded broker. The service's account is named after its client id.

    The broker replaces each client id by the account's name, so the session and its backlog keep their client id.
    Raises AccountError for a client id that cannot be an account.
    """
    return Accounts(data_dir / FOLDER, mqtt.client_id)


def signed_in(settings: BrokerSettings, mqtt: MqttSettings, data_dir: Path) -> MqttSettings:
    """Return the settings of the connection. With an embedded broker they name the service's account there.

    Creates the account's password at the first start. Raises AccountError.
    """
    if not settings.embedded:
        return mqtt
    accounts = embedded_accounts(data_dir, mqtt)
    accounts.prepare()
    return replace(
        mqtt,
        url=f"mqtt://{LOOPBACK}:{settings.port}",
        username=accounts.service,
        second_username=accounts.service + SECOND,
        password_file=str(accounts.password_file),
    )


def check_embedded(settings: BrokerSettings, mqtt: MqttSettings, data_dir: Path) -> None:
    """Raise AccountError or BrokerError for settings with which the embedded broker cannot start."""
    if settings.embedded:
        embedded_accounts(data_dir, mqtt)
        check_host(settings.host)
        _tls_listener(settings)


def start_embedded(settings: BrokerSettings, mqtt: MqttSettings, data_dir: Path) -> MosquittoBroker:
    """Return the running embedded broker of the service. Raises BrokerError, also without Mosquitto."""
    if find_mosquitto() is None:
        raise BrokerError(
            "the embedded broker needs Mosquitto: iotcore has no accounts and serves the demo only; "
            "install the package mosquitto"
        )
    accounts, tls = embedded_accounts(data_dir, mqtt), _tls_listener(settings)
    broker = MosquittoBroker(settings.port, data_dir, accounts=accounts, tls=tls, host=settings.host)
    broker.start()
    return broker


def _tls_listener(settings: BrokerSettings) -> TlsListener | None:
    if not settings.tls_port:
        return None
    files = {"certificate_file": settings.certificate_file, "key_file": settings.key_file}
    for name, path in files.items():
        if path is None or not os.access(path, os.R_OK):
            raise BrokerError(f"broker.{name}: {path} cannot be read; broker.tls_port needs a PEM file here")
    return TlsListener(settings.tls_port, str(settings.certificate_file), str(settings.key_file))


def reload_embedded(data_dir: Path) -> bool:
    """Make the running embedded broker read the accounts again; return whether one runs.

    The broker disconnects each client whose account or password is no longer valid. Linux only.
    """
    folder = (data_dir / FOLDER).resolve()
    try:
        pid = int((folder / "mosquitto.pid").read_text())
        running = os.fsencode(folder) + b"/" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    if not running:
        return False
    deadline = time.monotonic() + _HANDLER_S
    while not _handles(pid, signal.SIGHUP) and time.monotonic() < deadline:  # without a handler the signal ends it
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGHUP)
    return True


def _handles(pid: int, number: signal.Signals) -> bool:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return True
    caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")), 0)
    return bool(caught >> (number - 1) & 1)

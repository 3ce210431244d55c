"""Mosquitto as embedded broker: configuration, store on disk, and the saver process of the store."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from . import saver as broker_saver
from .accounts import Accounts
from .child import LOOPBACK, PAYLOAD_BYTES_MAX, BrokerError, Child, start_child
from .listening import EVERY

log = logging.getLogger(__name__)

STORE = "mosquitto.db"
_BROKEN = "mosquitto.broken-"
QUEUED_BYTES_MAX = 536_870_912
_SBIN = "/usr/sbin"
_CRASHES = {-number for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)}
_SAVER = Path(broker_saver.__file__)
_AUTOSAVE_S, _AUTOSAVE_ALONE_S = 10, 1
"""Mosquitto's own timer: for the time without a saver process."""

CONFIG = """\
# written anew at every start
listener {port} {host}
{access}set_tcp_nodelay false
max_queued_messages 0
max_queued_bytes {queued}
max_inflight_messages 1000
message_size_limit {payload}
persistent_client_expiration 7d
persistence true
persistence_location {folder}/
autosave_interval {autosave}
log_dest file {log}
log_type error
log_type warning
log_type notice
connection_messages false
"""
ACCESS = """\
use_username_as_clientid true
{tls}allow_anonymous false
password_file {passwords}
acl_file {acl}
"""
FURTHER = """\
listener {port} {host}
use_username_as_clientid true
"""
TLS = """\
listener {port}
certfile {certificate}
keyfile {key}
tls_version tlsv1.2
use_username_as_clientid true
"""
# Each save writes the whole store, so saves follow a timer. Saves by number of changes (autosave_on_changes) would cost
# the square of the backlog, and a quiet school would wait for minutes. An interval of 1 saves every 2 s (Mosquitto
# 2.0.11 counts whole seconds and waits until more than one is over); the saver requests further saves.


def find_mosquitto() -> str | None:
    """Return the path of the mosquitto program; Debian installs it outside a user's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_SBIN)


def broken_stores(data_dir: Path) -> list[Path]:
    """Return the unreadable stores of the embedded Mosquitto that were moved away, oldest first."""
    return sorted((data_dir / "broker").glob(f"{_BROKEN}*"))


@dataclass(frozen=True, slots=True)
class TlsListener:
    """Listener on every address of this machine, TLS 1.2 or newer. certificate, key: files in PEM form."""

    port: int
    certificate: str
    key: str


class MosquittoBroker(Child):
    """Mosquitto with a store on disk, so that sessions and queued messages survive a restart.

    A kill loses the messages since the last save: those of `saver.distance_s` and of the save itself.
    """

    name = "mosquitto"

    def __init__(
        self,
        port: int,
        data_dir: Path,
        *,
        accounts: Accounts | None = None,
        tls: TlsListener | None = None,
        host: str = LOOPBACK,
    ) -> None:
        """accounts: without them every client is accepted, as in the demo; tls: a further listener on every address.

        host: address of the plain port besides loopback. Raises BrokerError for another address without accounts.
        """
        super().__init__(port, data_dir)
        if accounts is None and host != LOOPBACK:
            raise BrokerError(f"host: {host!r}; without accounts the broker listens on {LOOPBACK} alone")
        self._accounts, self._tls, self._host = accounts, tls, host
        self._store = self._folder / STORE
        self._saver: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Stop the broker, with SIGKILL after some seconds, and its saver; may be called twice."""
        super().stop()
        saver, self._saver = self._saver, None
        if saver is not None:
            saver.terminate()
            saver.wait()

    def _popen(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [find_mosquitto() or "mosquitto", "-c", str(self._configure())]
        return start_child(command, output)

    def _configure(self) -> Path:
        config = self._folder / "mosquitto.conf"
        text = CONFIG.format(
            port=self._port,
            host=EVERY if self._host == EVERY else LOOPBACK,
            access=self._access(),
            queued=QUEUED_BYTES_MAX,
            payload=PAYLOAD_BYTES_MAX,
            folder=self._folder,
            autosave=_AUTOSAVE_S if broker_saver.can_watch() else _AUTOSAVE_ALONE_S,
            log=self._log,
        )
        if os.geteuid() == 0:
            text += "user root\n"  # otherwise Mosquitto drops the rights that it needs for its store
        config.write_text(text)
        return config

    def _access(self) -> str:
        """Return the lines about accounts and TLS, after the files that they name are written."""
        if self._accounts is None:
            return "allow_anonymous true\n"
        self._accounts.prepare()
        tls = "" if self._tls is None else TLS.format(**asdict(self._tls))
        if self._host not in {LOOPBACK, EVERY}:
            tls += FURTHER.format(port=self._port, host=self._host)
        return ACCESS.format(tls=tls, passwords=self._accounts.password_list, acl=self._accounts.access_list)

    def _launch(self) -> None:
        """Move an unreadable store away, log it, and start without it.

        The store is the cause only if Mosquitto exits with it and starts without it. After a kill, or without a free
        port, the store stays.
        """
        if self._store.exists() and not self._store.stat().st_size:  # Mosquitto would overwrite it without a message
            self._log_moved(self._move_away())
        code = self._spawn()
        if code is not None and self._store.exists() and (code > 0 or code in _CRASHES):
            code = self._spawn_without_store()
        if code is not None:
            raise BrokerError(f"mosquitto ended with code {code} while starting; see {self._log}")
        self._tend()

    def _spawn_without_store(self) -> int | None:
        kept, code = self._move_away(), 1
        try:
            code = self._spawn() or 0
        finally:
            if code:
                kept.replace(self._store)
        if code:
            return code
        self._log_moved(kept)
        return None

    def _move_away(self) -> Path:
        return self._store.replace(self._store.with_name(f"{_BROKEN}{time.time_ns()}"))

    def _log_moved(self, kept: Path) -> None:
        log.error(
            "the broker's store could not be read and was moved to %s: what waited in it is lost, and data_gap tells"
            " of which devices; delete the file when it has been looked at",
            kept,
        )

    def _tend(self) -> None:
        """Keep one saver process per broker process; a saver ends with its broker."""
        if self._process is None or not broker_saver.can_watch():
            return
        if self._saver is None or self._saver.poll() is not None:
            command = [sys.executable, "-IS", str(_SAVER), str(self._process.pid), str(self._store)]
            with self._log.open("ab") as output, suppress(OSError):  # no memory for a process: the next call retries
                self._saver = start_child(command, output)

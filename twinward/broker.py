"""The embedded broker: Mosquitto as a child where it is installed, else iotcore from PyPI; loopback only."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal, Protocol

from .errors import TwinwardError

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
Kind = Literal["mosquitto", "iotcore"]
_START_S = 10.0
_STOP_S = 5.0
_WATCH_S = 0.25
_RETRY_S = 5.0
_QUEUED_BYTES_MAX = 536_870_912
_PAYLOAD_BYTES_MAX = 1_048_576
_SBIN = "/usr/sbin"

_MOSQUITTO = """\
# written anew at every start
listener {port} {host}
allow_anonymous true
set_tcp_nodelay false
max_queued_messages 0
max_queued_bytes {queued}
max_inflight_messages 1000
message_size_limit {payload}
persistent_client_expiration 7d
persistence true
persistence_location {folder}/
autosave_interval 1
log_dest file {log}
log_type error
log_type warning
log_type notice
connection_messages false
"""
# The store is written whole each time, so it goes by the clock: by changes the work grows with the square of the
# backlog, and a quiet school would wait for minutes. An interval of 1 saves every 2 s (Mosquitto 2.0.11 counts whole
# seconds and waits until more than one is over): what a broker that is killed may lose of what waited in it.

_IOTCORE = """\
# written anew at every start
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 1000
max_segment_size = 104857600
max_segment_count = 10

[v5.1]
name = "v5"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = {payload}
max_inflight_count = 1000
dynamic_filters = true
"""
_IOTCORE_CHILD = "import sys; from iotcore import IotCoreBroker; IotCoreBroker(config_path=sys.argv[1]).run_forever()"


class BrokerError(TwinwardError):
    """No broker could be started; the sentence says why."""


class Broker(Protocol):
    """A broker of our own on loopback.

    Must hold for every implementation: it listens on 127.0.0.1 only, speaks MQTT 5, comes up again by itself when its
    process ends unasked, and `stop` frees the port and may be called twice.
    """

    name: str
    url: str

    def start(self) -> None:
        """Bring it up and wait until it listens. Raises BrokerError."""
        ...

    def stop(self) -> None:
        """End it; blocks until it is gone, for some seconds at most."""
        ...

    def alive(self) -> bool:
        """Whether its process runs."""
        ...


def start_broker(port: int, data_dir: Path, prefer: Kind | None = None) -> Broker:
    """A running broker: the preferred one, or the best that is here. Raises BrokerError."""
    kinds: Sequence[Kind] = ("mosquitto", "iotcore") if prefer is None else (prefer,)
    here = [kind for kind in kinds if available(kind)]
    if not here:
        raise BrokerError(
            f"no broker here: install Mosquitto, or `pip install iotcore` (looked for {', '.join(kinds)})"
        )
    broker: Broker = (MosquittoBroker if here[0] == "mosquitto" else IotCoreBroker)(port, data_dir)
    broker.start()
    return broker


def available(kind: Kind) -> bool:
    """Whether that broker can be started on this machine."""
    return bool(find_mosquitto()) if kind == "mosquitto" else importlib.util.find_spec("iotcore") is not None


def find_mosquitto() -> str | None:
    """Path of the mosquitto program; Debian puts it where a user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_SBIN)


def listens(port: int, *, timeout_s: float = 0.5) -> bool:
    """Whether something accepts connections on the loopback port."""
    with socket.socket() as sock:
        sock.settimeout(timeout_s)
        return sock.connect_ex((LOOPBACK, port)) == 0


class _Child:
    """A broker as a child process with its configuration, store and log under the data folder."""

    name = ""

    def __init__(self, port: int, data_dir: Path) -> None:
        self.url = f"mqtt://{LOOPBACK}:{port}"
        self._port = port
        self._folder = data_dir.resolve() / "broker"
        self._log = self._folder / f"{self.name}.log"
        self._pid = self._folder / f"{self.name}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Bring it up and wait until it listens. Raises BrokerError, also when another program has the port.

        A broker of this folder that a killed service left behind is asked to end first.
        """
        if self.alive():
            return
        self.stop()
        self._end_orphan()
        if listens(self._port):
            raise BrokerError(f"port {self._port} on {LOOPBACK} is taken by another program; choose another MQTT port")
        self._up()
        self._ended.clear()
        self._watcher = threading.Thread(target=self._watch, name="broker", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """End it, by force after some seconds; may be called twice."""
        self._ended.set()
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.join()
        self._end()

    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def _up(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._launch()
        except OSError as error:
            raise BrokerError(f"{self.name} cannot be started: {error}") from error

    def _watch(self) -> None:
        """Bring it up again when it ended unasked."""
        while not self._ended.wait(_WATCH_S):
            if not self.alive():
                log.warning("the embedded broker %s ended by itself; starting it again", self.name)
                try:
                    self._up()
                except BrokerError as error:
                    log.error("%s; trying again", error)  # noqa: TRY400 - one clear line
                    self._ended.wait(_RETRY_S)

    def _end_orphan(self) -> None:
        """End the broker of this folder whose service was killed, if it still runs."""
        try:
            pid = int(self._pid.read_text())
        except (OSError, ValueError):
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._owns(pid):
                os.kill(pid, number)
                deadline = time.monotonic() + _STOP_S
                while (self._owns(pid) or listens(self._port)) and time.monotonic() < deadline:
                    time.sleep(0.02)

    def _owns(self, pid: int) -> bool:
        """Whether a process of that id runs and works in our folder; False where the system does not tell."""
        try:
            return os.fsencode(self._folder) + b"/" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_S)

    def _launch(self) -> None:
        code = self._spawn()
        if code is not None:
            raise BrokerError(f"{self.name} ended with code {code} while starting; see {self._log}")

    def _spawn(self) -> int | None:
        """None once it listens, or the code with which it ended. Raises BrokerError when it does neither."""
        with self._log.open("ab") as output:
            self._process = self._popen(output)
        with suppress(OSError):  # a full disk: it runs all the same
            self._pid.write_text(str(self._process.pid))
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            code = self._process.poll()
            if code is not None:
                self._process = None
                return code
            if listens(self._port):
                return None
            time.sleep(0.02)
        self._end()
        raise BrokerError(f"{self.name} does not listen after {_START_S:.0f} s; see {self._log}")

    def _popen(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        raise NotImplementedError


class MosquittoBroker(_Child):
    """Mosquitto with a store on disk, so that sessions and queued messages outlive it."""

    name = "mosquitto"

    def _popen(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        config = self._folder / "mosquitto.conf"
        text = _MOSQUITTO.format(
            port=self._port,
            host=LOOPBACK,
            queued=_QUEUED_BYTES_MAX,
            payload=_PAYLOAD_BYTES_MAX,
            folder=self._folder,
            log=self._log,
        )
        if os.geteuid() == 0:
            text += "user root\n"  # else it would give up the rights it needs for its own store
        config.write_text(text)
        command = [find_mosquitto() or "mosquitto", "-c", str(config)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603 - our own words

    def _launch(self) -> None:
        """A store that it cannot read makes it end: that is moved away, kept for people, and it starts again."""
        code = self._spawn()
        store = self._folder / "mosquitto.db"
        if code is None:
            return
        if store.exists():
            with suppress(OSError):
                store.replace(store.with_suffix(f".broken-{time.time_ns()}"))
            code = self._spawn()
        if code is not None:
            raise BrokerError(f"mosquitto ended with code {code} while starting; see {self._log}")


class IotCoreBroker(_Child):
    """rumqttd out of the iotcore package. It keeps nothing on disk: what it holds is lost with it."""

    name = "iotcore"

    def _popen(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        config = self._folder / "iotcore.toml"
        config.write_text(_IOTCORE.format(port=self._port, host=LOOPBACK, payload=_PAYLOAD_BYTES_MAX))
        command = [sys.executable, "-c", _IOTCORE_CHILD, str(config)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603 - our own words

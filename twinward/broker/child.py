"""Broker as a supervised child process: start, watch, restart after an unexpected end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import IO

from twinward.errors import TwinwardError

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
PAYLOAD_BYTES_MAX = 1_048_576
_START_S = 60.0
"""Reading a store with a million messages takes 2 s; a slow disk takes longer."""

_STOP_S = 5.0
_WATCH_S = 0.25
_RETRY_S = 1.0


class BrokerError(TwinwardError):
    """No broker could be started; the message has the reason."""


def listens(port: int, *, timeout_s: float = 0.5) -> bool:
    """Return True if a program accepts connections on the loopback port."""
    with socket.socket() as sock:
        sock.settimeout(timeout_s)
        return sock.connect_ex((LOOPBACK, port)) == 0


class Child(ABC):
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
        """Start the broker and wait until it listens. Raises BrokerError, also if another program uses the port.

        A broker of this folder that a killed service left behind is stopped first.
        """
        if self.alive():
            return
        self.stop()
        self._end_orphan()
        self._up()
        self._ended.clear()
        self._watcher = threading.Thread(target=self._watch, name="broker", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop the broker, with SIGKILL after some seconds; may be called twice."""
        self._ended.set()
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.join()
        self._end()

    def alive(self) -> bool:
        """Return True while its process runs."""
        return self._process is not None and self._process.poll() is None

    def _up(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._launch()
        except OSError as error:
            raise BrokerError(f"{self.name} cannot be started: {error}") from error

    def _watch(self) -> None:
        """Restart the broker after an unexpected end."""
        reported = ""
        while not self._ended.wait(_WATCH_S):
            if self.alive():
                self._tend()
                continue
            if not reported:
                log.warning("the embedded broker %s ended unexpectedly; restarting it", self.name)
            try:
                self._up()
                reported = ""
            except BrokerError as error:
                if str(error) != reported:  # once per cause
                    log.error("%s; retrying", error)  # noqa: TRY400 - one clear line
                reported = str(error)
                self._ended.wait(_RETRY_S)

    def _tend(self) -> None:  # noqa: B027 - most brokers need no more
        """Do periodic work beside the running broker; called a few times a second."""

    def _end_orphan(self) -> None:
        """Stop the broker that a killed service left in this folder, if it still runs."""
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
        """Return True if a process of this id runs in this folder; False without information of the system."""
        try:
            return os.fsencode(self._folder) + b"/" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        for _ in range(2):
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
            else:
                return
        log.error("the embedded broker %s does not end (process %d)", self.name, process.pid)

    def _launch(self) -> None:
        code = self._spawn()
        if code is not None:
            raise BrokerError(f"{self.name} ended with code {code} while starting; see {self._log}")

    def _spawn(self) -> int | None:
        """Return None once it listens, or its exit code. Raises BrokerError if another program uses the port."""
        if not self._port_free():
            raise BrokerError(f"port {self._port} on {LOOPBACK} is taken by another program; choose another MQTT port")
        with self._log.open("ab") as output:
            self._process = self._popen(output)
        self._note_pid(self._process.pid)
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

    def _port_free(self) -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return _binds(probe, self._port)

    def _note_pid(self, pid: int) -> None:
        """Write the file atomically: a reader finds the old or the new content."""
        fresh = self._pid.with_suffix(".pid.new")
        with suppress(OSError):  # a full disk: the broker runs without the file
            fresh.write_text(str(pid))
            fresh.replace(self._pid)

    @abstractmethod
    def _popen(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Write the configuration and start the process."""


def start_child(command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program in its own process group: an interrupt at the terminal reaches only the service."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0)  # noqa: S603 - the arguments are constants and own paths


def _binds(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind((LOOPBACK, port))
    except OSError:
        return False
    return True

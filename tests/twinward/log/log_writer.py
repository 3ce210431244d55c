"""Append to a telemetry log, a file or a server, until killed; print each durable position."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from ingest import COLUMNS, Count, Counts, MessageKeys, Sealed, from_columns
from twinward.log import TelemetryLog
from twinward.log.server import ServerLog

place: Path | ServerLog = Path(sys.argv[1])
if len(sys.argv) > 2 and sys.argv[1].startswith("nats://"):
    from twinward.log.jetstream.owner import SoleOwner

    place = ServerLog(sys.argv[1], "telemetry", "ingest", SoleOwner("node-a"), Path(sys.argv[2]))
elif len(sys.argv) > 2:
    from twinward.log.owners import Owner

    owner = Owner(sys.argv[1], "node-a")
    assert owner.claim(["ingest"])
    place = ServerLog(sys.argv[1], "telemetry", "ingest", owner, Path(sys.argv[2]))
log = TelemetryLog(place, clock=time.time_ns)
while True:
    number = log.head() + 1
    rows = 1 + number % 200
    columns = {name: np.full(rows, number % 100, dtype) for name, dtype in COLUMNS}
    facts = [MessageKeys([number]), Counts({Count("s", "native", "stored"): rows})]
    sealed = Sealed(from_columns(columns), facts)
    sys.stdout.write(f"{log.append(sealed)}\n")
    sys.stdout.flush()

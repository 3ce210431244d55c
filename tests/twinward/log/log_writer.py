"""Append to a telemetry log until killed; print each position once durable."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from ingest import COLUMNS, Count, Counts, MessageKeys, Sealed, from_columns
from twinward.log import TelemetryLog

log = TelemetryLog(Path(sys.argv[1]), clock=time.time_ns)
while True:
    number = log.head() + 1
    rows = 1 + number % 200
    columns = {name: np.full(rows, number % 100, dtype) for name, dtype in COLUMNS}
    facts = [MessageKeys([number]), Counts({Count("s", "native", "stored"): rows})]
    sealed = Sealed(from_columns(columns), facts)
    sys.stdout.write(f"{log.append(sealed)}\n")
    sys.stdout.flush()

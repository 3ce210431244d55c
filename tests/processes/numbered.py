"""A process that sends numbered readings, and the numbers that the broker has acknowledged."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
SITE = "rel"
ROOT = Path(__file__).resolve().parents[2]
SENDER = ROOT / "tests/reliability/sender.py"


class Sender:
    """A process that sends numbered readings at QoS 1 and records the acknowledged numbers."""

    def __init__(self, url: str, folder: Path, **plan: Any) -> None:
        self.count, self.sensors = int(plan["count"]), int(plan["sensors"])
        self._receipts = folder / f"acked-{time.monotonic_ns()}"
        command = [sys.executable, str(SENDER), url, str(self._receipts), json.dumps({"site": SITE} | plan)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def acked(self) -> Numbers:
        """Return the numbers that the broker has acknowledged so far."""
        if not self._receipts.exists():
            return np.empty(0, np.int64)
        data = self._receipts.read_bytes()
        return np.frombuffer(data[: len(data) // 8 * 8], np.int64)

    def running(self) -> bool:
        """Return whether the process still runs."""
        return self.process.poll() is None

    def end_early(self) -> None:
        """Request an early end; `finish` then sets `count`."""
        self.count = 0
        self.process.terminate()

    def finish(self, timeout_s: float = 120) -> dict[str, int]:
        """Wait for the end; return the counts. Fails the test if a reading was not acknowledged."""
        out, _ = self.process.communicate(timeout=timeout_s)
        counts: dict[str, int] = json.loads(out)
        self.count = self.count or counts["sent"]
        assert (counts["refused"], counts["lost"]) == (0, 0)
        assert np.array_equal(np.sort(self.acked()), np.arange(self.count))
        return counts

    def close(self) -> None:
        """Kill the process if it still runs."""
        if self.running():
            self.process.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process.wait(10)

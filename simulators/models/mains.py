"""The fire panel and a metered socket on a quiet day."""

from __future__ import annotations

import numpy as np

from simulators.campus.fleet import Rows, Samples

MAINS_V = 228.0


def panel(rows: Rows) -> Samples:
    """Return the state of the panel: no zone isolated, no fault."""
    return rows.frames({"isolated": np.zeros(len(rows)), "fault": np.zeros(len(rows))})


def socket(rows: Rows) -> Samples:
    """Return current (A) and power (W) of a stairwell socket with one exit lamp."""
    (ripple,) = rows.normals(1, stream=1)
    current = np.clip(0.02 + 0.003 * ripple, 0, None).round(3)
    return rows.frames({"current": current, "power": (current * MAINS_V).round(1)})

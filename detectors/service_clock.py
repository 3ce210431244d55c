"""Service clock for ordinary readings, shifted by the backlog of the intake spool.

Urgent entries of the log contain the service readings `tick` (every 0.5 to 5 s) and, while ordinary messages wait in
the spool, `backlog`: the age of the oldest waiting message in seconds. Urgent readings pass the waiting messages.
Without a shift, their event time would run out the timers of sensors whose messages still wait.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest import METRIC_BY_NAME, TelemetryBatch

TICK, BACKLOG = (METRIC_BY_NAME[name].code for name in ("tick", "backlog"))
SECOND_NS = 1_000_000_000


class ServiceClock:
    """Shifts urgent readings back by the backlog, to the event time of the ordinary readings beside them.

    lag_ns: the backlog after the last aligned batch, the only state.
    """

    def __init__(self) -> None:
        self.lag_ns = 0

    def align(self, batch: TelemetryBatch) -> TelemetryBatch:
        """Return an urgent batch with event and arrival times shifted back; called in log order, one entry at a time.

        A row gets the last `backlog` before it. A `tick` gets the larger of that and the `backlog` written with it:
        after a downtime, the clock must not pass messages that waited meanwhile.
        """
        marks = np.flatnonzero(batch.metric == BACKLOG)
        if not self.lag_ns and not len(marks):
            return batch
        lags = np.concatenate([[self.lag_ns], (batch.value[marks] * SECOND_NS).astype(np.int64)])
        self.lag_ns = int(lags[-1])
        shift = lags[np.searchsorted(marks, np.arange(len(batch)), side="right")]
        ticked = np.flatnonzero(batch.metric == TICK)
        following = np.searchsorted(marks, ticked) + 1
        paired = following < len(lags)
        paired[:-1] &= following[:-1] < following[1:]
        shift[ticked[paired]] = np.maximum(shift[ticked[paired]], lags[following[paired]])
        return replace(batch, time_ns=batch.time_ns - shift, arrival_ns=batch.arrival_ns - shift)


def ticks(batch: TelemetryBatch) -> TelemetryBatch:
    """Return the clock readings of a batch."""
    return batch.select(np.flatnonzero(batch.metric == TICK))

"""Cache of decoded batches: several stages read the same log entries one after the other."""

from __future__ import annotations

import threading
from contextlib import suppress

from cachetools import FIFOCache

from ingest import TelemetryBatch
from ingest.block import decode

from .entries import Stored

ROWS_MAX = 500_000


class Recent:
    """Decodes blocks and caches the batches of the last `rows_max` rows, at 31 bytes each. Thread-safe."""

    def __init__(self, *, rows_max: int = ROWS_MAX) -> None:
        self._batches: FIFOCache[bytes, TelemetryBatch] = FIFOCache(rows_max, getsizeof=len)
        self._lock = threading.Lock()
        self.hits_total = self.decoded_total = 0

    def batch(self, stored: Stored) -> TelemetryBatch:
        """Return the batch of an entry, read-only. The digest is the cache key. Raises BlockError when damaged."""
        with self._lock:
            known = self._batches.get(stored.digest)
            if known is not None:
                self.hits_total += 1
                return known
        batch = decode(stored.block)
        with self._lock:
            self.decoded_total += 1
            if stored.digest not in self._batches:
                with suppress(ValueError):  # a batch beyond the bound is not cached
                    self._batches[stored.digest] = batch
        return batch

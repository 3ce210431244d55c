"""Readings of the service itself: ticks, awaited sensors, sequence gaps, floods, foreign messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ingest.catalog import SERVICE_SITE, Catalog
from ingest.decode.native import NativeDecoder
from ingest.devices.accounting import Accounts, Source
from ingest.devices.gaps import Gaps
from ingest.devices.ledger import Ledger, distinct
from ingest.devices.sequence import SequenceNumbers
from ingest.vocabulary import METRIC_BY_NAME

from .batch import OpenBatch
from .floods import Names, Rates, SelfReading
from .foreign import ForeignMessages
from .seal import Sources
from .settings import IntakeSettings

_TICK, _AWAITED, _DATA_GAP, _MESSAGE_RATE, _NEW_NAMES, _FOREIGN, _WATCHDOG = (
    METRIC_BY_NAME[name].code
    for name in ("tick", "awaited", "data_gap", "message_rate", "new_names", "foreign_messages", "watchdog")
)
WATCHDOG = "watchdog"
"""Name of the synthetic smoke head."""
_ALARM_NS = 1_000_000
"""Duration of its alarm."""
ENROLLED_MAX = 5_000
"""Declared sensors without a message that get their code at a tick."""


class SelfReadings:
    """Counts messages of the intake and writes readings about them on request. One thread owns it."""

    def __init__(
        self,
        catalog: Catalog,
        accounts: Accounts,
        ledger: Ledger,
        *,
        settings: IntakeSettings,
        gaps: Gaps,
        code_of: Callable[[bytes], int],
    ) -> None:
        """gaps: those of the hot path; code_of: returns the sensor of a native topic, -1 for none."""
        self._catalog, self._accounts = catalog, accounts
        self.numbers = SequenceNumbers(gaps, ledger, code_of)
        self.rates = Rates(ledger, rate_max=settings.message_rate_max)
        self.foreign = ForeignMessages(catalog)
        self._names = Names(catalog, ledger, names_max=settings.new_names_max)

    def count(self, batch: OpenBatch) -> None:
        """Record the sequence numbers and messages of a closed batch."""
        codes, objects = distinct(np.array(batch.sensor, np.int32))
        self.rates.count(batch, codes, objects)
        self.numbers.record(codes)

    def write(self, batch: OpenBatch, now_ns: int) -> None:
        """Write the tick, which advances event time while all sensors are offline, awaited sensors, gaps and floods."""
        clock = self._catalog.code(SERVICE_SITE, "clock", "device")
        batch.put(clock, _TICK, 1.0, time_ns=now_ns, source=Sources.SERVICE)
        for code in self._catalog.enrol(ENROLLED_MAX):
            batch.put(code, _AWAITED, 1.0, time_ns=now_ns, source=Sources.SERVICE)
        for found, metric, notice, at_ns in self._found(now_ns):
            source = Source(self._catalog[found.sensor].site, NativeDecoder.name)
            self._accounts.add(source, "notice", rows=found.rows, reason=notice, device=found.sensor)
            if found.value is not None:
                batch.put(found.sensor, metric, found.value, time_ns=at_ns, source=Sources.SERVICE)

    def write_watchdog(self, batch: OpenBatch, now_ns: int) -> None:
        """Write an alarm of the synthetic smoke head, and its end."""
        head = self._catalog.code(SERVICE_SITE, WATCHDOG, "smoke")
        batch.put(head, _WATCHDOG, 1.0, time_ns=now_ns - _ALARM_NS, source=Sources.SERVICE)
        batch.put(head, _WATCHDOG, 0.0, time_ns=now_ns, source=Sources.SERVICE)

    def _found(self, now_ns: int) -> Iterator[tuple[SelfReading, int, str, int]]:
        """Yield readings with metric, notice and time."""
        for code, gap in self.numbers.due(now_ns):
            yield SelfReading(code, float(gap.messages), gap.messages), _DATA_GAP, "data_gap", gap.since_ns
        for found in self.rates.due(now_ns):
            yield found, _MESSAGE_RATE, "excess", now_ns
        for found in self._names.due(now_ns):
            yield found, _NEW_NAMES, "new_names", now_ns
        for found in self.foreign.due(now_ns):
            yield found, _FOREIGN, "foreign", now_ns

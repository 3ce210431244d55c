"""What the service says itself, as readings like any other: its clock, what is missing, what floods."""

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
from .floods import Names, Rates, Told
from .seal import Sources
from .settings import IntakeSettings

_TICK, _DATA_GAP, _MESSAGE_RATE, _NEW_NAMES = (
    METRIC_BY_NAME[name].code for name in ("tick", "data_gap", "message_rate", "new_names")
)


class SelfReadings:
    """Watches what the intake takes, and speaks when it is asked to. One thread owns it."""

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
        """gaps: what the hot path follows; code_of: the sensor of a native topic, -1 where there is none."""
        self._catalog, self._accounts = catalog, accounts
        self.numbers = SequenceNumbers(gaps, ledger, code_of)
        self.rates = Rates(ledger, rate_max=settings.message_rate_max)
        self._names = Names(catalog, ledger, names_max=settings.new_names_max)

    def count(self, batch: OpenBatch) -> None:
        """The batch is closed: its sensors' running numbers and messages are noted."""
        codes, objects = distinct(np.array(batch.sensor, np.int32))
        self.rates.count(batch, codes, objects)
        self.numbers.book(codes)

    def speak(self, batch: OpenBatch, now_ns: int) -> None:
        """Write the clock reading, so that event time goes on while every sensor is silent, and whatever there is."""
        clock = self._catalog.code(SERVICE_SITE, "clock", "device")
        batch.put(clock, _TICK, 1.0, time_ns=now_ns, source=Sources.SERVICE)
        for told, metric, notice, at_ns in self._found(now_ns):
            source = Source(self._catalog[told.sensor].site, NativeDecoder.name)
            self._accounts.add(source, "notice", rows=told.rows, reason=notice, device=told.sensor)
            if told.value is not None:
                batch.put(told.sensor, metric, told.value, time_ns=at_ns, source=Sources.SERVICE)

    def _found(self, now_ns: int) -> Iterator[tuple[Told, int, str, int]]:
        """What there is to say: as which metric, under which notice, at which time."""
        for code, gap in self.numbers.due(now_ns):
            yield Told(code, float(gap.messages), gap.messages), _DATA_GAP, "data_gap", gap.since_ns
        for told in self.rates.due(now_ns):
            yield told, _MESSAGE_RATE, "excess", now_ns
        for told in self._names.due(now_ns):
            yield told, _NEW_NAMES, "new_names", now_ns

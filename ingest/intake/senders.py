"""Sensors of a message and of its parts, for the accounts by device."""

from __future__ import annotations

from collections import Counter

from ingest.catalog import Catalog
from ingest.decode.contract import Decoded, Reading
from ingest.decode.native import NativeDecoder
from ingest.devices.accounting import NO_DEVICE, Source
from ingest.devices.unread import UNREAD
from ingest.errors import CatalogFull

from .validate import ill_formed


class Senders:
    """Finds sensors by topic and by name; NO_DEVICE for none, or for one without a code."""

    def __init__(self, catalog: Catalog, native: NativeDecoder) -> None:
        self._catalog, self._native = catalog, native

    def of_topic(self, topic: bytes) -> int:
        """Return the sensor of a native topic (UTF-8)."""
        address = self._native.locate(topic.decode())
        sensor = None if address is None else self._catalog.find(address.site, address.sensor)
        return NO_DEVICE if sensor is None else sensor.code

    def named(self, source: Source, sensor: str) -> int:
        """Return the sensor of that name."""
        known = self._catalog.find(source.site, sensor)
        return NO_DEVICE if known is None else known.code

    def of_message(self, topic: bytes, decoded: Decoded, source: Source) -> int:
        """Return the only sensor of a message; NO_DEVICE when it has several."""
        if source.format == self._native.name:
            return self.of_topic(topic)
        names = {reading.sensor for reading in decoded.readings}
        return self.named(source, names.pop()) if len(names) == 1 else NO_DEVICE

    def admit(self, source: Source, decoded: Decoded, *, now_ns: int) -> int:
        """Return the device of a message without a reading of its own, in the catalogue from now on.

        NO_DEVICE where the message names none, or at a bound of the catalogue. A declared sensor has not reported yet.
        """
        name = decoded.device or next((one.device or one.sensor for one in decoded.readings), "")
        if not name or ill_formed(Reading(name, "device", UNREAD, 0.0, "")):
            return NO_DEVICE
        known = self._catalog.find(source.site, name)
        try:
            return self._catalog.code(
                source.site, name, "device", wire=source.format, now_ns=now_ns if known is None else 0
            )
        except CatalogFull:
            return NO_DEVICE

    def shares(self, topic: bytes, decoded: Decoded, source: Source) -> dict[int, int]:
        """Return the number of rows of a message by sensor, rejected ones included."""
        whose = self.of_message(topic, decoded, source)
        shares = Counter({whose: sum(reject.rows for reject in decoded.rejects)})
        shares.update(
            self.named(source, reading.sensor) if whose == NO_DEVICE else whose for reading in decoded.readings
        )
        return +shares

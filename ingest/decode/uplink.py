"""Uplinks of LoRaWAN devices: fields of the codec as one message, with faults that end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingest.vocabulary import Quality

from .contract import Decoded, Reading
from .document import gathered
from .lorawan import LorawanTable
from .lorawan_rows import marked
from .names import unmarked
from .throttle import FLAGS, Throttle
from .times import read_time

_FAULTS_MAX = 100_000


def no_codec(device: str, unread: Sequence[str]) -> Decoded:
    """Return the result for an uplink whose network server has no codec, or a failed one."""
    return Decoded(ignored="no_codec", notices=(f"no_codec: {device}",), unread=unread, device=device)


def gateway_ns(received: object, keys: Sequence[str], now_ns: int) -> int | None:
    """Return the first of these times at the first gateway of a message; None without a gateway clock."""
    first = received[0] if isinstance(received, list) and received else None
    if not isinstance(first, dict):
        return None
    times = (read_time(first.get(key), now_ns=now_ns).time_ns for key in keys)
    return next((time_ns for time_ns in times if time_ns is not None), None)


class Uplinks:
    """Reads uplinks by the table. Its state: reported flags of each device, and metrics without a measurement.

    Both are bounded; the least recent device is dropped first.
    """

    def __init__(self, table: LorawanTable) -> None:
        self._table = table
        self._throttle = Throttle(FLAGS)
        self._faulty: OrderedDict[tuple[str, str], None] = OrderedDict()

    def read(
        self,
        names: Sequence[Any],
        fields: Mapping[str, Any],
        stamp: Reading,
        *,
        now_ns: int,
        more: Sequence[Reading] = (),
        simulated: bool = False,
    ) -> Decoded:
        """Return the message of a device. names: of its model; more: readings of the network server."""
        meaning = self._table.read(names, fields, stamp)
        readings = [*meaning.readings, *more]
        if simulated:
            readings = [marked(reading, Quality.TEST) for reading in readings]
        ends = self._ends_of_faults(meaning.faulty, readings)
        return replace(
            gathered(
                [*ends, *self._throttle.thin(stamp.sensor, readings, now_ns)],
                meaning.rejects,
                notices=meaning.notices,
                unread=meaning.unread,
            ),
            device=stamp.sensor,
        )

    def _ends_of_faults(self, faulty: Sequence[tuple[str, str]], readings: Sequence[Reading]) -> list[Reading]:
        """Return the end of each fault whose metric has a value again; faulty: metrics without one now."""
        ended: dict[str, Reading] = {}
        for reading in readings:
            key = reading.sensor, unmarked(reading.metric)
            if reading.quality == Quality.GOOD and key in self._faulty:
                del self._faulty[key]
                ended[reading.sensor] = replace(reading, kind="device", metric="fault", value=0.0, unit="bool", dims={})
        self._faulty.update(dict.fromkeys(faulty))
        while len(self._faulty) > _FAULTS_MAX:
            self._faulty.popitem(last=False)
        active = {sensor for sensor, _ in self._faulty} if ended else set()
        return [end for sensor, end in ended.items() if sensor not in active]

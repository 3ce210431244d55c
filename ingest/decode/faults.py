"""Device faults of sensors that report no value; the next value clears the fault."""

from __future__ import annotations

from collections import OrderedDict

from .contract import Decoded, Reading

_FAULTY_MAX = 10_000
UNTIL_VALUE = {"until": "value"}
"""Label of a fault that the next value of the sensor ends, also after a restart of the service."""


class Faults:
    """Sensors with an active device fault; bounded, the oldest faults are dropped first."""

    def __init__(self) -> None:
        self._faulty: OrderedDict[str, None] = OrderedDict()

    def fault(self, sensor: str) -> Decoded:
        """Return the result for a message without a value: a fault and no reading of the metric."""
        return Decoded(readings=(self.begin(sensor),), notices=(f"sensor_fault: {sensor}",))

    def begin(self, sensor: str) -> Reading:
        """Return the fault reading of a sensor without a value."""
        self._faulty[sensor] = None
        if len(self._faulty) > _FAULTY_MAX:
            self._faulty.popitem(last=False)
        return Reading(sensor, "device", "fault", 1.0, "bool", dims=UNTIL_VALUE)

    def end(self, sensor: str) -> None:
        """End an active fault that the device itself reports as ended."""
        self._faulty.pop(sensor, None)

    def over(self, reading: Reading) -> list[Reading]:
        """Return the reading, preceded by the end of an active fault."""
        ended = self.ended(reading.sensor, time_ns=reading.time_ns)
        return [reading] if ended is None else [ended, reading]

    def ended(self, sensor: str, *, time_ns: int | None = None) -> Reading | None:
        """Return the end of a sensor's active fault; None without one."""
        if sensor not in self._faulty:
            return None
        del self._faulty[sensor]
        return Reading(sensor, "device", "fault", 0.0, "bool", time_ns=time_ns)

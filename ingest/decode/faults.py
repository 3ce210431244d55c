"""Sensors that say they cannot measure: a device fault, and its end with the next value."""

from __future__ import annotations

from collections import OrderedDict

from .contract import Decoded, Reading

_FAULTY_MAX = 10_000


class Faults:
    """Which sensors last said that they cannot measure; bounded, the longest faulty are forgotten first."""

    def __init__(self) -> None:
        self._faulty: OrderedDict[str, None] = OrderedDict()

    def told(self, sensor: str, *, time_ns: int | None = None) -> Decoded:
        """The meaning of a message in which the sensor has no value: a fault, and no value made up."""
        return Decoded(readings=(self.begin(sensor, time_ns=time_ns),), notices=(f"sensor_fault: {sensor}",))

    def begin(self, sensor: str, *, time_ns: int | None = None) -> Reading:
        """The fault of a sensor that has no value."""
        self._faulty[sensor] = None
        if len(self._faulty) > _FAULTY_MAX:
            self._faulty.popitem(last=False)
        return Reading(sensor, "device", "fault", 1.0, "bool", time_ns=time_ns)

    def over(self, reading: Reading) -> list[Reading]:
        """A good value, and before it the end of the fault where there was one."""
        if reading.sensor not in self._faulty:
            return [reading]
        del self._faulty[reading.sensor]
        return [Reading(reading.sensor, "device", "fault", 0.0, "bool", time_ns=reading.time_ns), reading]

"""Channels of devices for rules over several of them: numbers, groups and state."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import StateError
from detectors.kernels.channels import CHANNELS, COLUMNS, DEVICE, FRESH, GROUP_WIDTH, OWN, WIDTH
from detectors.series.columns import Columns
from detectors.series.views import Fleet

from .keys import KeyTable, sensor_and_metric, series_keys

PART = "/"
"""Separates a device from its probe in a sensor's id."""


class Channels:
    """State of each channel, a pair of sensor and metric, and of the groups of its sensor and of its device."""

    def __init__(self) -> None:
        self._keys = Columns({"key": (np.int64, 1, -1)})
        self._state = Columns({"ints": (np.int64, WIDTH, 0), "floats": (np.float64, COLUMNS, 0.0)})
        self._groups = Columns({"group": (np.int64, GROUP_WIDTH, 0)})
        self._numbers: dict[str, int] = {}
        self._table = KeyTable(self._keys)

    @property
    def count(self) -> int:
        """Number of channels."""
        return self._table.count

    def numbers(self, sensors: NDArray[np.int32], metrics: NDArray[np.int16], fleet: Fleet) -> NDArray[np.int32]:
        """Return the number of each channel; new ones get the next."""
        known = self.count
        numbers = self._table.numbers(series_keys(sensors, metrics))
        self._state.grow(self.count)
        for channel in range(known, self.count):
            self._begin(channel, fleet)
        return numbers

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Return integers and floats of the channels, and the groups, for the kernel."""
        return self._state["ints"], self._state["floats"], self._groups["group"]

    def names(self, channel: int) -> tuple[int, int]:
        """Return the codes of the channel's sensor and metric."""
        return sensor_and_metric(int(self._keys["key"][channel]))

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {
            "keys": self._keys.dump(self.count),
            "state": self._state.dump(self.count),
            "groups": self._groups.dump(len(self._numbers)),
            "names": list(self._numbers),
        }

    def load(self, state: Any) -> None:
        """Restore the state of a snapshot. Raises StateError if its parts do not fit each other."""
        self._keys.load(state["keys"])
        self._state.load(state["state"])
        self._groups.load(state["groups"])
        self._numbers = {str(name): number for number, name in enumerate(state["names"])}
        if self._keys.size != self._state.size or len(self._numbers) != self._groups.size:
            raise StateError("snapshot: channels do not fit their groups")
        self._table.reload()

    def _begin(self, channel: int, fleet: Fleet) -> None:
        """Set a new channel and its groups."""
        sensor = fleet[self.names(channel)[0]]
        ints = self._state["ints"]
        ints[channel] = FRESH
        above = sensor.id.rpartition(PART)[0] or sensor.id
        for column, kind, name in ((OWN, "sensor", sensor.id), (DEVICE, "device", above)):
            number = self._numbers.setdefault(f"{kind} {sensor.site} {name}", len(self._numbers))
            self._groups.grow(len(self._numbers))
            self._groups["group"][number, CHANNELS] += 1
            ints[channel, column] = number

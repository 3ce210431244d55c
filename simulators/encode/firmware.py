"""Base of firmwares with one topic per device and a last will."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Message
from simulators.encode.rows import Row, in_order


class Firmware(ABC):
    """One message a row, built by `message`; a retained availability topic.

    models: models with such a device. The device's id is the identity on the wire. Drills have no mark in these formats
    and are not sent.
    """

    models: Collection[str] = ()
    will = ("", b"", b"")
    """Topic with {} for the device, and the words for up and down."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def carries(self, device: Device) -> bool:
        """Return whether the format covers this model."""
        return device.model in self.models

    def identity(self, device: Device, metric: str) -> str:
        """Return the device's id."""
        del metric
        return device.id

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the online message of each device."""
        return [self._will(index, at_ms, self.will[1]) for index in devices]

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the last will of each device."""
        return [self._will(index, at_ms, self.will[2]) for index in devices]

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return the message of each row that has one."""
        rows = (row for row in in_order(parts) if not row.is_test)
        return [found for row in rows if (found := self.message(row, self._fleet.devices[row.device]))]

    @abstractmethod
    def message(self, row: Row, device: Device) -> Message | None:
        """Return the device's message for a row; None when the format carries none of its values."""

    def _will(self, index: int, at_ms: int, word: bytes) -> Message:
        return Message(at_ms, self.will[0].format(self._fleet.devices[index].id), word, retain=True)

"""Devices with a topic of their own and a last will: what their firmwares have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Message
from simulators.encode.rows import Row, in_order


class Firmware(ABC):
    """One message a row, made by `message`; an availability topic that says up and down, retained.

    models: those that have such a device. The device's id is the identity on the wire. Drills have no mark in these
    formats and are not sent.
    """

    models: Collection[str] = ()
    will = ("", b"", b"")
    """Topic with {} for the device, and the words for up and down."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def carries(self, device: Device) -> bool:
        """Whether there is such a device of this model."""
        return device.model in self.models

    def identity(self, device: Device, metric: str) -> str:
        """The device's id."""
        del metric
        return device.id

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """The word for up."""
        return [self._will(index, at_ms, self.will[1]) for index in devices]

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """The last will."""
        return [self._will(index, at_ms, self.will[2]) for index in devices]

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """The message of each row that has one."""
        rows = (row for row in in_order(parts) if not row.is_test)
        return [found for row in rows if (found := self.message(row, self._fleet.devices[row.device]))]

    @abstractmethod
    def message(self, row: Row, device: Device) -> Message | None:
        """What the device sends for a row; None when it has no word for any of it."""

    def _will(self, index: int, at_ms: int, word: bytes) -> Message:
        return Message(at_ms, self.will[0].format(self._fleet.devices[index].id), word, retain=True)

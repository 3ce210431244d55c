"""Several formats on one campus: each device uses one of them, native where none carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import merge

import numpy as np
from numpy.typing import NDArray

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Encoder, Message
from simulators.encode.native import Native

Maker = Callable[[Fleet], Encoder]


class Mixed:
    """Passes each device's messages to its encoder.

    choices: model -> formats among which its devices are divided by their keys; native for a missing model or a device
    that the encoder does not carry. Announcements come from the encoders of the affected devices.
    """

    def __init__(
        self, fleet: Fleet, makers: Mapping[str, Maker], choices: Mapping[str, Sequence[str]], *, name: str = "all"
    ) -> None:
        self.name = name
        self._fleet = fleet
        self._encoders: list[Encoder] = [make(fleet) for make in makers.values()]
        self._encoders.append(Native(fleet))
        self._codes = _codes(fleet, self._encoders, list(makers), choices)

    def carries(self, device: Device) -> bool:
        """Return True: every device has a format."""
        del device
        return True

    def identity(self, device: Device, metric: str) -> str:
        """Return the identity in the device's format."""
        return self._encoders[int(self._codes[self._fleet.index_of(device)])].identity(device, metric)

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return each encoder's announcements of its devices."""
        return [
            message
            for encoder, mine in zip(self._encoders, self._divided(devices), strict=True)
            if mine
            for message in encoder.begin(mine, at_ms)
        ]

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return each encoder's messages for the loss of its devices."""
        return [
            message
            for encoder, mine in zip(self._encoders, self._divided(devices), strict=True)
            if mine
            for message in encoder.lose(mine, at_ms)
        ]

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return every encoder's messages, merged in order of sending."""
        encoded = []
        for code, encoder in enumerate(self._encoders):
            mine = [part.keep(self._codes[part.device] == code) for part in parts]
            encoded.append(encoder.encode([part for part in mine if len(part)]))
        filled = [messages for messages in encoded if messages]
        return filled[0] if len(filled) == 1 else list(merge(*filled, key=lambda message: message.time_ms))

    def _divided(self, devices: Sequence[int]) -> list[list[int]]:
        indexes = np.fromiter(devices, np.int64, len(devices))
        codes = self._codes[indexes]
        return [indexes[codes == code].tolist() for code in range(len(self._encoders))]


def alone(name: str, make: Maker) -> Maker:
    """Return a maker of encoders for whole fleets: one format for the devices it carries, native for the others."""

    def made(fleet: Fleet) -> Mixed:
        choices = {device.model: (name,) for device in fleet.drawn}
        return Mixed(fleet, {name: make}, choices, name=name)

    return made


def _codes(
    fleet: Fleet, encoders: Sequence[Encoder], names: Sequence[str], choices: Mapping[str, Sequence[str]]
) -> NDArray[np.int8]:
    """Return each device's index in `encoders`; the last is native."""
    native = len(encoders) - 1
    codes = np.full((len(fleet.sites), len(fleet.drawn)), native, np.int8)
    keys = fleet.keys.reshape(codes.shape)
    for place, device in enumerate(fleet.drawn):
        formats = [names.index(name) if name in names else native for name in choices.get(device.model, ())]
        able = [code for code in formats if encoders[code].carries(device)]
        if able:
            chosen = (keys[:, place] >> np.uint64(17)) % np.uint64(len(able))
            codes[:, place] = np.array(able, np.int8)[chosen.astype(np.intp)]
    return codes.ravel()

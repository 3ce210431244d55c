"""Several formats on one campus: each device speaks one of them, native where none carries it."""

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
    """Hands each device's messages to its encoder.

    choices: model -> the formats among which its devices are divided by their keys, native where a model is missing or
    an encoder does not carry the device. Announcements come from the encoders of the devices concerned.
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
        """Every device, in one format or another."""
        del device
        return True

    def identity(self, device: Device, metric: str) -> str:
        """As the device's own format has it."""
        return self._encoders[int(self._codes[self._fleet.index_of(device)])].identity(device, metric)

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Each encoder's announcements of its devices."""
        return [
            message
            for encoder, mine in zip(self._encoders, self._divided(devices), strict=True)
            if mine
            for message in encoder.begin(mine, at_ms)
        ]

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Each encoder's words for the loss of its devices."""
        return [
            message
            for encoder, mine in zip(self._encoders, self._divided(devices), strict=True)
            if mine
            for message in encoder.lose(mine, at_ms)
        ]

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Every encoder's messages, joined in order of sending."""
        told = []
        for code, encoder in enumerate(self._encoders):
            mine = [part.keep(self._codes[part.device] == code) for part in parts]
            told.append(encoder.encode([part for part in mine if len(part)]))
        spoken = [messages for messages in told if messages]
        return spoken[0] if len(spoken) == 1 else list(merge(*spoken, key=lambda message: message.time_ms))

    def _divided(self, devices: Sequence[int]) -> list[list[int]]:
        indexes = np.fromiter(devices, np.int64, len(devices))
        codes = self._codes[indexes]
        return [indexes[codes == code].tolist() for code in range(len(self._encoders))]


def alone(name: str, make: Maker) -> Maker:
    """An encoder for whole fleets: one format for the devices that it carries, native for the others."""

    def made(fleet: Fleet) -> Mixed:
        choices = {device.model: (name,) for device in fleet.drawn}
        return Mixed(fleet, {name: make}, choices, name=name)

    return made


def _codes(
    fleet: Fleet, encoders: Sequence[Encoder], names: Sequence[str], choices: Mapping[str, Sequence[str]]
) -> NDArray[np.int8]:
    """Each device's place in `encoders`; the last is native."""
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

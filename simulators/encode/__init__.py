"""The bytes that real devices and bridges send, written from the format documents; shares nothing with the decoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simulators.encode.contract import Message
from simulators.encode.native import batched, native
from simulators.fleet import Fleet, Frames

Encoder = Callable[[Fleet, Sequence[Frames]], list[Message]]
"""Frames of one stretch of time -> messages in order of time."""


def _native(fleet: Fleet, parts: Sequence[Frames]) -> list[Message]:
    return [Message(*row) for row in native(fleet, parts)]


def _batched(fleet: Fleet, parts: Sequence[Frames]) -> list[Message]:
    return [Message(*row) for row in batched(fleet, parts)]


ENCODERS: Mapping[str, Encoder] = {"native": _native, "batched": _batched}

__all__ = ["ENCODERS", "Encoder", "Message"]

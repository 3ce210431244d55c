"""The bytes that real devices and bridges send, written from the format documents; shares nothing with the decoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulators.encode.contract import Encoder, Message
from simulators.encode.native import Batched, Native
from simulators.fleet import Fleet

ENCODERS: Mapping[str, Callable[[Fleet], Encoder]] = {"native": Native, "batched": Batched}

__all__ = ["ENCODERS", "Encoder", "Message"]

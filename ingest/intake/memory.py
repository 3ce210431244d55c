"""State of decoders, device clocks and retained messages that must survive a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Memory:
    """Durable fact: (owner, key) -> value; None removes the key. owner: the name of a format or of a part of ingest."""

    values: Mapping[tuple[str, str], bytes | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.values)

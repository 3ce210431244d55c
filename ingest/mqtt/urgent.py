"""Which topics may carry life safety, told by the topic alone: the native format has the kind in it, others do not."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.decode.native import ROOT, NativeDecoder
from ingest.priority import URGENT_KINDS

_NATIVE = f"{ROOT}/".encode()
_MARKS = tuple(f"/{kind}/".encode() for kind in sorted(URGENT_KINDS))


def is_urgent(topic: bytes) -> bool:
    """Whether a topic names a kind of life safety, as native ones do."""
    return any(mark in topic for mark in _MARKS)


def may_be_urgent(topic: bytes) -> bool:
    """Whether a message with this topic has to be heard so as to miss no alarm: what is native and comfort has not."""
    return not topic.startswith(_NATIVE) or is_urgent(topic)


def all_comfort(topics: Sequence[bytes]) -> bool:
    """Whether `may_be_urgent` holds for none of them: a tenth of a microsecond each, for a flood comes by thousands."""
    lines = b"\n".join((b"", *topics))
    return lines.count(b"\n" + _NATIVE) == len(topics) == lines.count(b"\n") and not is_urgent(lines)


def urgent_filters(subscriptions: Sequence[str]) -> list[str]:
    """Topic filters that leave out of these what `may_be_urgent` leaves out."""
    kept = [each for each in subscriptions if each not in NativeDecoder.subscriptions]
    native = [f"{ROOT}/+/{kind}/+" for kind in sorted(URGENT_KINDS)] if len(kept) < len(subscriptions) else []
    return [*native, *kept]

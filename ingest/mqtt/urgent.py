"""Classifier of topics that may carry life-safety readings; only native topics contain the kind."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.decode.native import ROOT, NativeDecoder
from ingest.priority import URGENT_KINDS

_NATIVE = f"{ROOT}/".encode()
_MARKS = tuple(f"/{kind}/".encode() for kind in sorted(URGENT_KINDS))


def is_urgent(topic: bytes) -> bool:
    """Return whether a topic contains a life-safety kind, as native topics do."""
    return any(mark in topic for mark in _MARKS)


def may_be_urgent(topic: bytes) -> bool:
    """Return whether a message with this topic may carry an alarm: all but native comfort topics."""
    return not topic.startswith(_NATIVE) or is_urgent(topic)


def all_comfort(topics: Sequence[bytes]) -> bool:
    """Return whether `may_be_urgent` is false for all topics; costs 0.1 us each, for floods of thousands."""
    lines = b"\n".join((b"", *topics))
    return lines.count(b"\n" + _NATIVE) == len(topics) == lines.count(b"\n") and not is_urgent(lines)


def urgent_filters(subscriptions: Sequence[str]) -> list[str]:
    """Return these topic filters without the topics that `may_be_urgent` excludes."""
    kept = [each for each in subscriptions if each not in NativeDecoder.subscriptions]
    native = [f"{ROOT}/+/{kind}/+" for kind in sorted(URGENT_KINDS)] if len(kept) < len(subscriptions) else []
    return [*native, *kept]

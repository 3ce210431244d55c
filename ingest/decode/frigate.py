"""Frigate: objects, reviews, sounds, classes and counts of cameras; their availability.

Source: blakeblackshear/frigate, docs/docs/integrations/mqtt.md (version 0.17). The `after` half of an event counts.
Names, plates, sub-labels, descriptions and transcriptions are personal data and never leave this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from .conditions import Conditions
from .contract import Availability, Decoded, Reject
from .document import read_object, refuse
from .frigate_messages import DOCUMENTS, IGNORED, TEXT_MAX, decode_camera, read_status, reason_of_camera

_BASES_MAX = 100
_SUB_LEVELS = 3
_ANNOUNCING = ("events", "reviews")
_ANNOUNCED = re.compile(r"(?!campus/)[^/]+/(?:events|reviews)")


class FrigateDecoder:
    """Decoder of the Frigate NVR. Its state: topic prefixes, and the offline roles (detect, record, audio) of cameras.

    Any topic prefix of one level counts once an event or a review has arrived under it. Cameras of a second recorder
    have its prefix in their name.

    Works badly for: topics that name a camera or a zone (`frigate/front_gate/person` may be either); recognitions and
    triggers, which have no end. Pictures yield media references without a subscription, because of their size.

    >>> decoded = FrigateDecoder().decode("frigate/front_gate/person", b"2", retained=False, now_ns=0)
    >>> decoded.readings[0].metric, decoded.readings[0].value, decoded.readings[0].dims
    ('object_count', 2.0, {'label': 'person'})
    """

    name = "frigate"

    def __init__(self, *, base: str = "frigate") -> None:
        """base: the setting `mqtt.topic_prefix` of the first recorder."""
        self._bases: dict[str, str] = {base: ""}  # topic prefix -> prefix of its cameras
        self._default, self._fresh = base, True  # without a message so far
        self._offline = Conditions()

    @property
    def subscriptions(self) -> Sequence[str]:
        """Topics of the known prefixes, and the topics that announce another one."""
        known = [topic for base in self._bases for topic in _topics(base)]
        return (*known, *(f"+/{word}" for word in _ANNOUNCING))

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore the topic prefixes."""
        for base, prefix in kept:
            self._bases[base] = prefix.decode("utf-8", "replace")
            self._fresh = self._fresh and base != self._default

    def claims(self, topic: str) -> bool:
        """Return True for any topic under a known prefix, and for events and reviews under another one."""
        return self._base_of(topic) is not None or _ANNOUNCED.fullmatch(topic) is not None

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message; the caller decides whether retained readings count."""
        base = self._base_of(topic)
        if base is None:
            return self._learn(topic, payload, now_ns)
        levels, memory = topic.removeprefix(f"{base}/").split("/"), dict[str, bytes | None]()
        if base == self._default and self._fresh:
            self._fresh, self._bases[base] = False, f"{base}/" if len(self._bases) > 1 else ""
            memory[base] = self._bases[base].encode()
        return _named(replace(self._decode(base, levels, payload, now_ns), memory=memory), self._bases[base])

    def _base_of(self, topic: str) -> str | None:
        return next((base for base in self._bases if topic.startswith(f"{base}/")), None)

    def _learn(self, topic: str, payload: bytes, now_ns: int) -> Decoded:
        """Decode an event or a review under an unknown prefix; a valid one makes the prefix known."""
        base, _, word = topic.rpartition("/")
        decoded = self._decode(base, [word], payload, now_ns)
        if not decoded.readings or len(self._bases) >= _BASES_MAX:
            return Decoded(ignored="topic", unread=(word,))
        self._bases[base] = prefix = "" if self._fresh and len(self._bases) == 1 else f"{base}/"
        return _named(replace(decoded, memory={base: prefix.encode()}, subscribe=_topics(base)), prefix)

    def _decode(self, base: str, levels: Sequence[str], payload: bytes, now_ns: int) -> Decoded:
        if reason := IGNORED.get(levels[0]) or reason_of_camera(levels[1:]):
            return Decoded(ignored=reason)
        if not all(levels):
            return refuse(Reject("sensor_name", "a topic with an empty level"))
        if levels == ["available"]:
            online = read_status(payload)
            return online if isinstance(online, Decoded) else Decoded(availability=(Availability(base, online),))
        if len(levels) == 1:
            return self._decode_top(levels[0], payload, now_ns)
        if len(levels) == _SUB_LEVELS and levels[1] == "status":
            return self._decode_role(f"{self._bases.get(base, '')}{levels[0]}", levels[2], payload)
        return decode_camera(levels, payload)

    def _decode_top(self, word: str, payload: bytes, now_ns: int) -> Decoded:
        if word not in DOCUMENTS:
            return Decoded(ignored="topic", unread=(word[:TEXT_MAX],))
        document = read_object(payload)
        return refuse(document) if isinstance(document, Reject) else DOCUMENTS[word](document, now_ns)

    def _decode_role(self, camera: str, role: str, payload: bytes) -> Decoded:
        """Decode the health of one role; a camera is online while none of its roles is offline."""
        online = read_status(payload)
        roles = self._offline.change(camera, role, active=online is False)
        if isinstance(online, Decoded):
            return online
        return Decoded(availability=(Availability(camera, not roles, reason=", ".join(sorted(roles))),))


def _topics(base: str) -> tuple[str, ...]:
    return (
        *(f"{base}/{topic}" for topic in ("available", "events", "reviews", "tracked_object_update", "triggers")),
        *(f"{base}/+/{topic}" for topic in ("+", "+/active", "status/+", "audio/+", "classification/+")),
    )


def _named(decoded: Decoded, prefix: str) -> Decoded:
    """Return the result with the names of a recorder's cameras; the recorder itself has its topic prefix."""
    if not prefix:
        return decoded
    readings = [
        replace(one, sensor=f"{prefix}{one.sensor}", device=one.device and f"{prefix}{one.device}")
        for one in decoded.readings
    ]
    media = decoded.media and replace(decoded.media, sensor=f"{prefix}{decoded.media.sensor}")
    return replace(decoded, readings=readings, media=media)

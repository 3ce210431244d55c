"""Home Assistant discovery: config topics announce the meaning of state topics.

An announcement's topic is `{prefix}/{component}/[{node}/]{object}/config`; the usual prefix is `homeassistant`.

Source: home-assistant.io, MQTT (discovery, availability).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .contract import Availability, Decoded, Reading, Reject
from .document import gathered, is_short, read_object, read_text, refuse
from .faults import Faults
from .ha_entities import COMPONENTS, Entity, Presence, expand, read_entity, read_presences, read_value, word_of
from .payload import read_json
from .states import is_test

ENTITIES_MAX = 20_000
_ANNOUNCERS = (*COMPONENTS, "device")
_CONFIG = re.compile(r"(?!campus/)[^/]+/([a-z_]+)/((?:[A-Za-z0-9_-]+/)?[A-Za-z0-9_-]+)/config")
_OWN = "twinward"
_TEXT_MAX = 1_024
_ID_MAX = 128
_KEYS_MAX = 64


@dataclass(slots=True)
class _Announced:
    """Entities that one config topic announced."""

    entities: list[tuple[str, Entity]] = field(default_factory=list)
    presences: list[tuple[str, Presence]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


class HaDiscoveryDecoder:
    """Decoder of discovered entities. Its state: the announcements, for ENTITIES_MAX entities, and availability.

    A topic of another format stays with that format: its bridge announces the same devices a second time.
    Announcements of the service are skipped. An announcement that gives its only entity another id, of the same
    metric, is a renaming.

    Works badly for: templates that are more than a path, filters, a factor or a choice, which are rejected as
    `template`; `expire_after`, which offline detection replaces.

    >>> decoder = HaDiscoveryDecoder()
    >>> about = b'{"unique_id": "m1", "device_class": "motion", "state_topic": "yard/motion"}'
    >>> decoder.decode("homeassistant/binary_sensor/yard/config", about, retained=True, now_ns=0).subscribe
    ['yard/motion']
    >>> decoder.decode("yard/motion", b"ON", retained=False, now_ns=0).readings[0].metric
    'motion'
    """

    name = "ha_discovery"

    def __init__(self, *, base: str = "homeassistant", taken: Callable[[str], bool] = lambda _: False) -> None:
        """base: the usual discovery prefix. taken: whether a topic belongs to another format."""
        self._base = f"{base}/"
        self._taken = taken
        self._configs: dict[str, _Announced] = {}
        self._entities = 0
        self._holders = Counter[str]()  # entity -> number of its announcements
        self._states: dict[str, list[Entity]] = {}
        self._presences: dict[str, list[Presence]] = {}
        self._online: dict[str, dict[str, bool]] = {}  # entity -> availability topic -> state
        self._faults = Faults()

    @property
    def subscriptions(self) -> Sequence[str]:
        """Return the filters of announcements under any prefix, and every topic that they name."""
        return ("+/+/+/config", "+/+/+/+/config", *{**self._states, **self._presences})

    def claims(self, topic: str) -> bool:
        """Return True for announcements, and for topics that they name and that no other format has."""
        if topic.startswith(self._base) or self._config(topic) is not None:
            return True
        return (topic in self._states or topic in self._presences) and not self._taken(topic)

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore announcements, by their topics."""
        for topic, payload in kept:
            self.decode(topic, payload, retained=True, now_ns=0)

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message; the caller decides whether retained readings count."""
        config = self._config(topic)
        if config is not None:
            return self._announce(topic, config[1], config[2], payload)
        if not payload:
            return Decoded(ignored="forgotten")
        document = read_json(payload)
        text = read_text(payload, length_max=_TEXT_MAX)
        availability = self._availability(topic, document, text)
        entities = self._states.get(topic, ())
        if any(entity.template.json for entity in entities) and isinstance(document, Reject):
            return gathered((), [document], availability=availability)
        return self._values(entities, document, text, availability)

    def _config(self, topic: str) -> re.Match[str] | None:
        """Return the parts of an announcement's topic; under another prefix only of a component with readings."""
        found = _CONFIG.fullmatch(topic)
        return found if found and (topic.startswith(self._base) or found[1] in _ANNOUNCERS) else None

    def _availability(self, topic: str, document: Any, text: str | Reject) -> list[Availability]:
        """Return the state of each entity by all of its topics; the mode decides which counts."""
        found = []
        for presence in self._presences.get(topic, ()):
            raw = presence.template.render(document if presence.template.json else text)
            word = "" if raw is None or isinstance(raw, Reject) else word_of(raw)
            if word not in (presence.online, presence.offline):
                continue
            known = self._online.setdefault(presence.entity, {})
            known[topic] = word == presence.online
            modes = {"all": all(known.values()), "any": any(known.values())}
            found.append(Availability(presence.entity, modes.get(presence.mode, known[topic])))
        return found

    def _values(
        self, entities: Sequence[Entity], document: Any, text: str | Reject, availability: Sequence[Availability]
    ) -> Decoded:
        readings: list[Reading] = []
        rejects: list[Reject] = []
        unread = _keys(entities, document)
        test = isinstance(document, dict) and is_test(document)
        for entity in entities:
            source = document if entity.template.json else text
            raw = source if isinstance(source, Reject) else entity.template.render(source)
            found = raw if isinstance(raw, Reject) else read_value(entity, raw, test=test)
            if isinstance(found, Reading):
                readings += self._faults.over(found)
            elif isinstance(found, Reject):
                rejects.append(found)
            elif found == "fault":
                readings.append(self._faults.begin(entity.id))
            elif found is not None:
                unread.append(entity.id[:64])
        return replace(gathered(readings, rejects, availability=availability), unread=unread)

    def _announce(self, topic: str, component: str, path: str, payload: bytes) -> Decoded:
        if not payload:
            known = topic in self._configs
            gone = self._withdraw(topic)
            return Decoded(removed=gone, memory={topic: None} if known else {}, ignored="" if gone else "forgotten")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        config = expand(document)
        origin = config.get("origin")
        if isinstance(origin, dict) and origin.get("name") == _OWN:
            return Decoded(ignored="own")
        before = [entity for _, entity in self._configs.get(topic, _Announced()).entities]
        gone = self._withdraw(topic)
        announced = self._read_config(component, path.replace("/", "_"), config)
        if not announced.entities:
            ignored = "" if announced.rejects else "announcement"
            return Decoded(rejects=announced.rejects, ignored=ignored, removed=gone, memory={topic: None})
        if self._entities + len(announced.entities) > ENTITIES_MAX:
            full = Reject("sensor_limit", f"more than {ENTITIES_MAX} announced entities")
            return Decoded(rejects=(full,), removed=gone, memory={topic: None} if before else {})
        self._configs[topic] = announced
        self._entities += len(announced.entities)
        self._holders.update(entity.id for _, entity in announced.entities)
        for state, entity in announced.entities:
            self._states.setdefault(state, []).append(entity)
        for where, presence in announced.presences:
            self._presences.setdefault(where, []).append(presence)
        names = [entity.id for _, entity in announced.entities]
        renamed = _renamed(before, [entity for _, entity in announced.entities])
        topics = dict.fromkeys([where for where, _ in (*announced.entities, *announced.presences)])
        return Decoded(
            declares=names,
            renamed=renamed,
            removed=[name for name in gone if name not in (*names, *(old for old, _ in renamed))],
            rejects=announced.rejects,
            ignored="announcement",
            subscribe=list(topics),
            memory={topic: payload},
        )

    def _withdraw(self, topic: str) -> list[str]:
        """Remove the entities that a config topic announced; return their ids."""
        announced = self._configs.pop(topic, None)
        if announced is None:
            return []
        self._entities -= len(announced.entities)
        for state, entity in announced.entities:
            self._states[state].remove(entity)
            if not self._states[state]:
                del self._states[state]
        for where, presence in announced.presences:
            self._presences[where].remove(presence)
            if not self._presences[where]:
                del self._presences[where]
        names = [entity.id for _, entity in announced.entities]
        self._holders.subtract(names)
        gone = [name for name in dict.fromkeys(names) if self._holders[name] <= 0]
        for name in gone:
            del self._holders[name]
            self._online.pop(name, None)
        return gone

    def _read_config(self, component: str, name: str, config: Mapping[str, Any]) -> _Announced:
        """Return the entities of one announcement: one entity, or all components of a device."""
        announced = _Announced()
        if component != "device":
            self._add(announced, component, name, config)
            return announced
        parts = config.get("components")
        shared = {key: value for key, value in config.items() if key not in ("components", "device", "unique_id")}
        for key, part in list(parts.items())[:ENTITIES_MAX] if isinstance(parts, dict) else ():
            if isinstance(part, dict) and part.keys() - {"p", "platform"}:  # a platform alone removes the component
                own = {**shared, **expand(part)}
                self._add(announced, str(own.get("platform", "")), f"{name}_{key}", own)
        return announced

    def _add(self, announced: _Announced, component: str, name: str, config: Mapping[str, Any]) -> None:
        """Add one entity to the announcement; components without a measurement are skipped."""
        if component not in COMPONENTS or self._taken(str(config.get("state_topic"))):
            return
        found = config.get("unique_id")
        name = str(found) if is_short(found, length_max=_ID_MAX) else name
        entity = read_entity(component, name, config)
        if isinstance(entity, Reject):
            announced.rejects.append(entity)
        elif entity is not None:
            announced.entities.append((str(config.get("state_topic")), entity))
            announced.presences += [each for each in read_presences(name, config) if not self._taken(each[0])]


def _renamed(before: Sequence[Entity], after: Sequence[Entity]) -> list[tuple[str, str]]:
    """Return the renaming of an announcement's only entity."""
    if len(before) != 1 or len(after) != 1:
        return []
    old, new = before[0], after[0]
    same = (old.kind, old.metric, old.unit) == (new.kind, new.metric, new.unit)
    return [(old.id, new.id)] if same and old.id != new.id else []


def _keys(entities: Sequence[Entity], document: Any) -> list[str]:
    """Return the keys of a document that no entity reads."""
    if not entities or not isinstance(document, dict) or not all(entity.template.json for entity in entities):
        return []
    read = {entity.template.path[0] for entity in entities if entity.template.path}
    if any(not entity.template.path for entity in entities):
        return []
    return [key[:64] for key, value in document.items() if key not in read and value is not None][:_KEYS_MAX]

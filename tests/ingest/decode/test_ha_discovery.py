"""Discovery: renaming, removal, topics of another format, ends of states, unread keys."""

from __future__ import annotations

import json
from typing import Any

from ingest.decode import Decoded, Router
from ingest.decode.ha_discovery import HaDiscoveryDecoder

SMOKE = {"unique_id": "a", "device_class": "smoke", "state_topic": "t/a"}


def decode(decoder: Any, topic: str, payload: Any) -> Decoded:
    """Decode one live message."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    found: Decoded = decoder.decode(topic, text.encode(), retained=False, now_ns=10**18)
    return found


def announce(decoder: Any, config: Any, name: str = "x") -> Decoded:
    """Announce a binary sensor."""
    return decode(decoder, f"homeassistant/binary_sensor/{name}/config", config)


def test_another_id_of_the_same_object_is_a_renaming() -> None:
    """Of the same metric; an object with another metric replaces it."""
    decoder = HaDiscoveryDecoder()
    announce(decoder, SMOKE)
    found = announce(decoder, SMOKE | {"unique_id": "b"})
    assert (found.renamed, found.removed, found.declares) == ([("a", "b")], [], ["b"])
    found = announce(decoder, SMOKE | {"unique_id": "c", "device_class": "motion"})
    assert (found.renamed, found.removed) == ([], ["b"])


def test_an_entity_that_another_object_announces_stays() -> None:
    """A bridge moves its objects by announcing them anew before it removes the old ones."""
    decoder = HaDiscoveryDecoder()
    announce(decoder, SMOKE, "old")
    announce(decoder, SMOKE, "new")
    assert announce(decoder, "", "old").removed == []
    assert [each.sensor for each in decode(decoder, "t/a", "ON").readings] == ["a"]
    assert announce(decoder, "", "new").removed == ["a"]


def test_two_announcements_of_one_id_that_are_removed_are_not_recalled() -> None:
    """After a restart the decoder subscribes to no topic of them."""
    decoder, kept = HaDiscoveryDecoder(), dict[str, bytes | None]()
    for name, config in (("old", SMOKE), ("new", SMOKE), ("old", ""), ("new", "")):
        kept |= dict(announce(decoder, config, name).memory)
    restarted = HaDiscoveryDecoder()
    restarted.recall([(topic, payload) for topic, payload in kept.items() if payload is not None])
    assert restarted.subscriptions == decoder.subscriptions == HaDiscoveryDecoder().subscriptions


def test_a_broken_announcement_keeps_the_entity() -> None:
    """The next value is read."""
    decoder = HaDiscoveryDecoder()
    announce(decoder, SMOKE)
    assert announce(decoder, '{"unique_id"').rejects
    assert decode(decoder, "t/a", "ON").readings


def test_a_topic_goes_to_its_format_as_soon_as_it_is_known() -> None:
    """A Zigbee2MQTT bridge with another base topic: its tests are tests, in either decoder."""
    router = Router()
    announce(
        router,
        SMOKE
        | {
            "state_topic": "z2m/dorm1",
            "value_template": "{{ value_json.smoke }}",
            "payload_on": True,
            "payload_off": False,
        },
    )
    state = {"smoke": True, "test": True}
    before = decode(router, "z2m/dorm1", state)
    decode(router, "z2m/bridge/state", "online")
    after = decode(router, "z2m/dorm1", state)
    assert [(each.sensor, each.quality.name) for each in (*before.readings, *after.readings)] == [
        ("a", "TEST"),
        ("dorm1", "TEST"),
    ]


def test_an_off_delay_is_the_end_of_the_state() -> None:
    """ON carries it, OFF does not."""
    decoder = HaDiscoveryDecoder()
    announce(decoder, SMOKE | {"off_delay": 2})
    assert [decode(decoder, "t/a", word).readings[0].lasts_s for word in ("ON", "OFF")] == [2.0, 0.0]


def test_keys_and_texts_without_an_entity_are_unread() -> None:
    """Null is no value."""
    decoder = HaDiscoveryDecoder()
    announce(decoder, SMOKE | {"value_template": "{{ value_json.smoke }}", "payload_on": True, "payload_off": False})
    assert list(decode(decoder, "t/a", {"smoke": True, "battery": 77, "x": None}).unread) == ["battery"]
    decode(decoder, "homeassistant/sensor/s/config", {"unique_id": "s", "name": "Program", "state_topic": "t/s"})
    assert list(decode(decoder, "t/s", "eco").unread) == ["s"]


def test_a_fault_ends_with_the_next_value() -> None:
    """NaN begins it, in a text or in JSON."""
    decoder = HaDiscoveryDecoder()
    config = {"unique_id": "s", "device_class": "temperature", "unit_of_measurement": "K", "state_topic": "t/s"}
    decode(decoder, "homeassistant/sensor/s/config", config)
    found = [[(each.metric, each.value) for each in decode(decoder, "t/s", text).readings] for text in ("nan", "300")]
    assert found == [[("fault", 1.0)], [("fault", 0.0), ("temperature", 26.85)]]

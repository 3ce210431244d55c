"""What must hold for every decoder, whatever the wire brings."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import KINDS, REASONS
from ingest.decode import Decoded, Decoder, NativeDecoder, decoders

TOPICS = {
    "native": ["campus/s1/smoke/a", "campus/s1/camera/c", "campus//x/y", "campus/_service/x/status"],
    "zigbee2mqtt": [
        *(f"zigbee2mqtt/{topic}" for topic in ("a", "a/b/availability", "bridge/devices", "", "bridge/event")),
        *(f"zigbee2mqtt/{topic}" for topic in ("bridge/state", "a/set")),
    ],
    "frigate": [
        *(f"frigate/{topic}" for topic in ("events", "reviews", "a/person", "a/motion", "available", "stats")),
        *(f"frigate/{topic}" for topic in ("a/status/detect", "a/person/snapshot", "/")),
    ],
    "chirpstack": [f"application/1/device/24e124713c140001/event/{event}" for event in ("up", "status", "join", "log")]
    + ["application/x"],
    "senml": ["campus/senml/gw1", "campus/senml/", "campus/senml/a/b"],
}
ROOTS = {"senml": "campus/senml"}
WORDS = [
    "smoke",
    "contact",
    "type",
    "after",
    "before",
    "camera",
    "id",
    "label",
    "new",
    "end",
    "time",
    "object",
    "depth",
]
WORDS += ["deviceInfo", "deviceProfileName", "EM500-SWL", "LDDS75", "Distance", "No Sensor", "history", "timestamp"]
WORDS += ["battery", "voltage", "last_seen", "data", "objects", "zones", "event", "2821 mm", "frame_time", "state"]
WORDS += ["bn", "bt", "bu", "bv", "n", "u", "v", "vb", "t", "x_"]
texts = st.sampled_from(WORDS) | st.text(max_size=12)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=6),
    max_leaves=20,
)
payloads = st.binary(max_size=200) | documents.map(lambda document: json.dumps(document).encode())


def _all() -> list[Decoder]:
    return [NativeDecoder(), *decoders()]


def _check(decoded: Decoded) -> None:
    for reading in decoded.readings:
        assert isinstance(reading.value, float)
        assert isfinite(reading.value)
        assert reading.kind in KINDS
        assert reading.sensor
        assert reading.metric
        assert reading.time_ns is None or 0 <= reading.time_ns < 2**63
        json.dumps(dict(reading.dims), allow_nan=False)
    assert all(reject.reason in REASONS for reject in decoded.rejects)


@pytest.mark.parametrize("decoder", _all(), ids=lambda decoder: decoder.name)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_arbitrary_payload_never_raises(decoder: Decoder, data: Any) -> None:
    """Whatever bytes or JSON: a meaning of sound readings and known reasons."""
    topic = data.draw(st.sampled_from(TOPICS[decoder.name]))
    payload = data.draw(payloads)
    _check(decoder.decode(topic, payload, retained=data.draw(st.booleans()), now_ns=10**18))


@pytest.mark.parametrize("decoder", _all(), ids=lambda decoder: decoder.name)
@settings(max_examples=50, deadline=None)
@given(tail=st.text(max_size=40), payload=payloads)
def test_arbitrary_topic_never_raises(decoder: Decoder, tail: str, payload: bytes) -> None:
    """Any topic under the root that a decoder claims."""
    root = ROOTS.get(decoder.name, TOPICS[decoder.name][0].split("/")[0])
    topic = f"{root}/{tail}"
    assert decoder.claims(topic)
    _check(decoder.decode(topic, payload, retained=False, now_ns=10**18))


@settings(max_examples=50, deadline=None)
@given(messages=st.lists(payloads, max_size=5))
def test_same_input_gives_same_output(messages: list[bytes]) -> None:
    """Two fresh decoders that see the same messages in the same order say the same."""
    for one, other in zip(_all(), _all(), strict=True):
        topic = TOPICS[one.name][0]
        for number, payload in enumerate(messages):
            left = one.decode(topic, payload, retained=False, now_ns=number)
            assert left == other.decode(topic, payload, retained=False, now_ns=number)


@pytest.mark.parametrize("payload", [b"[" * 100_000, b'{"object":' * 5_000, b"\xff\xfe", b"{", b"1e999", b"\x00" * 99])
def test_hostile_payload_is_a_refusal_not_an_error(payload: bytes) -> None:
    """Deep nesting, broken text, cut JSON."""
    for decoder in _all():
        for topic in TOPICS[decoder.name]:
            _check(decoder.decode(topic, payload, retained=False, now_ns=0))

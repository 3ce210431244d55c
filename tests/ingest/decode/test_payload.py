"""NUL bytes, byte order marks and number tokens outside of JSON cost one value at most."""

from __future__ import annotations

import json
from math import isinf, isnan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode import decoders
from ingest.decode.contract import Reject
from ingest.decode.document import read_list, read_text
from ingest.decode.native import NativeDecoder
from ingest.decode.payload import read_json

UNMEASURED = ["nan", "NaN", "NAN", "-nan", "+nan", "nan(0x8000)", "-nan(ind)", "1.#QNAN", "-1.#IND", "1.#IND00"]
INFINITE = ["inf", "-inf", "+inf", "Infinity", "-Infinity", "INF", "1.#INF", "1e999"]
WRAPS = [lambda text: text + b"\0", lambda text: text + b"\0" * 9 + b"rest", lambda text: b"\xef\xbb\xbf" + text]
WRAPS += [lambda text: text.decode().encode("utf-16"), lambda text: text + b"\r\n\0"]
MESSAGES = {
    "native": ("campus/s1/smoke/a", '{"smoke": true, "battery": 71}'),
    "zigbee2mqtt": ("zigbee2mqtt/a", '{"smoke": true}'),
    "tasmota": ("tele/lab9/SENSOR", '{"SR04": {"Distance": 51.0}}'),
    "shelly_gen2": ("s/status/smoke:0", '{"id": 0, "alarm": true}'),
    "esphome": ("n/binary_sensor/smoke/state", "ON"),
    "senml": ("campus/senml/gw1", '[{"n": "a:temperature", "u": "Cel", "v": 21.5}]'),
    "chirpstack": (
        "application/a/device/24e1240000000048/event/up",
        '{"deviceInfo": {"deviceProfileName": "EM500-SWL", "devEui": "24e1240000000048"}, "object": {"battery": 62}}',
    ),
}


@pytest.mark.parametrize("token", UNMEASURED)
def test_a_token_for_no_number_is_nan(token: str) -> None:
    """The other values of the document stay."""
    found = read_json(b'{"a": %s, "b": [%s], "c": "%s"}' % ((token.encode(),) * 3))
    assert isnan(found["a"])
    assert isnan(found["b"][0])
    assert found["c"] == token


@pytest.mark.parametrize("token", INFINITE)
def test_a_token_for_an_infinity_is_infinite(token: str) -> None:
    """Text of the same spelling stays text."""
    found = read_json(b'{"a": %s, "c": "%s"}' % ((token.encode(),) * 2))
    assert isinf(found["a"])
    assert found["c"] == token


@given(st.dictionaries(st.text(), st.floats() | st.text() | st.booleans(), max_size=4))
def test_strings_that_resemble_tokens_stay(document: dict[str, Any]) -> None:
    """Any document of Python's writer reads back equal, with a NUL after it."""
    found = read_json(json.dumps(document).encode() + b"\0")
    assert json.dumps(found) == json.dumps(document)


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_bytes_around_a_document_cost_nothing(name: str, wrap: Any) -> None:
    """Every format reads the message as without the extra bytes."""
    topic, text = MESSAGES[name]
    plain, wrapped = (
        (NativeDecoder() if name == "native" else decoders([name])[0]).decode(topic, payload, retained=False, now_ns=0)
        for payload in (text.encode(), wrap(text.encode()))
    )
    assert plain.readings
    assert plain == wrapped


@pytest.mark.parametrize("payload", [b'{"a": nano}', b'{"a": xnan}', b'{"a": 1.nan}', b'{"a": 1} x', b'{"a"'])
def test_other_errors_stay_errors(payload: bytes) -> None:
    """A document that is no JSON for another reason is refused."""
    found = read_json(payload)
    assert isinstance(found, Reject)
    assert found.reason == "json"


@pytest.mark.parametrize("payload", [b"\0", b"\xff\xfe", b" ", b"\xef\xbb\xbf"])
def test_a_payload_without_text_is_empty(payload: bytes) -> None:
    """Padding alone is no document."""
    found = read_json(payload)
    assert isinstance(found, Reject)
    assert found.reason == "empty"


def test_an_unterminated_string_takes_linear_time() -> None:
    """A long run of escaped quotes is refused within the time of one scan."""
    assert isinstance(read_json(b'{"a":' * 40 + b'\\"' * 100_000), Reject)


def test_lists_and_texts() -> None:
    """An object is no list; a text ends at a NUL and has a bound."""
    assert read_list(b"[1]\0") == [1]
    assert read_list(b"{}") == Reject("type", "found dict")
    assert read_text(b"\xef\xbb\xbf ON \0\0") == "ON"
    assert isinstance(read_text(b"x" * 65), Reject)

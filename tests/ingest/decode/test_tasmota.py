"""Tasmota: the name of a chip's series is stable for any set of chips in a message."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest.decode import Decoded, decoders

CHIPS = ("BME280", "DS18B20", "AM2301", "SHT3X-0x44", "SHT3X-0x45", "DS18B20_1", "ESP32")
messages = st.lists(
    st.dictionaries(st.sampled_from(CHIPS), st.sampled_from([21.5, 4.0, None, float("nan")]), min_size=1), max_size=8
)


def decode(decoder: Any, document: Any, topic: str = "tele/d/SENSOR") -> Decoded:
    """Decode one live message."""
    found: Decoded = decoder.decode(topic, json.dumps(document).encode(), retained=False, now_ns=0)
    return found


@given(messages)
def test_a_series_has_one_chip_and_a_chip_one_series(states: list[dict[str, float | None]]) -> None:
    """Values of two chips never share a series, and those of one chip never change it."""
    (decoder,) = decoders(["tasmota"])
    series: dict[tuple[str, str], str] = {}
    for state in states:
        for number, chip in enumerate(state):
            marked = {each: {"Temperature": value} for each, value in state.items()}
            if state[chip] is None or state[chip] != state[chip]:
                continue
            marked[chip]["Temperature"] = 30.0 + number
            found = decode(decoder, marked).readings
            (reading,) = (each for each in found if each.value == 30.0 + number and each.metric != "fault")
            assert series.setdefault((reading.sensor, reading.metric), chip) == chip
            assert reading.device == ("" if reading.sensor == "d" else "d")
    assert len(set(series.values())) == len(series)


def test_a_fault_of_a_chip_ends_with_its_next_value() -> None:
    """Also when the other chips of the board are missing meanwhile."""
    (decoder,) = decoders(["tasmota"])
    both = {"DHT11": {"Temperature": float("nan")}, "SR04": {"Distance": 10}}
    assert [each.sensor for each in decode(decoder, both).readings if each.metric == "fault"] == ["d/DHT11"]
    ended = decode(decoder, {"DHT11": {"Temperature": 20}}).readings
    assert [(each.sensor, each.value) for each in ended if each.metric == "fault"] == [("d/DHT11", 0.0)]
    assert not [each for each in decode(decoder, {"DHT11": {"Temperature": 20}}).readings if each.metric == "fault"]


def test_unknown_keys_are_unread() -> None:
    """A quantity outside the tables is reported with its chip; computed values and totals are not."""
    (decoder,) = decoders(["tasmota"])
    found = decode(decoder, {"XYZ1": {"Radon": 120, "DewPoint": 3}, "Odd": 7, "ENERGY": {"Total": 1}})
    assert list(found.unread) == ["XYZ1.Radon", "Odd"]
    assert list(decode(decoder, {"Odd": 7}, "tele/d/NEW").unread) == ["NEW"]

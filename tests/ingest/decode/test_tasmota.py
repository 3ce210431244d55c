"""Tasmota: names of series for any set of chips in a message, replacement, faults, unread keys."""

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
def test_chips_of_one_message_share_no_series(states: list[dict[str, float | None]]) -> None:
    """A further chip keeps its own series with any set of other chips."""
    (decoder,) = decoders(["tasmota"])
    apart: dict[tuple[str, str], str] = {}
    for state in states:
        marked = {
            chip: {"Temperature": 30.0 + number if value in (21.5, 4.0) else value}
            for number, (chip, value) in enumerate(state.items())
        }
        chips = {30.0 + number: chip for number, chip in enumerate(state)}
        found = [each for each in decode(decoder, marked).readings if each.value in chips and each.metric != "fault"]
        assert len({(each.sensor, each.metric) for each in found}) == len(found)
        for each in found:
            assert each.device == ("" if each.sensor == "d" else "d")
            chip = chips[each.value]
            assert apart.get((chip, each.metric), each.sensor) == each.sensor
            if each.sensor != "d":
                apart[chip, each.metric] = each.sensor


def test_a_chip_of_another_type_takes_the_place_of_the_one_before() -> None:
    """Place and rules of the device stay; both together, or after a restart, are still two sensors."""
    (decoder,) = decoders(["tasmota"])
    kept: dict[str, bytes | None] = {}

    def sensors(*chips: str) -> list[str]:
        found = decode(decoder, {chip: {"Temperature": 21.0} for chip in chips})
        kept.update(found.memory)
        return [each.sensor for each in found.readings]

    assert sensors("AM2301") == ["d"]
    assert sensors("BME280") == sensors("BME280") == ["d"]
    assert sensors("AM2301", "BME280") == ["d/AM2301", "d"]
    (decoder,) = decoders(["tasmota"])
    decoder.recall([(key, value) for key, value in kept.items() if value is not None])
    assert sensors("AM2301") == ["d/AM2301"]
    assert sensors("BME280") == ["d"]


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

"""Line protocol: an independent parser and a real server read back arbitrary names."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from line_protocol_parser import parse_line

from ingest import Catalog
from ingest.stores.influx_lines import END_BACKSLASH, Lines, tag_value
from ingest.stores.influxdb import InfluxStore, create_database

from .test_contract import batch_of

NAMES = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=40).filter(str.isprintable)
HOSTILE = (
    "教室 3号, 烟感",
    "a'b\"c",
    "x value=1i",
    "'; DROP TABLE readings;--",
    "😀 = <script>",
    "a\\b,c=d e",
    "\\",
    "a\\\\",
)
FINITE = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)  # the parser rejects subnormal numbers
MOMENTS = st.integers(-(2**62), 2**62)


def representable(name: str) -> str:
    """Return the representable form of a name: all but backslashes at its end."""
    body = name.rstrip("\\")
    return body + END_BACKSLASH * (len(name) - len(body))


def catalog_of(*names: str) -> Catalog:
    """Return a catalogue of one site; the first sensor has code 1."""
    catalog = Catalog()
    for name in names:
        catalog.code("site 1", name, "env")
    return catalog


@settings(deadline=None, max_examples=300)
@given(NAMES, FINITE, MOMENTS, st.integers(0, 4), st.integers(0, 2**62))
@example(HOSTILE[0], -0.0, 0, 0, 0)
@example(HOSTILE[5], 1e308, -1, 4, 1)
@example(HOSTILE[7], 2.2250738585072014e-308, 1, 1, 2)
def test_an_independent_parser_reads_the_same_values(
    name: str, value: float, time_ns: int, quality: int, cursor: int
) -> None:
    """Names, numbers to the last bit, times and repeats are equal."""
    lines = list(Lines(catalog_of(name)).of(batch_of([(1, 6, time_ns, value, quality)] * 2), cursor, {}))
    for again, line in enumerate(lines):
        found = parse_line(line)
        tags = {"m": "6", "s": "1", "metric": "temperature", "sensor": representable(name), "site": "site 1"}
        assert found["tags"] == (tags | {"k": str(again)} if again else tags)
        assert (found["measurement"], found["time"]) == ("readings", time_ns)
        fields = found["fields"]
        assert np.float64(fields["v"]).tobytes() == np.float64(value).tobytes()
        assert (fields["q"], fields["c"]) == (quality, cursor)


@given(st.text(max_size=30))
def test_a_value_never_breaks_the_line(text: str) -> None:
    """Any text gives one line and leaves the next line unchanged."""
    line = f"m,t=x{tag_value(text)},u=1 v=1 5"
    assert len(line.splitlines()) == 1
    assert parse_line(line.replace("\x00", ""))["tags"]["u"] == "1"


def test_a_real_server_returns_the_names(influxdb: Any) -> None:
    """The server lists hostile names as tags, and the store reads every series back."""
    database = f"t{uuid4().hex}"
    create_database(influxdb.url, database)
    store = InfluxStore(influxdb.url, database, api="1", catalog=catalog_of(*HOSTILE))
    codes = range(1, len(HOSTILE) + 1)
    store.write(batch_of([(code, 6, 1_790_000_000_000_000_000 + code, float(code), 0) for code in codes]), cursor=1)
    query = {"db": database, "q": 'SHOW TAG VALUES WITH KEY = "sensor"'}
    (series,) = httpx.get(f"{influxdb.url}/query", params=query).json()["results"][0]["series"]
    assert {value for _, value in series["values"]} == {representable(name) for name in HOSTILE}
    for code in codes:
        assert store.read(code, 6, from_ns=0, to_ns=2**62).value.tolist() == [float(code)]
    store.close()

"""Captured messages decode to their expected readings: own cases, and samples beside the project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.decode import FOREIGN
from ingest.decode.times import read_time
from twinward.commands.decode import decode_lines

CASES = Path(__file__).parents[2] / "cases" / "decode"
NOW_NS = 1_788_000_000_000_000_000
RELATIVE = 1e-4
UNSAMPLED = frozenset(("shelly_gen1",))
"""Formats without captured samples: their cases are those of the vendor's documents."""


def _identity(reading: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return reading["sensor"], reading["kind"], reading["metric"], reading["unit"]


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    value = wanted["value"]
    alike = found["value"] is value if isinstance(value, bool) else found["value"] == pytest.approx(value, rel=RELATIVE)
    dims = wanted.get("dims")
    stamp = wanted.get("time")
    timed = stamp is None or read_time(found["time"], now_ns=NOW_NS) == read_time(stamp, now_ns=NOW_NS)
    quality = wanted.get("quality", found["quality"]) == found["quality"]
    return alike and timed and quality and (dims is None or found["dims"] == dims)


def mistakes(expect: Mapping[str, Any], meaning: Mapping[str, Any]) -> list[str]:
    """Return missing, wrong and surplus readings; empty for the expected result."""
    found = list(meaning["readings"])
    stamp = {"time": expect["time"]} if "time" in expect else {}
    wrong = []
    for wanted in expect.get("readings", ()):
        alike = [reading for reading in found if _identity(reading) == _identity(wanted)]
        got = next((reading for reading in alike if _same(reading, {**stamp, **wanted})), None)
        if got is None:
            wrong.append(f"wanted {wanted}, found {alike}")
            continue
        found.remove(got)
        if expect.get("drill") and got["quality"] != "test":
            wrong.append(f"not marked as a test: {got}")
        elif expect.get("history") and got["quality"] != "historical":
            wrong.append(f"not marked as history: {got}")
    optional = {_identity(reading) for reading in expect.get("optional", ())}
    left = {_identity(reading) for reading in found}
    fault = {key for key in left if key[2] == "fault"} if expect.get("fault") else set()
    wrong += [f"too much: {key}" for key in left if key not in optional and key not in fault]
    if expect.get("fault") and not (fault or meaning["rejects"]):
        wrong.append("no fault reported")
    availability = {(item["sensor"], item["online"]) for item in meaning["availability"]}
    if availability != {(item["sensor"], item["online"]) for item in expect.get("availability", ())}:
        wrong.append(f"availability {availability}")
    wrong += [
        f"{key}: {meaning.get(key)}" for key in ("declares", "removed", "media") if _differs(key, expect, meaning)
    ]
    if meaning["rejects"] and not ("rejects" in expect or expect.get("ignore")):  # a counted reject is no reading
        wrong.append(f"refused: {meaning['rejects']}")
    if "rejects" in expect and [reject["reason"] for reject in meaning["rejects"]] != expect["rejects"]:
        wrong.append(f"wanted refusal {expect['rejects']}, found {meaning['rejects']}")
    return wrong


def _differs(key: str, expect: Mapping[str, Any], meaning: Mapping[str, Any]) -> bool:
    if key == "declares":  # a message may announce more than the case is about
        return not set(expect.get(key, ())) <= set(meaning[key])
    return key in expect and meaning.get(key) != expect[key]


def _check(path: Path) -> int:
    lines = path.read_text().splitlines()
    shown = [json.loads(line) for line in decode_lines(lines, clock=lambda: NOW_NS)]
    expects = [json.loads(line)["expect"] for line in lines]
    wrong = {
        number: found
        for number, (expect, meaning) in enumerate(zip(expects, shown, strict=True), 1)
        if (found := mistakes(expect, meaning))
    }
    assert not wrong, f"{path.name}: {wrong}"
    return len(lines)


@pytest.mark.parametrize("path", sorted(CASES.glob("*/*.jsonl")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_own_case_decodes_as_expected(path: Path) -> None:
    """Every line of every case folder decodes as expected."""
    assert _check(path) > 0


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name in FOREIGN if name not in UNSAMPLED])
def test_captured_sample_decodes_as_expected(name: str, shared_dir: Path) -> None:
    """A sample gives all expected readings, and no others but optional ones."""
    assert _check(shared_dir / "wire-samples" / f"{name}.jsonl") > 0


@pytest.mark.shared
def test_personal_data_stays_out(shared_dir: Path) -> None:
    """Names, faces and plates of camera events appear nowhere in the result."""
    lines = (shared_dir / "wire-samples" / "frigate.jsonl").read_text().splitlines()
    shown = "".join(decode_lines(lines, clock=lambda: NOW_NS))
    assert not [word for word in ("John Smith", "Bob", "ABC12345", "face") if word in shown]
    assert [word for word in ("John Smith", "Bob", "ABC12345") if word in "".join(lines)]


def test_every_foreign_format_has_cases() -> None:
    """The suite has cases without samples beside the project."""
    assert {path.parent.name for path in CASES.glob("*/*.jsonl")} >= {*FOREIGN, "native"}

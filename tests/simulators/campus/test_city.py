"""A city from one process: order, many connections, the reported rate."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulators import World, build_campus, load_scenario, plan
from simulators.play.gateways import Gateways
from simulators.play.player import as_live, play


def city(rate_per_s: float, seconds: float, *, sites: int = 3000, start_ms: int | None = None) -> World:
    """Return a world with two hundred sensors on each site."""
    quiet = replace(load_scenario("quiet"), duration_s=seconds)
    return plan(quiet, build_campus(sites=sites, sensors=200), start_ms=start_ms, rate_per_s=rate_per_s)


def test_every_sensor_sends_in_its_order() -> None:
    """At 20,000 a second 600,000 sensors send once each in thirty seconds, evenly spread."""
    world = city(20_000, 30)
    begin, end = world.span_ms
    sent = np.zeros(600_000, np.int64)
    for at_ms in range(begin, end, 1000):
        parts = world.frames((at_ms, at_ms + 1000))
        assert sum(len(part) for part in parts) == 20_000
        for part in parts:
            np.add.at(sent, part.device, 1)
    assert (sent == 1).all()


@pytest.mark.broker
def test_a_hundred_gateways_hold_the_pace(mosquitto: object) -> None:
    """5,000 a second from 60,000 sensors over 100 connections for 3 s: all acknowledged, at the wanted rate."""
    sink = Gateways(mosquitto.url, 100)  # type: ignore[attr-defined]  # the fixture's address
    world = city(5_000, 3, sites=300, start_ms=round(time.time() * 1000))
    result = play(world, sink, as_live(world, wall_ms=round(time.time() * 1000), speed=1))
    assert sink.drain() == 0
    stats = sink.close()
    assert result.messages == stats.sent == stats.acked == 15_000
    assert result.held == (result.late_s <= 1.0 and result.seconds <= 3 * 1.02 + 1)
    assert result.rate_per_s <= 5_000 * 1.02


@pytest.mark.broker
def test_command_writes_truth_and_counts(mosquitto: object, tmp_path: Path) -> None:
    """`simulate --rate` prints one JSON object: wanted and reached rate, whether it was held, no loss."""
    broker = mosquitto.url  # type: ignore[attr-defined]  # the fixture's address
    command = [Path(sys.executable).with_name("twinward"), "simulate", "--broker", broker, "--json", "--qos", "0"]
    options = ["--sites", "20", "--sensors", "50", "--rate", "2000", "--duration", "2", "--connections", "7"]
    files = [
        "--scenario",
        "quiet",
        "--with",
        "duplicates",
        "--truth",
        tmp_path / "t.json",
        "--campus",
        tmp_path / "c.toml",
    ]
    done = subprocess.run([*command, *options, *files], capture_output=True, text=True, check=True, timeout=60)
    result = json.loads(done.stdout)
    assert result["sensors"] == 1000
    assert result["wanted_per_s"] == 2000
    assert result["messages"] == result["sent"] >= 4000
    assert result["lost"] == 0
    truth = json.loads((tmp_path / "t.json").read_text())
    assert [interval["kind"] for interval in truth["intervals"]] == ["duplication"]
    assert (tmp_path / "c.toml").read_text().count("[[site]]") == 20


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--scenario", "S99"], "no such scenario"),
        (["--formats", "morse"], "allowed: native"),
        (["--formats", "zigbee2mqtt", "--sites", "2"], "one school"),
        (["--sites", "10001"], "allowed 1 to 10000"),
        (["--scenario", "S12", "--with", "S13x"], "no such scenario"),
    ],
)
def test_invalid_arguments_give_one_line_each(arguments: list[str], word: str, tmp_path: Path) -> None:
    """Exit status 2 and a sentence with the allowed values; no traceback."""
    command = [Path(sys.executable).with_name("twinward"), "simulate", "--output", tmp_path / "x.csv", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr

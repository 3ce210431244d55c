"""Sparkplug payloads, decoded by a library independent of encoder and decoder."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import isnan

import numpy as np
import pytest
from pysparkplug import DBirth, DData, NBirth

from simulators import World, build_campus, load_scenario, plan
from simulators.encode.metrics import MEASURED
from simulators.encode.sparkplug_b import SparkplugB
from simulators.play.player import Wire

Known = dict[tuple[str, str, int], float]
"""(device, metric, time_ms) -> value."""


def world() -> World:
    """Return twenty minutes of a morning rush."""
    script = replace(load_scenario("quiet"), duration_s=1200)
    return plan(script, build_campus(), start_ms=script.start_ms + 7 * 3_600_000)


def test_an_independent_library_decodes_each_measurement() -> None:
    """The library returns every measurement by the names, aliases and types of the births."""
    of = world()
    births: dict[str, DBirth] = {}
    found: Known = {}
    for message in Wire(of, formats="sparkplug_b").advance(of.span_ms[1]):
        _, _, kind, _, *rest = [*message.topic.split("/"), ""][:5]
        if kind == "DBIRTH":
            births[rest[0]] = DBirth.decode(message.payload)
        elif kind == "DDATA":
            for metric in DData.decode(message.payload, birth=births[rest[0]]).metrics:
                assert metric.name is not None
                assert metric.timestamp is not None
                if not metric.is_null:
                    found[rest[0], metric.name.removeprefix("Inputs/"), metric.timestamp] = float(metric.value)  # type: ignore[arg-type]  # numbers only
    wanted = {
        (of.fleet.devices[index].id, metric, time_ms): value
        for part in of.frames(of.span_ms)
        for index, time_ms, values in zip(
            part.device.tolist(), part.time_ms.tolist(), part.values.tolist(), strict=True
        )
        for metric, value in zip(part.metrics, values, strict=True)
        if of.fleet.devices[index].model in MEASURED and not isnan(value)
    }
    assert len(wanted) > 5000
    assert found == pytest.approx(wanted, rel=1e-12)


def test_a_node_counts_its_messages_from_its_birth() -> None:
    """`seq` counts from 0 to 255 and again from 0, over births, data and deaths; a death has its birth's number."""
    of = world()
    encoder = SparkplugB(of.fleet)
    devices = [index for index, device in enumerate(of.fleet.devices) if encoder.carries(device)]
    carried = np.isin(np.arange(len(of.fleet.devices)), devices)
    data = [part.keep(carried[part.device]) for part in of.frames(of.span_ms)]
    sent = encoder.begin(devices, 0) + encoder.encode(data) + encoder.lose(devices[:3], 1)
    kinds = defaultdict(list)
    for message in sent:
        kinds[message.topic.split("/")[2]].append(message.payload)
    order = [NBirth.decode(kinds["NBIRTH"][0]).seq, *(DBirth.decode(payload).seq for payload in kinds["DBIRTH"])]
    assert order == [number % 256 for number in range(len(devices) + 1)]
    assert len(kinds["DDEATH"]) == 3
    (will,) = encoder.lose(devices, 2)
    (again, *_) = encoder.begin(devices, 3)
    first = NBirth.decode(kinds["NBIRTH"][0])
    assert _birth_number(first) == 0
    assert will.topic.split("/")[2] == "NDEATH"
    assert _birth_number(NBirth.decode(again.payload)) == 1


def _birth_number(birth: NBirth) -> float:
    return next(float(metric.value) for metric in birth.metrics if metric.name == "bdSeq")  # type: ignore[arg-type]  # a number

"""SenML packs, decoded by the product and by an independent library."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kpn_senml import SenmlPack

from ingest.decode import decoders
from simulators import World, build_campus, load_scenario, plan
from simulators.encode import Message
from simulators.encode.senml import MODELS, Senml
from simulators.play.player import Wire

Known = dict[tuple[str, str, int], float]
"""(sensor, metric, time_ms) -> value."""


def world() -> World:
    """Return twenty minutes of a morning rush."""
    script = replace(load_scenario("quiet"), duration_s=1200)
    return plan(script, build_campus(), start_ms=script.start_ms + 7 * 3_600_000)


def packs(of: World) -> list[Message]:
    """Return the messages of the gateway."""
    sent = Wire(of, formats="senml").advance(of.span_ms[1])
    return [message for message in sent if message.topic.startswith("campus/senml/")]


def measured(of: World) -> Known:
    """Return the measurements of the encoded devices."""
    names = Senml(of.fleet)
    return {
        (names.identity(of.fleet.devices[device], metric), metric, time_ms): value
        for part in of.frames(of.span_ms)
        for column, metric in enumerate(part.metrics)
        for device, time_ms, value in zip(
            part.device.tolist(), part.time_ms.tolist(), part.values[:, column].tolist(), strict=True
        )
        if of.fleet.devices[device].model in MODELS
    }


def test_the_product_decodes_each_measurement() -> None:
    """The decoder returns every measurement with name, metric, time and value, and nothing else."""
    of = world()
    (decoder,) = decoders(["senml"])
    found: Known = {}
    for message in packs(of):
        decoded = decoder.decode(message.topic, message.payload, retained=False, now_ns=message.time_ms * 1_000_000)
        assert not decoded.rejects
        for reading in decoded.readings:
            assert reading.time_ns is not None
            found[reading.sensor, reading.metric, reading.time_ns // 1_000_000] = reading.value
    wanted = measured(of)
    assert len(wanted) > 5000
    assert found == pytest.approx(wanted, rel=1e-9)


def test_an_independent_library_reads_the_same() -> None:
    """An independent library gives equal names and values, in order; it does not expose the base time."""
    of = world()
    wanted: dict[str, list[float]] = {}
    for (sensor, _, _), value in sorted(measured(of).items(), key=lambda item: item[0][2]):
        wanted.setdefault(sensor, []).append(value)
    found: dict[str, list[float]] = {}
    for message in packs(of):
        pack = SenmlPack("")
        pack.from_json(message.payload.decode())
        for device in pack._data:
            for record in device._data:
                found.setdefault(device.name + record.name, []).append(float(record.value))
    assert found.keys() == wanted.keys()
    assert all(found[sensor] == pytest.approx(wanted[sensor], rel=1e-9) for sensor in wanted)


def test_a_drill_is_not_sent() -> None:
    """A format without a test mark sends no message of a drill."""
    script = load_scenario("S2")
    drilled = replace(script, effects=tuple((name, replace(made, drill=True)) for name, made in script.effects))
    of = plan(drilled, build_campus())
    (fire,) = of.truths()
    device = next(d for d in of.fleet.devices if d.id == fire.devices[0])
    name = Senml(of.fleet).identity(device, "smoke_density")
    sent = Wire(of, formats="senml", begin_ms=fire.onset_ms - 60_000).advance(fire.end_ms)
    eui, metric = name.rsplit(":", 1)
    times_ms = [
        message.time_ms for message in sent if eui.encode() in message.payload and metric.encode() in message.payload
    ]
    assert times_ms
    assert max(times_ms) < fire.onset_ms

"""Latency of an alarm, from its publishing to the receiver of a webhook and to the live stream.

Mosquitto and the whole service run as separate processes. Each alarm is a smoke alarm of a new detector at a new place,
published at QoS 1 and read back by this process. All times are of the clock of the machine; the logs and the notice
supply those between: arrival, entry in the log, entry with the detection, begin of its transaction.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ingest import Priority
from simulators.play.publisher import Publisher
from twinward.broker import start_broker
from twinward.broker.ports import free_port
from twinward.data_folder.files import DETECTIONS, TELEMETRY
from twinward.log import DetectionLog, TelemetryLog

from .pipeline import Progress
from .probe import ServiceProcess
from .receivers import LiveStream, LiveStreams, WebhookReceiver

Row = dict[str, Any]
Times = dict[str, int]
"""Time of each sensor's alarm at one stage, in ns since 1970."""

EVERY_S, SHIFT = 0.25, 0.618
"""Mean interval of the alarms, and share of it by which each shifts: no timer of the service coincides with them."""
WARM_ALARMS = 5
"""Alarms before the measurement: first use of each part and of each connection."""
SETTLE_S = 30.0
SITE = "bench"
NANOS_PER_MS, ENTRIES_MAX = 1_000_000, 1 << 20
STAGES = ("published", "arrived", "logged", "detected", "applied", "webhook")
"""Stages of the way to the webhook. `logged` and `detected` are before the commit of their entry. `applied` is the
begin of the transaction with hazard, ticket and notice, in whole milliseconds."""


def run(*, seconds: float = 60.0, streams: int = 0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """Yield a row for each of the two receivers, then one for each stage before the webhook: percentiles in ms, n.

    streams: further live streams, which have a row of their own; one alarm counts once for each.
    """
    with tempfile.TemporaryDirectory(prefix="twinward-bench-") as path:
        times, further = _measure(Path(path), seconds, streams, progress)
        times |= _logged(Path(path) / "data")
    published = times["published"]
    if streams:
        begun = {f"{nth} {sensor}": at_ns for nth in range(streams) for sensor, at_ns in published.items()}
        ended = {f"{nth} {sensor}": at_ns for nth, one in enumerate(further) for sensor, at_ns in one.items()}
        yield _row(f"published to {streams} further live streams", begun, ended)
    yield _row("published to the webhook's receiver", published, times["webhook"])
    yield _row("published to the live stream", published, times["stream"])
    for before, after in pairwise(STAGES):
        yield _row(f"{before} to {after}", {sensor: times[before].get(sensor, 0) for sensor in published}, times[after])


def _measure(folder: Path, seconds: float, streams: int, progress: Progress) -> tuple[dict[str, Times], list[Times]]:
    """Return the times at the publisher and at both receivers, and those of each further stream."""
    progress("latency: start")
    with contextlib.ExitStack() as undo:
        broker = start_broker(free_port(), folder)
        undo.callback(broker.stop)
        receiver = undo.enter_context(WebhookReceiver(folder))
        limit = f"account_listeners_max = {streams + 20}\nconnections_per_address = 768\nconnections_max = 768\n"
        service = ServiceProcess(folder, broker.url, more=receiver.settings, http=limit)
        undo.callback(service.end)
        stream = undo.enter_context(LiveStream(service.port, service.headers))
        further = undo.enter_context(LiveStreams(service.port, service.headers, streams))
        publisher = Publisher(broker.url, client_id="twinward-latency")
        undo.callback(publisher.close)

        def named(received: Times) -> Times:
            sensors = receiver.sensors()
            return {sensors[hazard]: at_ns for hazard, at_ns in received.items() if hazard in sensors}

        def arrived() -> Iterable[str]:
            streamed = (named(times).keys() for times in (stream.received(), *further.received()))
            return set(receiver.received()).intersection(*streamed)

        _publish(publisher, "warm", WARM_ALARMS, arrived)
        count = max(1, round(seconds / EVERY_S))
        progress(f"latency: {count} alarms in {seconds:g} s")
        published = _publish(publisher, "alarm", count, arrived)
        times = {
            "published": published,
            "applied": receiver.applied(),
            "webhook": receiver.received(),
            "stream": named(stream.received()),
        }
        return times, [named(one) for one in further.received()]


def _publish(publisher: Publisher, name: str, count: int, arrived: Callable[[], Iterable[str]]) -> Times:
    """Publish alarms, wait until all have arrived, at most SETTLE_S; return the times of publishing."""
    published: Times = {}
    begin_s = time.monotonic()
    for number in range(count):
        due_s = begin_s + EVERY_S * (number + SHIFT * number % 1)
        while (left_s := due_s - time.monotonic()) > 0:
            publisher.pause(left_s)
        sensor, now_ns = f"{name}-{number}", time.time_ns()
        published[sensor] = now_ns
        payload = b'{"time":%d,"smoke":true}' % (now_ns // NANOS_PER_MS)
        publisher.publish([(f"campus/{SITE}/smoke/{sensor}", payload, False)])
    deadline_s = time.monotonic() + SETTLE_S
    while not published.keys() <= {*arrived()} and time.monotonic() < deadline_s:
        publisher.pause(0.05)
    return published


def _logged(folder: Path) -> dict[str, Times]:
    """Return the times of arrival, of the entry in the log and of the entry with the detection."""
    arrived, logged, detected = dict[str, int](), dict[str, int](), dict[str, int]()
    log = TelemetryLog(folder / TELEMETRY, clock=time.time_ns)
    detections = DetectionLog(folder / DETECTIONS, clock=time.time_ns)
    with contextlib.closing(log), contextlib.closing(detections):
        names = {sensor.code: sensor.id for sensor in log.catalog()[0]}  # not the service's own
        for entry in log.urgent().read(0, limit=ENTRIES_MAX):
            for code, at_ns in zip(entry.batch.sensor.tolist(), entry.batch.arrival_ns.tolist(), strict=True):
                arrived.setdefault(names.get(code, ""), at_ns)
                logged.setdefault(names.get(code, ""), entry.written_ns)
        for found in detections.lane(Priority.URGENT).read(0, limit=ENTRIES_MAX):
            for code in found.detections.sensor.tolist():
                detected.setdefault(names.get(code, ""), found.written_ns)
    return {"arrived": arrived, "logged": logged, "detected": detected}


def _row(case: str, begun: Times, ended: Times) -> Row:
    waits_ms = [(ended[sensor] - at_ns) / NANOS_PER_MS for sensor, at_ns in begun.items() if sensor in ended]
    p50, p95, p99 = np.percentile(waits_ms, (50, 95, 99)) if waits_ms else (np.nan,) * 3
    return {
        "bench": "latency",
        "case": case,
        "n": len(waits_ms),
        "p50_ms": round(float(p50), 1),
        "p95_ms": round(float(p95), 1),
        "p99_ms": round(float(p99), 1),
        "lost": len(begun) - len(waits_ms),
    }

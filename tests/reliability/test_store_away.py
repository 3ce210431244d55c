"""Outage of the InfluxDB server under load: no reading is lost, alarms keep their latency."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from ingest.stores.influxdb import InfluxStore, create_database
from ingest.vocabulary import METRIC_BY_NAME
from twinward.log import TelemetryLog

RATE, AWAY_S = 4_000, 6
RATE_LONG, AWAY_LONG_S = 10_000, 360
"""The readings of an hour at 1,000/s, sent at ten times the rate."""

SENSORS = 100
CAUGHT_UP_S = 600
ALARM_EVERY_S = 0.2
ALARM_S = 1.0


@pytest.fixture
def influx_service(mosquitto: Any, influxdb: Any, rig: Any) -> tuple[Any, str]:
    """A service with its readings in InfluxDB, and the name of the database."""
    database = f"t{uuid4().hex}"
    create_database(influxdb.url, database)
    extra = f'[store]\nkind = "influxdb"\ninflux_url = "{influxdb.url}"\ninflux_database = "{database}"\n'
    service = rig.service(mosquitto.url, extra=extra + 'influx_api = "1"\n')
    service.start()
    return service, database


def numbers_in(url: str, database: str, service: Any) -> Any:
    """Return every number in the server."""
    with closing(TelemetryLog(service.data / "telemetry.sqlite", clock=time.time_ns)) as log:
        codes = [sensor.code for sensor in log.catalog()[0]]
    metric = METRIC_BY_NAME["people_in_total"].code
    with closing(InfluxStore(url, database, api="1")) as store:
        series = [store.read(code, metric, from_ns=0, to_ns=2**62).value for code in codes]
    return np.concatenate(series).astype(np.int64)


@pytest.mark.broker
def test_an_outage_of_the_store_loses_nothing(
    mosquitto: Any, influxdb: Any, influx_service: tuple[Any, str], rig: Any
) -> None:
    """Readings and alarms during the outage: every number is stored once, alarms keep their limit."""
    service, database = influx_service
    rate, away_s = rig.size(RATE, RATE_LONG), rig.size(AWAY_S, AWAY_LONG_S)
    alarms = rig.alarms(mosquitto.port, service)
    before = alarms.every(ALARM_EVERY_S, rig.size(20, 100))
    influxdb.stop()
    sender = rig.sender(mosquitto.url, rate=rate, count=rate * away_s, sensors=SENSORS)
    away = alarms.every(ALARM_EVERY_S * rig.size(1, 5), int(away_s / ALARM_EVERY_S / rig.size(1, 5)))
    sender.finish(timeout_s=600)
    stored = service.client().get("/accounting").json()["total"]["stored"]
    influxdb.start()
    began_s, during = time.monotonic(), []
    client = service.client()
    while any(client.get("/accounting").json()["lag"].values()) or len(during) < rig.size(10, 100):
        during += alarms.every(ALARM_EVERY_S, 1)
        assert time.monotonic() - began_s < CAUGHT_UP_S
    caught_up_s = time.monotonic() - began_s
    rig.caught_up(service, sender.count + len(alarms.raised))
    rig.until(lambda: not alarms.missing(), timeout_s=20, what="a ticket for every alarm")
    spans = {"before": before, "away": away, "during": during}
    p99_s = {name: round(alarms.p99_s(places), 3) for name, places in spans.items()}
    rig.report(readings=sender.count, waited=stored, caught_up_s=round(caught_up_s, 1), p99_s=p99_s)
    assert not alarms.duplicated
    assert max(p99_s.values()) <= rig.bound_s(ALARM_S)
    assert service.stop() == 0
    rig.data_of(service).check(sender, stored=numbers_in(influxdb.url, database, service))

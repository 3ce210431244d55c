"""Hostile messages, hostile names and floods beside good readings: the good readings are stored once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from simulators.play.publisher import Publisher

RATE, SENSORS = 1_000, 50
ROUNDS, ROUNDS_LONG = 10, 100
GROWTH_MIB = 50
NAMES, NAMES_LONG = 10_000, 100_000
EXCESS_RATE, QUIET_RATE = 10_000, 200
ALARMS, ALARMS_LONG = 20, 300
FLAT_OUT, FLOOD_S_MAX = 40_000, 600
GATEWAYS, NIGHT, FLOOD_AT_ONCE, FLOOD_AN_ALARM = 100, 100, 2_000, 1_000
EXCESS_S = 40
"""Minimum duration of the flood; its detection takes 20 s."""

ALARM_S, SHOWN_S = 1.0, 10.0
"""Documented 99th percentile from publication to the ticket, at any load that the service can read; limit for the
display of a fire detector's alarm (EN 54-2)."""

DEEP = 10_000
VICTIM = "campus/rel/env/victim"
ODD_NAMES = ("教室 3号, 烟感", "a'b\"c", "x value=1i", "'; DROP TABLE readings;--", "😀 = <script>", "a\\b,c=d e")
BAD_NAMES = (
    "a'b",
    'a"b',
    "a,b",
    "a b",
    "教室",
    "😀",
    "a=b",
    "a\\b",
    "x value=1",
    "'; DROP TABLE readings;--",
    "<b>",
    "",
)

BAD_PAYLOADS = {
    "depth": (b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "too_large": (b'{"co2": 1, "x": "' + b"x" * 2**20 + b'"}',),
    "not_finite": (b'{"co2": 1e400}', b'{"co2": NaN}', b'{"co2": -Infinity}'),
    "json": (b"{'co2': 1}", b'{"co2": 1,}', b"co2 value=1 1", b"<xml/>"),
    "utf8": (b"\x1f\x8b\x08", b'{"co2": "\xff\xfe"}', b'{"\xc0\xaf": 1}'),
    "not_object": (b"null", b"true", b"17", b'"x"', b"[[]]"),
    "empty": (b"", b"[]", b"\0", b"\xef\xbb\xbf{}"),
    "type": (b'{"co2": "1"}', b'{"co2": {"a": 1}}', b'{"co2": [1, 2]}'),
    "time_future": (b'{"time": "2099-01-01T00:00:00Z", "co2": 1}',),
    "time_past": (b'{"time": 0, "co2": 1}', b'{"time": "1999-01-01T00:00:00Z", "co2": 1}'),
    "metric_name": tuple(
        f'{{"{name}": 1}}'.encode()
        for name in ("a b", "", "温度", "co2,x=1 value", "__proto__", "a" * 65, "a;DROP", "\\u0007", "1a", "😀")
    ),
}
FOREIGN = (
    "zigbee2mqtt/x",
    "zigbee2mqtt/bridge/devices",
    "spBv1.0/g/NBIRTH/n",
    "spBv1.0/g/DDATA/n/d",
    "tele/x/SENSOR",
    "homie/5/x/$description",
    "frigate/events",
    "homeassistant/sensor/x/config",
    "application/1/device/00/event/up",
    "v3/a@b/devices/x/up",
)


def bad_messages() -> list[tuple[str, str, bytes]]:
    """Return (reason, topic, payload) of every native message that must be rejected."""
    bad = [(reason, VICTIM, payload) for reason, payloads in BAD_PAYLOADS.items() for payload in payloads]
    bad += [("sensor_name", f"campus/rel/env/{name}", b'{"co2": 1}') for name in BAD_NAMES]
    return [*bad, ("kind", "campus/rel/weather/x", b'{"co2": 1}')]


def memory_mib(service: Any) -> float:
    """Return the resident memory of the service."""
    text = Path(f"/proc/{service.processes['all'].pid}/status").read_text(encoding="utf-8")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def floods(service: Any, kind: str) -> list[dict[str, Any]]:
    """Return the hazards of that kind, with the cleared ones."""
    found = service.client().get("/hazards", params={"state": "all", "limit": 1_000}).json()["items"]
    return [hazard for hazard in found if hazard["kind"] == kind]


def one_flood_that_ends(rig: Any, service: Any, kind: str, *, timeout_s: float) -> dict[str, Any]:
    """Wait until the hazard of that kind clears automatically; return it."""
    rig.until(lambda: all(flood["cleared_at"] for flood in floods(service, kind)), timeout_s=timeout_s, what="its end")
    (flood,) = floods(service, kind)
    return flood


@pytest.mark.broker
def test_hostile_messages_leave_good_readings_intact(mosquitto: Any, rig: Any) -> None:
    """Rounds of bad messages beside 1,000 good readings/s: each is rejected under its reason, memory is bounded."""
    service, rounds = rig.service(mosquitto.url), rig.size(ROUNDS, ROUNDS_LONG)
    service.start()
    sender = rig.sender(mosquitto.url, rate=RATE, count=RATE * (rounds // 2 + 3), sensors=SENSORS)
    attacker = Publisher(mosquitto.url, client_id="attacker")
    bad, data = bad_messages(), rig.data_of(service)
    rubbish = [payload for payloads in BAD_PAYLOADS.values() for payload in payloads if len(payload) < DEEP]
    foreign = [(topic, payload, False) for topic in FOREIGN for payload in rubbish]
    before = 0.0
    for number in range(rounds):
        attacker.publish([(topic, payload, False) for _, topic, payload in bad] + foreign)
        assert attacker.drain() == 0
        time.sleep(0.2)
        if number == rounds // 5:
            before = memory_mib(service)
    attacker.publish([(f"zigbee2mqtt/{name}", b'{"co2": 700}', False) for name in ODD_NAMES])
    assert attacker.drain() == 0
    attacker.close()
    sender.finish()
    rig.caught_up(service, sender.count + len(ODD_NAMES))
    growth = memory_mib(service) - before
    total = service.client().get("/accounting").json()
    refused = next(row for row in total["by"] if (row["site"], row["format"]) == ("rel", "native"))["quarantined"]
    everywhere = total["total"]["quarantined"]
    wanted = {reason: rounds * count for reason, count in Counter(reason for reason, _, _ in bad).items()}
    rig.report(rounds=rounds, refused=sum(everywhere.values()), growth_mib=round(growth, 1))
    assert [reason for reason, count in wanted.items() if everywhere.get(reason, 0) < count] == []
    assert refused == {reason: count for reason, count in wanted.items() if reason in BAD_PAYLOADS}
    assert growth < GROWTH_MIB
    assert set(data.sensors_with("co2")) - {"x"} == set(ODD_NAMES)  # other formats decode some of it
    assert service.stop() == 0
    data.check(sender)


@pytest.mark.broker
def test_a_flood_of_new_names_leaves_good_readings_intact(mosquitto: Any, rig: Any) -> None:
    """10,000 undeclared devices per second: every good reading is stored once, every alarm has a ticket within seconds.

    Their site accepts half of them and rejects the rest; one finding reports the flood and clears.
    """
    names = rig.size(NAMES, NAMES_LONG)
    room = names // 2
    service = rig.service(mosquitto.url, extra=f"[intake]\nundeclared_max = {room}\n")
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    sender = rig.sender(mosquitto.url, rate=RATE, count=RATE * (names // NAMES + 4), sensors=SENSORS)
    quiet = alarms.every(0.1, 10)
    before, began_s = memory_mib(service), time.monotonic()
    flood = Publisher(mosquitto.url, client_id="flood", qos=0)
    during = []
    for start in range(0, names, 500):
        rows = [(f"campus/flooded/env/flood-{number}", b'{"co2": 1}', False) for number in range(start, start + 500)]
        flood.publish(rows)
        during.append(alarms.raise_one())
        time.sleep(max(0.0, began_s + (start + 500) / NAMES - time.monotonic()))
    flood.close()
    sender.finish()
    rig.caught_up(service, sender.count + room + len(alarms.raised))
    rig.until(lambda: not alarms.missing(), timeout_s=20, what="a ticket for every alarm")
    kib = 1024 * (memory_mib(service) - before) / names
    rig.report(names=names, kib_a_name=round(kib, 1), p99_quiet_s=alarms.p99_s(quiet), p99_flood_s=alarms.p99_s(during))
    assert len(rig.data_of(service).sensors_with("co2")) == room
    total = service.client().get("/accounting").json()
    assert total["total"]["quarantined"] == {"sensor_limit": names - room}
    assert total["notices"]["new_names"] == names
    finding = one_flood_that_ends(rig, service, "name_flood", timeout_s=100)
    assert (finding["site"], [sensor["id"] for sensor in finding["sensors"]]) == ("flooded", ["_service"])
    assert not alarms.duplicated
    assert service.stop() == 0
    rig.data_of(service).check(sender)


@pytest.mark.broker
def test_a_flood_of_comfort_readings_is_spooled_and_a_fire_pages(
    mosquitto: Any, rig: Any, sink: Any, notify: str
) -> None:
    """Backfill of many gateways above the decoding rate: fires page in time, every reading is stored.

    The long run is also above the reading rate: the broker queues it, and fires overtake it.
    """
    service, times = rig.service(mosquitto.url, extra=notify), rig.size(ALARMS, ALARMS_LONG)
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    flood = Publisher(mosquitto.url, client_id="flood", window=FLOOD_AT_ONCE)
    now_ms = time.time_ns() // 1_000_000
    nights = [gateway_night(number, now_ms) for number in range(times * FLOOD_AN_ALARM)]
    flood.publish([(topic, b'{"seq": 0, "temperature": 20}', False) for topic in {row[0] for row in nights}])
    assert flood.drain() == 0
    quiet = alarms.every(0.2, times)
    client, waited = service.client(), 0
    during = []
    for start in range(0, len(nights), FLOOD_AN_ALARM):
        flood.publish(nights[start : start + FLOOD_AN_ALARM])
        during.append(alarms.raise_one())
        waited = max(waited, client.get("/accounting").json()["lag"]["spool"])
    assert flood.drain() == 0
    flood.close()
    rig.until(lambda: not alarms.missing(), timeout_s=30, what="a ticket for every alarm")
    readings = GATEWAYS + len(nights) * NIGHT + len(alarms.raised)
    rig.caught_up(service, readings, timeout_s=240)
    notices = sink.alarms()
    sent_s = sorted(notices[place][0][0] - alarms.raised[place] for place in during)
    rig.report(
        readings=readings,
        blocks_waited=waited,
        p99_quiet_s=round(alarms.p99_s(quiet), 3),
        sent_s=[round(sent_s[len(sent_s) // 2], 2), round(sent_s[-1], 2)],
        p99_ticket_s=round(alarms.p99_s(during), 3),
    )
    total = rig.data_of(service).total()
    assert (total["stored"], total["duplicate"], total["quarantined"]) == (readings, 0, {})
    assert waited > 0
    assert sent_s[-1] <= rig.bound_s(SHOWN_S)
    assert rig.long or alarms.p99_s(during) <= rig.bound_s(ALARM_S, alarms.p99_s(quiet))
    assert {len(messages) for messages in notices.values()} == {1}
    assert not alarms.duplicated


@pytest.mark.broker
def test_messages_above_the_decoding_rate_delay_no_fire(mosquitto: Any, rig: Any) -> None:
    """Single comfort readings at QoS 1 from two processes at full speed: each is stored, alarms keep their limit."""
    service, times = rig.service(mosquitto.url), rig.size(ALARMS, ALARMS_LONG)
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    quiet = alarms.every(0.2, times)
    plan = {"rate": FLAT_OUT, "count": FLAT_OUT * FLOOD_S_MAX, "sensors": 1_000, "timed": False, "niceness": 10}
    senders = [rig.sender(mosquitto.url, site=site, metric="illuminance", **plan) for site in ("rel", "more")]
    rig.until(lambda: all(len(sender.acked()) for sender in senders), timeout_s=30, what="the flood")
    during = alarms.every(0.2, times)
    rig.until(lambda: not alarms.missing(), timeout_s=60, what="a ticket for every alarm")
    waiting = sum(len(sender.acked()) for sender in senders) - rig.data_of(service).total()["stored"]
    for sender in senders:
        sender.end_early()
    readings = sum(sender.finish(timeout_s=300)["sent"] for sender in senders)
    rig.caught_up(service, readings + len(alarms.raised), timeout_s=300)
    quiet_s, flood_s = alarms.p99_s(quiet), alarms.p99_s(during)
    rig.report(readings=readings, waiting=waiting, p99_quiet_s=round(quiet_s, 3), p99_flood_s=round(flood_s, 3))
    total = rig.data_of(service).total()
    assert (total["stored"], total["quarantined"]) == (readings + len(alarms.raised), {})
    assert flood_s <= rig.bound_s(ALARM_S, quiet_s)
    assert not alarms.duplicated


def gateway_night(number: int, now_ms: int) -> tuple[str, bytes, bool]:
    """Return an array of readings, one per second."""
    gateway, part = number % GATEWAYS, number // GATEWAYS
    first = part * NIGHT
    one = b'{"time":%d,"seq":%d,"temperature":%.1f}'
    items = [one % (now_ms - 1_000 * (NIGHT - i), first + i + 1, 20 + i % 50 / 10) for i in range(NIGHT)]
    return f"campus/flood/env/gateway-{gateway}", b"[%b]" % b",".join(items), False


@pytest.mark.broker
def test_a_flooding_device_delays_no_alarm_of_others(mosquitto: Any, rig: Any) -> None:
    """One device at 10,000 messages/s beside 200/s of others: alarms of the others keep their limit.

    The excess is counted; one finding reports the flood and clears.
    """
    service, times = rig.service(mosquitto.url), rig.size(ALARMS, ALARMS_LONG)
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    seconds = times * 0.1
    sender = rig.sender(mosquitto.url, rate=QUIET_RATE, count=int(QUIET_RATE * (2 * seconds + 6)), sensors=SENSORS)
    time.sleep(1)
    quiet = alarms.every(0.1, times)
    count = int(EXCESS_RATE * max(seconds + 2, EXCESS_S))
    flood = rig.sender(mosquitto.url, rate=EXCESS_RATE, count=count, sensors=1, qos=0, site="mad", metric="co2")
    time.sleep(1)
    during = alarms.every(0.1, times)
    rig.until(lambda: not alarms.missing(), timeout_s=20, what="a ticket for every alarm")
    rig.until(lambda: floods(service, "message_flood"), timeout_s=EXCESS_S, what="the flood reported")
    flood.close()
    sender.finish()
    rig.caught_up(service, sender.count + len(alarms.raised))
    quiet_s, flood_s = alarms.p99_s(quiet), alarms.p99_s(during)
    rig.report(
        alarms=times, p99_quiet_s=round(quiet_s, 3), p99_flood_s=round(flood_s, 3), ratio=round(flood_s / quiet_s, 2)
    )
    assert flood_s <= rig.bound_s(ALARM_S, quiet_s)
    finding = one_flood_that_ends(rig, service, "message_flood", timeout_s=40)
    assert (finding["site"], [sensor["id"] for sensor in finding["sensors"]]) == ("mad", ["d0"])
    assert service.client().get("/accounting").json()["notices"]["excess"] > EXCESS_RATE
    assert not alarms.duplicated
    assert service.stop() == 0
    rig.data_of(service).check(sender)

"""Record of a run on several nodes, and its check: loss, duplicates, owners, times to page."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
import paho.mqtt.client as mqtt
import psycopg

from ingest.vocabulary import METRIC_BY_NAME
from tests.processes.numbered import SITE, Numbers
from tests.processes.sink import Sink
from twinward.log import TelemetryLog
from twinward.log.server import ServerLog

from .nodes import Cluster

NUMBER = METRIC_BY_NAME["people_in_total"].code
POLL_S = 0.1
WATCHED = (
    ("twinward_telemetry_0.entries", "ingest"),
    ("twinward_detections_0.entries", "detect"),
    ("public.journal", "alert"),
)
_RECORDER = """
CREATE SCHEMA watched;
CREATE TABLE watched.writes (
  id BIGINT GENERATED ALWAYS AS IDENTITY, role TEXT, seq BIGINT, writer TEXT, epoch BIGINT, owner TEXT, mark TEXT);
CREATE FUNCTION watched.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO watched.writes (role, seq, writer, epoch, owner, mark)
    SELECT TG_ARGV[0], NEW.seq, current_setting('application_name'), epoch, node,
      (SELECT value FROM public.meta WHERE key = 'owner')
    FROM twinward_log.owners WHERE role = TG_ARGV[0];
  RETURN NEW;
END $$;
"""


class Write(NamedTuple):
    """An entry of a log or of the journal, with the owner of its role as the transaction saw it.

    writer: node whose connection wrote it. mark: owner of the alert database, which a node takes after its role.
    """

    role: str
    seq: int
    writer: str
    epoch: int
    owner: str
    mark: str


class History:
    """Events and observations of a run, with times since its start."""

    def __init__(self, cluster: Cluster, sink: Sink) -> None:
        """The tables of the logs must exist: the first owner creates them."""
        self.events: list[tuple[float, str]] = []
        self.raised: dict[str, float] = {}
        self._cluster, self._sink, self._begun_s = cluster, sink, time.monotonic()
        with cluster.connect() as db:
            db.execute(_RECORDER)
            for table, role in WATCHED:
                trigger = f"CREATE TRIGGER noted BEFORE INSERT ON {table} FOR EACH ROW"
                db.execute(f"{trigger} EXECUTE FUNCTION watched.note('{role}')")
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.connect("127.0.0.1", cluster.broker.port)
        self._client.loop_start()
        self._stop = threading.Event()
        self._epoch, self._epoch_s = 0, self._begun_s
        self._client.reconnect_delay_set(1, 1)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def note(self, event: str) -> None:
        """Record an event."""
        self.events.append((time.monotonic() - self._begun_s, event))

    def raise_alarm(self) -> str:
        """Publish a smoke alarm of a new sensor, and record it; return the sensor's place."""
        number = len(self.raised)
        place = f"unassigned:alarm-{number}"
        self.raised[place] = time.monotonic()
        body = b'{"time": %d, "seq": %d, "smoke": true}' % (time.time_ns() // 1_000_000, number)
        self._client.publish(f"campus/{SITE}/smoke/alarm-{number}", body, qos=1)
        self.note(f"alarm {number}")
        return place

    def last_epoch_s(self) -> float:
        """Return the monotonic time at which the present epoch was seen."""
        return self._epoch_s

    def tickets(self) -> Mapping[str, int]:
        """Return place -> number of tickets."""
        return Counter(place for (place,) in self._cluster.rows("SELECT place FROM tickets"))

    def pages(self) -> dict[str, tuple[float, set[str]]]:
        """Return place -> seconds from publication to the first page, and the ids of all its pages."""
        return {
            place: (min(at_s for at_s, _, _ in got) - self.raised[place], {number for _, number, _ in got})
            for place, got in self._sink.alarms().items()
            if place in self.raised
        }

    def logged(self) -> Numbers:
        """Return the numbers of all readings in the log."""
        found = [np.empty(0, np.int64)]
        with closing(TelemetryLog(ServerLog(self._cluster.url, "telemetry"), clock=time.time_ns)) as log:
            after = 0
            while entries := log.read(after, limit=256):
                after = entries[-1].seq
                found += [entry.batch.value[entry.batch.metric == NUMBER].astype(np.int64) for entry in entries]
        return np.concatenate(found)

    def writes(self) -> list[Write]:
        """Return every write of the watched tables, in order."""
        rows = self._cluster.rows("SELECT role, seq, writer, epoch, owner, mark FROM watched.writes ORDER BY id")
        return [Write(*row) for row in rows]

    def faults(self, acked: Numbers) -> list[str]:
        """Return the faults of the finished run; acked: numbers that the broker has acknowledged."""
        logged = self.logged()
        lost, double = np.setdiff1d(acked, logged), len(logged) - len(np.unique(logged))
        found = [f"{len(lost)} acknowledged readings lost, from {lost[0]}"] if len(lost) else []
        found += [f"{double} readings stored twice"] if double else []
        tickets, pages = self.tickets(), self.pages()
        found += [f"{tickets[place]} tickets at {place}" for place in self.raised if tickets[place] != 1]
        found += [f"no page of {place}" for place in self.raised if place not in pages]
        found += [f"{len(ids)} ids of pages of {place}" for place, (_, ids) in pages.items() if len(ids) != 1]
        return found + self._foreign()

    def slowest_page_s(self) -> float:
        """Return the longest time from the publication of an alarm to its first page."""
        return max((seconds for seconds, _ in self.pages().values()), default=0.0)

    def text(self) -> str:
        """Return the events, one on a line."""
        return "\n".join(f"{at_s:8.2f} s  {event}" for at_s, event in self.events)

    def close(self) -> None:
        """Stop the observation."""
        self._stop.set()
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()

    def _foreign(self) -> list[str]:
        """Return the writes of a node that did not own the log or the alert database, and owners that come back."""
        found, newest, marks = [], dict[str, int](), dict[str, str]()
        for write in self.writes():
            if write.role == "alert":
                first = marks.setdefault(write.mark, write.writer)
                if first != write.writer or write.mark != list(marks)[-1]:
                    found.append(f"{write.writer} wrote journal {write.seq}, which {first} owns or has owned")
                continue
            owner = self._cluster.node_of(write.owner)
            if owner is None or owner.name != write.writer:
                found.append(f"{write.writer} wrote {write.role} {write.seq} in epoch {write.epoch} of {write.owner}")
            if write.epoch < newest.get(write.role, 0):
                found.append(f"{write.role} {write.seq} has epoch {write.epoch} behind {newest[write.role]}")
            newest[write.role] = write.epoch
        return found

    def _watch(self) -> None:
        while not self._stop.wait(POLL_S):
            try:
                with psycopg.connect(self._cluster.connect_text(), connect_timeout=2, autocommit=True) as db:
                    db.execute("SET statement_timeout = 2000")
                    while not self._stop.wait(POLL_S):
                        self._look(db)
            except psycopg.Error:
                continue

    def _look(self, db: psycopg.Connection[Any]) -> None:
        row = db.execute("SELECT epoch, node FROM twinward_log.owners WHERE role = 'ingest'").fetchone()
        if row is not None and row[0] != self._epoch:
            self._epoch, self._epoch_s, owner = row[0], time.monotonic(), self._cluster.node_of(row[1])
            self.note(f"epoch {row[0]}: {owner.name if owner else row[1] or 'free'}")

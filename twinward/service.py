"""The service: the parts of one process wired together, started in the order of the data and stopped against it.

Each part is loaded when its turn comes. Messages are taken in, and acknowledged once they are in the log, as soon as
log and catalogue are there; everything behind the log finds them in it.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from alerts import AlertError
from alerts.notices.channels import open_channels
from detectors import DetectorError, Recipe
from ingest import Catalog, HoldError, Intake, Ledger, Priority, Store, StoreError
from ingest.decode import FOREIGN, decoders
from ingest.mqtt import FirstArrivals, MqttError, Subscriber, TransientSession, urgent_filters
from ingest.stores import open_store

from . import __version__
from .broker import Broker, start_broker
from .clock import Clock, system_clock
from .errors import as_cli_errors
from .latest import Latest
from .log import DetectionLog, TelemetryLog
from .ports import check_port
from .retention_rules import RetentionPlanner
from .settings import Settings
from .stages import DAY_NS, DETECT, DETECT_URGENT, AlertStage, DetectStage, LogCatalog, StoreStage, note_head
from .tables import read_tables

if TYPE_CHECKING:
    from detectors import DetectorSet

    from .pump import Pump

STORE_REST_S, DETECT_REST_S = 0.25, 0.05
"""Rests of stages that work better on fewer and larger turns; the urgent one never rests."""
REPLAYED_FOR_LATEST = 500
PACKAGE_ERRORS = (DetectorError, AlertError, HoldError, MqttError, ValueError)
"""Errors of the packages that a person can fix, by settings or by input."""
LOADING_TURN_S = 0.0005
"""While parts load beside others that work already: who imports gives way at each file, for 5 ms as a rule."""


log = logging.getLogger(__name__)


class Service:
    """One process of the service. role: all, ingest, detect or alert (with the HTTP interface)."""

    def __init__(self, settings: Settings, *, role: str = "all", clock: Clock = system_clock) -> None:
        """Checks what a person may have set wrong, then opens the log and the way in; nothing is taken in yet.

        Raises TwinwardError in one sentence where the world does not allow it.
        """
        self.settings, self.role, self.clock = settings, role, clock
        self._undo = contextlib.ExitStack()
        self._checks: dict[str, Callable[[], bool]] = {}
        self._pumps: list[Pump[Any]] = []
        self._subscriber: Subscriber | None = None
        self._loaded = threading.Event()
        with as_cli_errors(*PACKAGE_ERRORS), contextlib.ExitStack() as opened:
            opened.callback(self._undo.close)
            self._check()
            self._open_log()
            if self._does("ingest"):
                self._open_ingest()
            opened.pop_all()

    def start(self) -> None:
        """Bring the parts up in the order of the data, each at work as soon as it is loaded: in, detect, alert, store.

        Raises TwinwardError; what was taken in until then is kept. What only the database or the store can tell is told
        here, a moment after the first message was taken in.
        """
        with as_cli_errors(*PACKAGE_ERRORS), taking_turns(LOADING_TURN_S):
            if self._subscriber is not None:
                self._subscriber.start()
            from .log_format import quiet_logs  # needed, and loaded, behind the way in

            quiet_logs()
            if self._does("detect"):
                self._open_detect()
            if self._does("alert"):
                self._open_alert()
                self._open_store()
                self._open_lookout()
                self._open_http()

    def serve(self) -> None:
        """Let people in, where the role has the HTTP interface; then what is far behind may hurry."""
        if self._does("alert"):
            with taking_turns(LOADING_TURN_S):
                self._serve()
        self._loaded.set()

    def stop(self) -> None:
        """End against the flow: first no more messages, then the stages behind, last the files."""
        if self._subscriber is not None:
            self._subscriber.stop()
        self._loaded.set()
        self._undo.close()

    def status(self) -> dict[str, bool]:
        """Each part of this process and whether it works now."""
        return {name: check() for name, check in self._checks.items()}

    def _does(self, role: str) -> bool:
        return self.role in {"all", role}

    def _check(self) -> None:
        """Everything that a person writes and that can be read without the parts that go by it."""
        settings = self.settings
        self.tables = read_tables(settings)
        if self._does("alert"):
            self._channels = open_channels(settings.notify)
            check_port(settings.http.host, settings.http.port, "http.port (--port)")

    def _open_log(self) -> None:
        data_dir = self.settings.data_dir
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        intake = self.settings.intake
        self.catalog = Catalog(
            self.tables.registry.sensors, undeclared_max=intake.undeclared_max, sites_max=intake.undeclared_sites_max
        )
        self.log = TelemetryLog(data_dir / "telemetry.sqlite", clock=self.clock)
        self._undo.callback(self.log.close)
        self.detections = DetectionLog(data_dir / "detections.sqlite", clock=self.clock)
        self._undo.callback(self.detections.close)
        self.catalog.load(*self.log.catalog())
        self.catalog.drain_changes()
        self._shared = LogCatalog(self.log, self.catalog, shared=self.role == "all")
        self._checks["log"] = self._log_answers

    def _open_ingest(self) -> None:
        settings = self.settings
        if settings.broker.embedded:
            broker: Broker = start_broker(settings.broker.port, settings.data_dir)
            self._undo.callback(broker.stop)
            self._checks["embedded_broker"] = broker.alive
        intake = Intake(
            self.catalog,
            decoders(settings.intake.formats or FOREIGN, lorawan=self.tables.lorawan),
            settings=settings.intake,
            batch=settings.batch,
            recent_keys=self.log.recent_keys(settings.intake.keys_max),
            memory=self.log.memory(),
            spooled=self.log.spool_blocks(),
            ledger=Ledger(self.log.ledger_entries()),
        )
        self._heard = FirstArrivals()
        subscriber = Subscriber(
            settings.mqtt,
            intake,
            self.log.append,
            self.clock,
            waiting=self.log.waiting,
            spooled=self.log.spooled,
            heard=self._heard,
        )
        self._checks["broker"] = lambda: bool(subscriber.status()["healthy"])
        self._subscriber = subscriber

    def _open_detect(self) -> None:
        from detectors import build, urgent, warm

        from .pump import Pump

        def stage(rules: Recipe, name: str, *, overhears: bool) -> DetectStage:
            def make() -> DetectorSet:
                return build(rules, self.catalog, self.tables.calendar)

            return DetectStage(make, self.detections, self._shared, clock=self.clock, name=name, overhears=overhears)

        warm()
        self._add(Pump(self.log.urgent(), stage(urgent(self.tables.recipe), DETECT_URGENT, overhears=False)))
        self._add(
            Pump(self.log, stage(self.tables.recipe, DETECT, overhears=True), rest_s=DETECT_REST_S), hurry=self._loaded
        )

    def _open_alert(self) -> None:
        from prometheus_client import CollectorRegistry

        from alerts import AlertDispatch, MemoryOutbox, Outbox, People, SentIds, open_database

        from .observe import latency_histogram
        from .pump import Pump

        engine = open_database(self.settings.database_url)
        self._undo.callback(engine.dispose)
        self.desk = AlertDispatch(engine, self.tables.registry, self.clock, channels=self._channels)
        self.people = People(engine, self.clock)
        self._metrics = CollectorRegistry()
        latency, head = latency_histogram(self._metrics), self.settings.data_dir / "alerts.head"
        self._undo.callback(lambda: note_head(head, self.desk.tip()))
        for lane in (Priority.URGENT, Priority.ORDINARY):
            stage = AlertStage(self.desk, self.catalog, self._shared, latency, head, lane=lane)
            self._add(Pump(self.detections.lane(lane), stage))
        delivered = SentIds()
        self._outbox = Outbox(engine, self._channels, self.clock, delivered=delivered)
        self._messenger = MemoryOutbox(self._channels, self.clock, delivered=delivered)
        for sender in (self._outbox, self._messenger):
            sender.start()
            self._undo.callback(sender.stop)
        self._checks |= {"database": self.desk.queries.ready, "outbox": self._outbox.alive}

    def _open_store(self) -> None:
        from .pump import Pump

        self._latest = Latest()
        self.store = self._opened_store(self._latest)
        keep = RetentionPlanner(self.tables.retention, self.catalog, self.settings.data_dir)
        stage = StoreStage(self.store, self._latest, self._shared, self.clock, keep=keep, trim=self._trim)
        self._add(Pump(self.log, stage, rest_s=STORE_REST_S), hurry=self._loaded)

    def _open_lookout(self) -> None:
        """Alarms from memory while nothing can be stored; with the broker's messages where this process takes them."""
        from .observe import StandbyCollector
        from .standby.controller import Mode, StandbyController
        from .standby.disk_probe import DiskProbe
        from .standby.memory_flow import MemoryFlow, origin, subscriptions
        from .standby.self_monitor import DiskSpace

        settings, subscriber = self.settings, self._subscriber
        made = origin(
            settings,
            self.tables,
            self.clock,
            catalog=self.catalog,
            logs=(self.log, self.detections),
            desk=(self.desk.engine, self._channels, lambda: bool(self._outbox.last_error)),
        )
        behind = [pump for pump in self._pumps if pump.name != StoreStage.name]
        stages = {pump.name: partial(getattr, pump, "last_error") for pump in behind}
        filters: Callable[[], Sequence[str]] = partial(subscriptions, settings)
        if subscriber is not None:
            filters = subscriber.subscriptions
        self._lookout = StandbyController(
            lambda alone: MemoryFlow(made, urgent_alone=alone),
            self._messenger,
            self.clock,
            channels=self._channels,
            room=DiskSpace(settings.data_dir),
            stages=stages | {"outbox": lambda: self._outbox.last_error},
            source=DiskProbe(settings.data_dir, self.log.head) if subscriber is None else subscriber,
            ears={
                Mode.EAR: TransientSession(settings.mqtt, filters),
                Mode.URGENT_EAR: TransientSession(settings.mqtt, lambda: urgent_filters(filters())),
            },
            heard=FirstArrivals() if subscriber is None else self._heard,
        )
        self._checks["lookout"] = self._lookout.alive
        self._metrics.register(StandbyCollector(self._lookout, self._messenger, desk=self.desk, people=self.people))
        self._lookout.start()
        self._undo.callback(self._lookout.stop)

    def _open_http(self) -> None:
        import uvicorn

        from alerts.api import create_app

        from .observe import Observer, ServiceCollector, condition

        http, pumps = self.settings.http, tuple(self._pumps)
        observer = Observer(
            self.catalog,
            self.store,
            self.log,
            self._latest,
            pumps,
            self._checks,
            self._metrics,
            told=lambda: condition(self._lookout, self._messenger),
        )
        delay_s = None if self._subscriber is None else self._subscriber.delay_s
        self._metrics.register(ServiceCollector(self.log, pumps, self._checks, delay_s=delay_s))
        app = create_app(self.desk, self.people, observer, settings=http, clock=self.clock, version=__version__)
        config = uvicorn.Config(
            app,
            host=http.host,
            port=http.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        server = self._server = uvicorn.Server(config)
        self._checks["http"] = lambda: bool(server.started)

    def _serve(self) -> None:
        server = self._server
        thread = threading.Thread(target=server.run, name="http", daemon=True)
        thread.start()

        def end() -> None:
            server.should_exit = True
            thread.join(10)

        self._undo.callback(end)
        while thread.is_alive() and not server.started:
            time.sleep(0.01)

    def _trim(self, now_ns: int) -> None:
        """Let go of old log entries that every stage has taken in."""
        before_ns = now_ns - int(self.settings.log.keep_days * DAY_NS)
        saved = [self.detections.latest_snapshot(stage) for stage in (DETECT_URGENT, DETECT)]
        judged = min(snapshot[0] if snapshot else 0 for snapshot in saved)
        bytes_max = self.settings.log.keep_mb * 1_000_000
        self.log.retain(before_ns=before_ns, up_to=min(self.store.cursor(), judged), bytes_max=bytes_max)
        told = min(self._told_up_to(lane) for lane in Priority)
        self.detections.retain(before_ns=before_ns, up_to=told, bytes_max=bytes_max)

    def _told_up_to(self, lane: Priority) -> int:
        """The position up to which that lane holds nothing that the database has not; the log's end where all is in."""
        head, cursor = self.detections.head(), self.desk.cursor(lane)
        return cursor if self.detections.lane(lane).head() > cursor else head

    def _opened_store(self, latest: Latest) -> Store:
        settings = self.settings
        path = settings.data_dir / "readings.duckdb"
        store = open_store(settings.store.kind, path, settings=settings.store, catalog=self.catalog)
        self._undo.callback(store.close)
        try:
            known = store.cursor()
        except StoreError as error:  # a server that is away: the log holds what it will get
            log.warning("the store does not answer yet: %s", error)
            return store
        for entry in self.log.read(max(0, known - REPLAYED_FOR_LATEST), limit=REPLAYED_FOR_LATEST):
            if entry.seq <= known:
                latest.update(entry.batch)
        return store

    def _add(self, pump: Pump[Any], *, hurry: threading.Event | None = None) -> None:
        self._pumps.append(pump)
        self._checks[pump.name] = pump.healthy
        pump.start(hurry=hurry)
        self._undo.callback(pump.stop)

    def _log_answers(self) -> bool:
        return self.log.head() >= 0


@contextlib.contextmanager
def taking_turns(turn_s: float) -> Iterator[None]:
    """Threads that compute take turns this often, for the time of the block."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(turn_s)
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)

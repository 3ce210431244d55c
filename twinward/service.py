"""One process of the service: starts its parts with the data flow and stops them against it.

Each part loads when its turn comes. Messages are received, and acknowledged once they are in the log, as soon as log
and catalogue are open. The later parts read them from the log.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from alerts import AlertError
from alerts.api.transport import transport
from alerts.notices.channels import open_channels
from detectors import DetectorError
from ingest import HoldError, StoreError
from ingest.mqtt import FirstArrivals, MqttError, Subscriber

from . import __version__
from .broker import check_embedded, signed_in, start_embedded
from .broker.ports import check_port
from .clock import Clock, system_clock
from .data_folder.files import DATABASE, DATABASE_HEAD, damage_named
from .data_folder.journal_head import note_end
from .data_folder.locks import RoleLocks, check_free, roles_of
from .errors import as_cli_errors
from .flow import Flow, Step, open_folder, subscriptions
from .latest import Latest
from .settings import Settings
from .stages import DETECT_URGENT, STORE
from .tables import read_tables

if TYPE_CHECKING:
    from .pump import Pump

STORE_REST_S, DETECT_REST_S = 0.25, 0.05
"""Pauses of stages that work better on fewer, larger batches; the urgent stages have none."""
PACKAGE_ERRORS = (DetectorError, AlertError, HoldError, MqttError, StoreError, sqlite3.Error, ValueError)
"""Errors of the packages that a user can fix, by settings or by input."""
LOADING_SWITCH_S = 0.0005
"""Thread switch interval while parts load beside working ones; an import otherwise holds the interpreter for 5 ms."""


class Service:
    """One process of the service. role: all, ingest, detect or alert (with the HTTP interface)."""

    def __init__(self, settings: Settings, *, role: str = "all", clock: Clock = system_clock) -> None:
        """Check the settings and tables, then open logs, broker and session; receives no message yet.

        Raises TwinwardError with one sentence.
        """
        self.settings, self.role, self.clock = settings, role, clock
        self._undo = contextlib.ExitStack()
        self._checks: dict[str, Callable[[], bool]] = {}
        self._pumps: list[Pump[Any]] = []
        self._subscriber: Subscriber | None = None
        self._arrivals = FirstArrivals()
        self._loaded = threading.Event()
        with as_cli_errors(*PACKAGE_ERRORS), contextlib.ExitStack() as opened:
            opened.callback(self._undo.close)
            check_free(settings.data_dir, roles_of(role))
            self._check_settings()
            self._locks = RoleLocks(settings.data_dir, roles_of(role))
            self._undo.callback(self._locks.close)
            open_folder(settings, role)
            self._open_flow()
            if self._does("ingest"):
                self._open_ingest()
            opened.pop_all()

    def start(self) -> None:
        """Start the parts with the data flow: ingest, detection, alerts, store. Each works as soon as it is loaded.

        Raises TwinwardError; messages received until then are in the log. Errors of database and store appear here.
        """
        with as_cli_errors(*PACKAGE_ERRORS), switch_interval(LOADING_SWITCH_S):
            if self._subscriber is not None:
                self._subscriber.start()
            from .log_format import configure_logs  # loaded after the session has started

            configure_logs()
            if self._does("detect"):
                self._start_detection()
            if self._does("alert"):
                with damage_named(self.settings.data_dir / DATABASE):
                    self._start_alerts()
                self._start_store()
                self._start_standby()
                self._open_http()
            else:
                from .standby.alert_watch import watch_alerts

                folder, notify = self.settings.data_dir, self.settings.notify
                watch_alerts(folder, self.role, notify=notify, clock=self.clock, undo=self._undo)

    def serve(self) -> None:
        """Start the HTTP interface, where the role has one; then stages with a backlog use full turns."""
        if self._does("alert"):
            with switch_interval(LOADING_SWITCH_S):
                self._serve()
        self._loaded.set()

    def stop(self) -> None:
        """Stop against the data flow: the session, the stages, the files."""
        if self._subscriber is not None:
            self._subscriber.stop()
        self._loaded.set()
        self._undo.close()

    def status(self) -> dict[str, bool]:
        """Return the health of each part of this process."""
        return {name: check() for name, check in self._checks.items()}

    def beat(self) -> None:
        """Write the heartbeat of this process with its failing parts; called once a second."""
        self._locks.beat(name for name, works in self.status().items() if not works)

    def _does(self, role: str) -> bool:
        return self.role in {"all", role}

    def _check_settings(self) -> None:
        settings = self.settings
        self.tables = read_tables(settings)
        check_embedded(settings.broker, settings.mqtt, settings.data_dir)
        if self._does("alert"):
            self._channels = open_channels(settings.notify)
            transport(settings.http)
            check_port(settings.http.host, settings.http.port, "http.port (--port)")

    def _open_flow(self) -> None:
        self.flow = Flow(self.settings, self.tables, self.clock, shared=self.role == "all")
        self._undo.callback(self.flow.close)
        mqtt = signed_in(self.settings.broker, self.settings.mqtt, self.settings.data_dir)
        self.settings = dataclasses.replace(self.settings, mqtt=mqtt)
        self.log, self.catalog, self.detections = self.flow.log, self.flow.catalog, self.flow.detections
        self._checks["log"] = self.log.answers

    def _open_ingest(self) -> None:
        settings = self.settings
        if settings.broker.embedded:
            broker = start_embedded(settings.broker, settings.mqtt, settings.data_dir)
            self._undo.callback(broker.stop)
            self._checks["embedded_broker"] = broker.alive
        subscriber = Subscriber(
            settings.mqtt,
            self.flow.intake(),
            self.log.append,
            self.clock,
            waiting=self.log.waiting,
            spooled=self.log.spooled,
            first_arrivals=self._arrivals,
        )
        self._checks["broker"] = lambda: bool(subscriber.status()["healthy"])
        self._subscriber = subscriber

    def _start_detection(self) -> None:
        from detectors import warm

        warm()
        for step in self.flow.detection():
            if step.stage.name == DETECT_URGENT:
                self._start(step)
            else:
                self._start(step, rest_s=DETECT_REST_S, hurry=self._loaded)

    def _start_alerts(self) -> None:
        from prometheus_client import CollectorRegistry

        from alerts import AlertDispatch, MemoryOutbox, Outbox, People, SentIds, open_database

        from .data_folder.watch import audit_repairs
        from .heads.daily import DailyHeads
        from .observe import latency_histogram

        engine = open_database(self.settings.database_url)
        self._undo.callback(engine.dispose)
        self.dispatch = AlertDispatch(engine, self.tables.registry, self.clock, channels=self._channels)
        self.people = People(engine, self.clock, settings=self.settings.people)
        self._repaired = audit_repairs(self.settings.data_dir, self.dispatch.note)
        self._metrics = CollectorRegistry()
        folder = self.settings.data_dir
        head = folder / DATABASE_HEAD
        self._undo.callback(note_end, head, self.dispatch.tip)
        heads = DailyHeads(folder, self.dispatch.tip, self.clock, copies=self.settings.audit.heads_folder)
        heads.start()
        self._undo.callback(heads.stop)
        for step in self.flow.alerting(self.dispatch, latency_histogram(self._metrics)):
            self._start(step)
        delivered = SentIds()
        self._outbox = Outbox(engine, self._channels, self.clock, delivered=delivered)
        self._memory_outbox = MemoryOutbox(self._channels, self.clock, delivered=delivered)
        for sender in (self._outbox, self._memory_outbox):
            sender.start()
            self._undo.callback(sender.stop)
        self._checks |= {"database": self.dispatch.queries.ready, "outbox": self._outbox.alive}

    def _start_store(self) -> None:
        self._latest = Latest()
        self.store = self.flow.open_store(self._latest)
        self._undo.callback(self.store.close)
        step = self.flow.storing(self.store, self._latest, self.dispatch)
        self._start(step, rest_s=STORE_REST_S, hurry=self._loaded)

    def _start_standby(self) -> None:
        """Start degraded mode; in a process without ingest it detects a full disk by a probe."""
        from . import standby
        from .observe import StandbyCollector
        from .standby.watches import watches

        settings, subscriber, outbox = self.settings, self._subscriber, self._memory_outbox
        made = self.flow.origin(self.dispatch.engine, self._channels, lambda: bool(self._outbox.last_error))
        filters = partial(subscriptions, settings) if subscriber is None else subscriber.subscriptions
        sessions = standby.Sessions.of(settings.mqtt, filters)
        source = standby.DiskProbe(settings.data_dir, self.log.head) if subscriber is None else subscriber
        parts = {pump.name: pump for pump in self._pumps if pump.name != STORE} | {"outbox": self._outbox}
        stages = {name: partial(getattr, part, "last_error") for name, part in parts.items()}
        space = standby.DiskSpace(settings.data_dir)
        watched = watches(
            subscriber,
            self._pumps,
            log=self.log,
            folder=settings.data_dir,
            role=self.role,
            repaired=self._repaired,
        )
        self._standby = standby.StandbyController(
            lambda urgent_alone: standby.MemoryFlow(made, urgent_alone=urgent_alone),
            outbox,
            self.clock,
            detector=standby.FaultDetector(source, stages, space, watched),
            reporter=standby.FaultReporter(tuple(stages), outbox, self._channels, self.clock),
            receiver=standby.Receiver(source, sessions, self._arrivals, self.clock),
            space=space,
        )
        self._checks["standby"] = self._standby.alive
        self._metrics.register(StandbyCollector(self._standby, outbox, dispatch=self.dispatch, people=self.people))
        self._standby.start()
        self._undo.callback(self._standby.stop)

    def _open_http(self) -> None:
        from alerts.api import create_app

        from .observe import Observer, ServiceCollector, service_condition
        from .web import Turns, WebServer

        pumps, checks = tuple(self._pumps), self._checks
        condition = partial(service_condition, self._standby, self._memory_outbox)
        observer = Observer(self.catalog, self.store, self.log, self._latest, pumps, checks, self._metrics, condition)
        delay_s = None if self._subscriber is None else self._subscriber.delay_s
        self._metrics.register(ServiceCollector(self.log, pumps, checks, delay_s=delay_s))
        http = self.settings.http
        turns = partial(Turns, settings=http)
        app = create_app(
            self.dispatch, self.people, observer, settings=http, clock=self.clock, version=__version__, inner=turns
        )
        self._server = WebServer(app, http)
        self._metrics.register(self._server)
        self._checks["http"] = self._server.started

    def _serve(self) -> None:
        self._undo.callback(self._server.stop)
        self._server.start()

    def _start(self, step: Step, *, rest_s: float = 0.0, hurry: threading.Event | None = None) -> None:
        from .pump import Pump

        pump = Pump(step.source, step.stage, rest_s=rest_s)
        self._pumps.append(pump)
        self._checks[pump.name] = pump.healthy
        pump.start(hurry=hurry)
        self._undo.callback(pump.stop)


@contextlib.contextmanager
def switch_interval(seconds: float) -> Iterator[None]:
    """Set the thread switch interval for the time of the block."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)

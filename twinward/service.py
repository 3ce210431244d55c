"""One process of the service: starts its parts with the data flow and stops them against it.

Each part loads when its turn comes. Messages are received, and acknowledged once they are in the log, as soon as log
and catalogue are open. The later parts read them from the log. The order of start and stop is one module because it is
read as a whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from alerts import AlertError
from alerts.api.transport import transport
from alerts.notices.channels import connect, open_channels
from detectors import DetectorError
from ingest import HoldError, StoreError
from ingest.mqtt import FirstArrivals, MqttError, Subscriber

from . import __version__
from .broker import check_embedded, signed_in, start_embedded
from .broker.ports import check_port
from .clock import Clock, switch_interval, system_clock
from .data_folder.files import DATABASE, DATABASE_HEAD, WAITING_ORDERS, damage_named
from .data_folder.journal_head import note_end
from .data_folder.locks import RoleLocks, check_free, roles_of
from .detection.lane import DETECT_URGENT
from .detection.stored_plans import tables_of
from .errors import LogUnavailable, OwnerLost, as_cli_errors
from .flow import Flow, Step, open_folder, subscriptions
from .latest import Latest
from .log.alert_database import own_database
from .log.places import claim
from .settings import Settings
from .stages import STORE

if TYPE_CHECKING:
    from alerts import OwnerFence
    from alerts.api.installation import Installation

    from .pump import Pump

LATER_PARTS = (
    "prometheus_client",
    "alerts.dispatch",
    "alerts.fallback",
    "alerts.api",
    "ingest.stores.duckdb",
    "twinward.detection.lanes",
    "twinward.heads.daily",
    "twinward.log_format",
    "twinward.observe",
    "twinward.standby",
    "twinward.web",
)
"""Modules that load when their turn comes."""
STORE_REST_S, DETECT_REST_S = 1.0, 0.2
"""Pauses of stages that work better on fewer, larger batches; the urgent stages and a backlog have none."""
PACKAGE_ERRORS = (
    DetectorError,
    AlertError,
    HoldError,
    MqttError,
    StoreError,
    sqlite3.Error,
    LogUnavailable,
    ValueError,
)
"""Errors of the packages that a user can fix, by settings or by input."""
LOADING_SWITCH_S = 0.0005
"""Thread switch interval while parts load beside working ones; an import otherwise holds the interpreter for 5 ms."""


class Service:
    """One process of the service. role: all, ingest, detect or alert (with the HTTP interface)."""

    def __init__(
        self,
        settings: Settings,
        *,
        role: str = "all",
        clock: Clock = system_clock,
        ended: threading.Event | None = None,
    ) -> None:
        """Check the settings and tables, then open logs, broker and session; receives no message yet.

        Blocks while another node holds a role of the log on a server; ended: ends that wait. Raises TwinwardError.
        """
        self.settings, self.role, self.clock = settings, role, clock
        self.set_up: Installation | None = None
        self._undo = contextlib.ExitStack()
        self._checks: dict[str, Callable[[], bool]] = {}
        self._fence: OwnerFence | None = None
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
            self._open_flow(ended or threading.Event())
            if self._does("ingest"):
                self._open_ingest()
            opened.pop_all()

    def receive(self) -> None:
        """Start the session with the broker before the other parts; the log keeps what it receives."""
        if self._subscriber is not None:
            self._subscriber.start()

    def start(self) -> None:
        """Start the parts with the data flow: ingest, detection, alerts, store. Each works as soon as it is loaded.

        Raises TwinwardError; messages received until then are in the log. Errors of database and store appear here.
        """
        with as_cli_errors(*PACKAGE_ERRORS), switch_interval(LOADING_SWITCH_S):
            self.receive()
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

                kept = self.settings
                watch_alerts(kept.data_dir, self.role, notify=kept.notify, clock=self.clock, undo=self._undo)

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
        """Write the heartbeat of this process with its failing parts; called once a second.

        Raises OwnerLost once another node has taken a role: the process stops this service and becomes a standby.
        """
        if self._lost:
            raise OwnerLost(self._lost)
        self._locks.beat(name for name, works in self.status().items() if not works)

    @property
    def shared(self) -> bool:
        """Whether other nodes may take over the roles of this process."""
        return self._owner is not None and self._owner.shared

    def _entitled(self) -> bool:
        return self._owner is None or self._owner.holds()

    @property
    def _lost(self) -> str:
        owner, fence = self._owner, self._fence
        return (owner.lost if owner is not None else "") or ("alert" if fence is not None and fence.lost else "")

    def _does(self, role: str) -> bool:
        return self.role in {"all", role}

    def _check_settings(self) -> None:
        self.tables = tables_of(settings := self.settings)
        check_embedded(settings.broker, settings.mqtt, settings.data_dir)
        if self._does("alert"):
            self._channels = open_channels(settings.notify)
            transport(settings.http)
            check_port(settings.http.host, settings.http.port, "http.port (--port)")

    def _open_flow(self, ended: threading.Event) -> None:
        settings = self.settings
        self._owner = claim(
            settings.data_dir,
            settings.log.url,
            roles_of(self.role),
            ended,
            database=settings.database,
            waiting=load_parts,
        )
        if self._owner is not None:
            self._undo.callback(self._owner.close)
            self._checks["owner"] = self._owner.holds
        self.flow = Flow(settings, self.tables, self.clock, shared=self.role == "all", owner=self._owner)
        self._undo.callback(self.flow.close)
        self.settings = dataclasses.replace(settings, mqtt=signed_in(settings.broker, settings.mqtt, settings.data_dir))
        self.log, self.catalog, self.detections = self.flow.log, self.flow.catalog, self.flow.detections
        self._checks["log"] = self.log.answers

    def _open_ingest(self) -> None:
        if (settings := self.settings).broker.embedded:
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
            watchdog_s=settings.notify.watchdog_s,
            entitled=self._entitled,
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

        from alerts import AlertDispatch, MemoryOutbox, Outbox, People, SentIds, WatchdogChannel, open_database

        from .data_folder.watch import audit_repairs
        from .heads.daily import DailyHeads
        from .observe import latency_histogram

        engine = open_database(self.settings.database_url)
        self._undo.callback(engine.dispose)
        if self.settings.database:
            self._fence = own_database(engine, self.settings.database_url, self._owner)
        escalating = self.flow.escalating(engine, self._channels)
        registry = self.tables.registry
        self.dispatch = AlertDispatch(engine, registry, self.clock, channels=self._channels, escalating=escalating)
        self.dispatch.register.fill()
        self.dispatch.cameras.use(self.tables.cameras)
        self.people = People(engine, system_clock, settings=self.settings.people)  # real time, also in a fast demo
        self._repaired = audit_repairs(self.settings.data_dir, self.dispatch.note)
        self._metrics, folder = CollectorRegistry(), self.settings.data_dir
        self._undo.callback(note_end, folder / DATABASE_HEAD, self.dispatch.tip)
        heads = DailyHeads(
            folder, self.dispatch.tip, self.clock, copies=self.settings.audit.heads_folder, logs=self.flow.server_heads
        )
        heads.start()
        self._undo.callback(heads.stop)
        for step in self.flow.alerting(self.dispatch, latency_histogram(self._metrics)):
            self._start(step)
        delivered = SentIds()
        self._watchdog = WatchdogChannel(self.settings.notify.watchdog_s)
        channels, commits = [*self._channels, self._watchdog], self.dispatch.commits
        completed = self.dispatch.acknowledgements.links.completed
        self._outbox = Outbox(engine, channels, self.clock, delivered=delivered, commits=commits, completed=completed)
        self._memory_outbox = MemoryOutbox(self._channels, self.clock, delivered=delivered)
        self.dispatch.emergency_orders.connect(self._memory_outbox, self.settings.data_dir / WAITING_ORDERS)
        self._undo.callback(connect(self._channels, self.dispatch.acknowledgements, self.people.push_devices))
        self._escalator = self.dispatch.escalating.worker(commits=commits, memory=self._memory_outbox.send)
        self._outbox.start(replaces=True)
        self._memory_outbox.start()
        self._escalator.start()
        for sender in (self._outbox, self._memory_outbox, self._escalator):
            self._undo.callback(sender.stop)
        self._checks |= {"database": self.dispatch.queries.ready, "outbox": self._outbox.alive}
        self._checks["escalator"] = self._escalator.healthy

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
        from .standby.rule_watch import RuleWatch
        from .standby.watches import watches

        settings, subscriber, outbox = self.settings, self._subscriber, self._memory_outbox
        made = self.flow.origin(self.dispatch.engine, self._channels, lambda: bool(self._outbox.last_error))
        filters = partial(subscriptions, settings) if subscriber is None else subscriber.subscriptions
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
            interrupted=self._watchdog.interrupted,
            duty=self._escalator.faults,
            simulated=self.clock is not system_clock,
        )
        sessions = standby.Sessions.of(settings.mqtt, filters, shared=self.shared)
        watched.append(RuleWatch(self.flow.live, settings.data_dir))
        reported = tuple(stages), outbox, self._channels, self.clock, self.dispatch.escalating.contacts
        self._standby = standby.StandbyController(
            lambda urgent_alone: standby.MemoryFlow(made, urgent_alone=urgent_alone),
            outbox,
            self.clock,
            detector=standby.FaultDetector(source, stages, space, watched, replaced=lambda: bool(self._lost)),
            reporter=standby.FaultReporter(*reported),
            receiver=standby.Receiver(source, sessions, self._arrivals, self.clock, entitled=self._entitled),
            space=space,
        )
        self._checks["standby"] = self._standby.alive
        self._metrics.register(StandbyCollector(self._standby, outbox, dispatch=self.dispatch, people=self.people))
        self._standby.start()
        self._undo.callback(self._standby.stop)
        dead_man = standby.dead_man(settings.notify, self._watchdog, self._standby, self.clock)
        self._metrics.register(standby.WatchdogCollector(self._watchdog, dead_man))
        dead_man.start()
        self._undo.callback(dead_man.stop)

    def _open_http(self) -> None:
        from alerts.api import create_app

        from .detection.qualified import Qualifications
        from .observe import Observer, ServiceCollector, service_condition
        from .web import Turns, WebServer

        pumps, checks = tuple(self._pumps), self._checks
        condition = partial(service_condition, self._standby, self._memory_outbox)
        parts = (self.catalog, self.store, self.log, self._latest, pumps, checks, self._metrics)
        recipe = self.flow.live.recipe
        observer = Observer(*parts, condition, recipe, Qualifications(recipe, self.settings.data_dir).by_rule)
        http, delay_s = self.settings.http, None if self._subscriber is None else self._subscriber.delay_s
        self._metrics.register(ServiceCollector(self.log, pumps, checks, delay_s=delay_s))
        made = partial(create_app, settings=http, clock=self.clock, version=__version__, installation=self.set_up)
        app = made(self.dispatch, self.people, observer, inner=partial(Turns, settings=http), channels=self._channels)
        self._server = WebServer(app, http, ending=app.state.parts.streams.stop)
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


def load_parts() -> None:
    """Import the parts of every role and compile the kernels: a standby then starts without that delay."""
    from detectors import warm

    for name in LATER_PARTS:
        import_module(name)
    warm()

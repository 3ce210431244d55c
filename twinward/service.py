"""The service: the parts of one process wired together, started in the order of the data and stopped against it.

Each part is loaded when its turn comes. Messages are taken in, and acknowledged once they are in the log, as soon as
log and catalogue are there; everything behind the log finds them in it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alerts import AlertError, load_registry
from alerts.channels import open_channels
from detectors import Calendar, Detector, DetectorError, load_recipe
from ingest import Catalog, HoldError, Intake, RetentionError, Store, StoreError, load_retention
from ingest.decode import FOREIGN, decoders
from ingest.mqtt import MqttError, Subscriber
from ingest.stores import open_store

from . import __version__
from .broker import Broker, start_broker
from .clock import Clock, system_clock
from .errors import ConfigError, PortTaken, TwinwardError
from .keeping import Keeping
from .latest import Latest
from .log import DetectionLog, TelemetryLog
from .settings import Settings
from .stages import DAY_NS, AlertStage, DetectStage, LogCatalog, StoreStage, note_head

if TYPE_CHECKING:
    from alerts import People

    from .pump import Pump

STORE_REST_S = 0.25
REPLAYED_FOR_LATEST = 500
LOADING_TURN_S = 0.0005
"""While parts load beside others that work already: who imports gives way at each file, for 5 ms as a rule."""

ADMIN = "admin"

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
        with told(), contextlib.ExitStack() as opened:
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
        with told(), taking_turns(LOADING_TURN_S):
            if self._subscriber is not None:
                self._subscriber.start()
            from .logs import quiet_logs  # needed, and loaded, behind the way in

            quiet_logs()
            if self._does("detect"):
                self._open_detect()
            if self._does("alert"):
                self._open_alert()
                self._open_store()
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
        self.registry = load_registry(settings.campus)
        self._calendar = Calendar.from_table(self.registry.calendar)
        self._recipe = load_recipe(settings.recipe)
        if self._does("alert"):
            self._retention = load_retention(settings.store.retention)
            self._channels = open_channels(settings.notify)
            check_port(settings.http.host, settings.http.port, "http.port (--port)")

    def _open_log(self) -> None:
        data_dir = self.settings.data_dir
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.catalog = Catalog(self.registry.sensors)
        self.log = TelemetryLog(data_dir / "telemetry.sqlite", clock=self.clock)
        self._undo.callback(self.log.close)
        self.detections = DetectionLog(data_dir / "detections.sqlite", clock=self.clock)
        self._undo.callback(self.detections.close)
        self.catalog.load(*self.log.catalog())
        self.catalog.take_changes()
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
            decoders(settings.intake.formats or FOREIGN, lorawan=settings.lorawan),
            settings=settings.intake,
            batch=settings.batch,
            recent_keys=self.log.recent_keys(settings.intake.keys_max),
            memory=self.log.memory(),
        )
        subscriber = Subscriber(settings.mqtt, intake, self.log.append, self.clock, waiting=self.log.waiting)
        self._checks["broker"] = lambda: bool(subscriber.status()["healthy"])
        self._subscriber = subscriber

    def _open_detect(self) -> None:
        from detectors import build, warm

        from .pump import Pump

        def make() -> Detector:
            return build(self._recipe, self.catalog, self._calendar)

        warm()
        self._add(Pump(self.log, DetectStage(make, self.detections, self._shared, clock=self.clock)))

    def _open_alert(self) -> None:
        from prometheus_client import CollectorRegistry

        from alerts import AlertDesk, Outbox, People, open_database

        from .observe import latency_histogram
        from .pump import Pump

        engine = open_database(self.settings.database_url)
        self._undo.callback(engine.dispose)
        self.desk = AlertDesk(engine, self.registry, self.clock, channels=self._channels)
        self.people = People(engine, self.clock)
        self._metrics = CollectorRegistry()
        latency, head = latency_histogram(self._metrics), self.settings.data_dir / "alerts.head"
        self._undo.callback(lambda: note_head(head, self.desk.tip()))
        self._add(Pump(self.detections, AlertStage(self.desk, self.catalog, self._shared, latency, head)))
        outbox = Outbox(engine, self._channels, self.clock)
        outbox.start()
        self._undo.callback(outbox.stop)
        self._checks |= {"database": self.desk.queries.ready, "outbox": outbox.alive}

    def _open_store(self) -> None:
        from .pump import Pump

        self._latest = Latest()
        self.store = self._opened_store(self._latest)
        keep = Keeping(self._retention, self.catalog, self.settings.data_dir)
        stage = StoreStage(self.store, self._latest, self._shared, self.clock, keep=keep, trim=self._trim)
        self._add(Pump(self.log, stage, rest_s=STORE_REST_S))

    def _open_http(self) -> None:
        import uvicorn

        from alerts.api import create_app

        from .observe import Observer, ServiceCollector

        http, pumps = self.settings.http, tuple(self._pumps)
        observer = Observer(self.catalog, self.store, self.log, self._latest, pumps, self._checks, self._metrics)
        self._metrics.register(ServiceCollector(self.log, pumps, self._checks))
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
        snapshot = self.detections.latest_snapshot()
        judged = snapshot[0] if snapshot else 0
        bytes_max = self.settings.log.keep_mb * 1_000_000
        self.log.retain(before_ns=before_ns, up_to=min(self.store.cursor(), judged), bytes_max=bytes_max)
        self.detections.retain(before_ns=before_ns, up_to=self.desk.cursor(), bytes_max=bytes_max)

    def _opened_store(self, latest: Latest) -> Store:
        settings = self.settings
        store = open_store(settings.store.kind, settings.data_dir / "readings.duckdb", settings=settings.store)
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

    def _add(self, pump: Pump[Any]) -> None:
        self._pumps.append(pump)
        self._checks[pump.name] = pump.healthy
        pump.start(hurry=self._loaded)
        self._undo.callback(pump.stop)

    def _log_answers(self) -> bool:
        return self.log.head() >= 0


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Errors of the packages that a person can mend, as the one kind that the command line prints as a line."""
    try:
        yield
    except (DetectorError, AlertError, HoldError, RetentionError) as error:
        raise ConfigError(str(error).splitlines()) from error
    except (MqttError, ValueError) as error:
        raise ConfigError([str(error)]) from error
    except OSError as error:
        raise TwinwardError(f"{error.filename or 'file system'}: {error.strerror or error}") from error


@contextlib.contextmanager
def taking_turns(turn_s: float) -> Iterator[None]:
    """Threads that compute take turns this often, for the time of the block."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(turn_s)
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)


def check_port(host: str, port: int, option: str) -> None:
    """Nothing when the port can be listened on; raises PortTaken otherwise."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(host, port, option) from error


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_account(people: People, data_dir: Path) -> str:
    """Make the administrator where there is no account yet; returns one line about it, "" when there was one."""
    if people.accounts():
        return ""
    given = os.environ.get("TWINWARD_ADMIN_PASSWORD")
    password = given or secrets.token_urlsafe(18)
    with told():
        people.create(ADMIN, password, roles=["admin"], name={"zh": "管理员", "en": "Administrator"})
    if given:
        return f"account {ADMIN} made with the password of TWINWARD_ADMIN_PASSWORD"
    path = data_dir / "admin-password.txt"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password + "\n")
    return f"account {ADMIN} made; its first password is in {path}"


def run_service(settings: Settings, *, role: str, as_json: bool) -> None:
    """Run until SIGINT or SIGTERM."""
    service = Service(settings, role=role)
    try:
        service.start()
        note = first_account(service.people, settings.data_dir) if role in {"all", "alert"} else ""
        service.serve()
        url = f"http://{settings.http.host}:{settings.http.port}/" if role in {"all", "alert"} else ""
        if as_json:
            print(json.dumps({"event": "started", "role": role, "url": url, "note": note}), flush=True)
        else:
            print(f"twinward: running ({role}) {url} {note}".rstrip(), flush=True)
        wait_for_end()
    finally:
        service.stop()


def wait_for_end() -> None:
    """Block until SIGINT or SIGTERM."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(1):
        pass

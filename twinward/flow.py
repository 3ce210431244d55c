"""Assembly of the stages without threads, for the service, degraded mode and the tests.

Detectors and alerts load when their stages are made: messages are received before.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from ingest import Catalog, Intake, Ledger, Priority, Store, StoreError
from ingest.decode import FOREIGN, Decoder, LorawanTable, decoders
from ingest.stores import open_store

from .archive.checkpoints import CheckpointedStore, PausingStage
from .clock import Clock, system_clock
from .data_folder.files import DATABASE_HEAD, DETECTIONS, STORE, TELEMETRY, damage_named, damaged
from .data_folder.fit import fit_folder
from .data_folder.locks import ROLES, RoleLocks, roles_of
from .data_folder.store import own_store
from .detection.demotion import Demotions
from .detection.lane import DetectionLane
from .detection.lanes import detection_lanes
from .detection.live_recipe import LiveRecipe
from .detection.log_retention import LogRetention
from .errors import FolderMismatch
from .latest import Latest
from .log import DetectionLog, TelemetryLog
from .log.places import check_log, places
from .log.shared_catalog import LogCatalog
from .retention_rules import RetentionPlanner
from .settings import Settings
from .stages import AlertStage, DetectStage, StoreStage
from .tables import Tables

if TYPE_CHECKING:  # loaded when the stages are made
    from prometheus_client import Histogram
    from sqlalchemy import Engine

    from alerts import AlertDispatch, FallbackDispatch
    from alerts.escalations.assembly import EscalationParts
    from alerts.notices.channels import Channel

    from .log.server import LogOwner
    from .pump import Source, Stage

KEYS_MAX = 100_000
"""Message keys of the log that the intake of degraded mode holds, to drop duplicates."""
REPLAYED_FOR_LATEST = 500
log = logging.getLogger(__name__)


class Step(NamedTuple):
    """A stage with the log that it reads; a `Pump` runs it."""

    source: Source[Any]
    stage: Stage[Any]


class Flow:
    """Logs, catalogue and stages of one process. The caller drives the stages and closes the flow."""

    def __init__(
        self, settings: Settings, tables: Tables, clock: Clock, *, shared: bool = True, owner: LogOwner | None = None
    ) -> None:
        """Open both logs and load the catalogue from them; creates the data folder.

        shared: whether the intake of this process writes the log, so that its catalogue is complete. owner: roles of
        this process in a log on a server. Raises OSError, sqlite3.Error, and FolderMismatch for a damaged log.
        """
        self.settings, self.tables, self.clock = settings, tables, clock
        self.live = LiveRecipe(settings, tables.recipe, tables.registry.sensors)
        folder, intake = settings.data_dir, settings.intake
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.catalog = Catalog(
            tables.registry.sensors,
            undeclared_max=intake.undeclared_max,
            sites_max=intake.undeclared_sites_max,
            sites={*tables.registry.sites, intake.site} if intake.strict else None,
        )
        telemetry, detections = places(folder, settings.log.url, owner)
        with contextlib.ExitStack() as opened:
            with damage_named(folder / TELEMETRY):
                self.log = TelemetryLog(telemetry, clock=clock)
                opened.callback(self.log.close)
                self.catalog.load(*self.log.catalog())
            with damage_named(folder / DETECTIONS):
                self.detections = DetectionLog(detections, clock=clock)
            self._log_end, self._detections_end = self.log.head(), self.detections.head()
            opened.pop_all()
        self.catalog.drain_changes()
        self.refresh = LogCatalog(self.log, self.catalog, shared=shared)

    def server_heads(self) -> dict[str, tuple[int, str]]:
        """Return the heads of logs on a server, to be signed; none for files, which are read from the folder."""
        return {TELEMETRY: self.log.tip(), DETECTIONS: self.detections.tip()} if self.settings.log.url else {}

    def close(self) -> None:
        """Close both logs; the stages must have stopped."""
        self.detections.close()
        self.log.close()

    def intake(self) -> Intake:
        """Return the intake, with the message keys, device states and ledger of the log.

        Raises FolderMismatch if the log is damaged there.
        """
        settings = self.settings
        with damage_named(settings.data_dir / TELEMETRY):
            return Intake(
                self.catalog,
                accepted(settings, self.tables.lorawan),
                settings=settings.intake,
                batch=settings.batch,
                recent_keys=self.log.recent_keys(settings.intake.keys_max),
                memory=self.log.memory(),
                spooled=self.log.spool_blocks(),
                ledger=Ledger(self.log.ledger_entries()),
                zone=ZoneInfo(self.tables.calendar.timezone),
            )

    def detection(self) -> list[Step]:
        """Return the detection stages, urgent first."""
        lanes = detection_lanes(self.log, self.catalog, self.tables, folder=self.settings.data_dir, live=self.live)
        return [Step(lane.source, DetectStage(lane, self.detections, self.refresh, clock=self.clock)) for lane in lanes]

    def escalating(self, engine: Engine, channels: Sequence[Channel]) -> EscalationParts:
        """Return rosters and escalations, with the rosters of the file; under a fast clock they are as fast."""
        from alerts.escalations.assembly import EscalationParts

        clock, link_url, registry = self.clock, self.settings.notify.link_url, self.tables.registry
        if clock is system_clock:
            parts = EscalationParts.of(engine, registry, clock, channels, link_url=link_url)
        else:
            parts = EscalationParts.of(
                engine, registry, clock, channels, link_url=link_url, monotonic_ns=clock, boot=""
            )
        parts.rosters.fill(self.tables.rosters)
        return parts

    def alerting(self, dispatch: AlertDispatch, latency: Histogram) -> list[Step]:
        """Return the alert stages, urgent first; latency: seconds from arrival to the database."""
        return [
            Step(
                self.detections.lane(lane),
                AlertStage(
                    dispatch,
                    self.catalog,
                    self.refresh,
                    latency,
                    self.settings.data_dir / DATABASE_HEAD,
                    lane=lane,
                    end=self._detections_end,
                ),
            )
            for lane in (Priority.URGENT, Priority.ORDINARY)
        ]

    def open_store(self, latest: Latest) -> Store:
        """Return the store of the settings; fills `latest` from the newest entries that the store contains."""
        folder, settings = self.settings.data_dir, self.settings.store
        path = folder / STORE
        if self.settings.log.url and path.exists() and store_codes(path) > len(self.catalog):
            raise FolderMismatch(f"{path} has sensors that the log of log.url lacks; check log.url, or set it aside")
        opened = partial(open_store, settings.kind, path, settings=settings, catalog=self.catalog)
        try:
            store = own_store(folder, opened, server=settings.influx_database if settings.kind == "influxdb" else "")
        except StoreError as error:
            if settings.kind != "duckdb":
                raise
            raise FolderMismatch(damaged(path, str(error).splitlines()[0])) from error
        try:
            known = store.cursor()
        except StoreError as error:  # the log keeps the readings until the server answers
            log.warning("the store does not answer yet: %s", error)
            return store
        for entry in self.log.read(max(0, known - REPLAYED_FOR_LATEST), limit=REPLAYED_FOR_LATEST):
            if entry.seq <= known:
                latest.update(entry.batch)
        return store

    def storing(self, store: Store, latest: Latest, dispatch: AlertDispatch) -> Step:
        """Return the store stage, which also drops old entries of the logs; proofs of repair read the store."""
        from alerts.dangers.readings import StoredReadings
        from alerts.evidence import Evidence

        dispatch.readings = StoredReadings(store, self.catalog)
        evidence = Evidence(dispatch.engine)
        retention = RetentionPlanner(
            self.tables.retention, self.catalog, self.settings.data_dir, evidence=evidence.readings
        )
        logs = LogRetention(self.log, self.detections, self.settings.log, store=store, dispatch=dispatch)
        demotions = Demotions(
            self.settings.data_dir,
            self.live.recipe,
            self.catalog,
            false_pages=evidence.false_pages,
            note=dispatch.note,
        )

        def hourly(now_ns: int) -> None:
            logs.retain(now_ns)
            demotions.check(now_ns)

        stage = StoreStage(
            store,
            latest,
            self.refresh,
            self.clock,
            end=self._log_end,
            keep=retention,
            retain_logs=hourly,
        )
        if isinstance(store, CheckpointedStore):
            return Step(self.log, PausingStage(stage, store, self.settings.data_dir))
        return Step(self.log, stage)

    def origin(self, engine: Engine, channels: Sequence[Channel], stuck: Callable[[], bool]) -> Origin:
        """Return the origin of flows in memory; engine: the alert database; stuck: whether its outbox fails now."""
        from alerts import FallbackDispatch

        settings, tables, log, live = self.settings, self.tables, self.log, self.live

        def intake(catalog: Catalog, readable: bool) -> Intake:  # noqa: FBT001 - signature of Origin
            return Intake(
                catalog,
                accepted(settings, tables.lorawan),
                settings=replace(settings.intake, keys_max=KEYS_MAX),
                batch=settings.batch,
                recent_keys=log.recent_keys(KEYS_MAX) if readable else (),
                memory=log.memory() if readable else (),
                zone=ZoneInfo(tables.calendar.timezone),
            )

        def dispatch(readable: bool) -> FallbackDispatch:  # noqa: FBT001 - signature of Origin
            source = engine if readable else None
            return FallbackDispatch(source, tables.registry, self.clock, channels=channels, pending=stuck())

        def lanes(catalog: Catalog) -> Sequence[DetectionLane]:
            return detection_lanes(log, catalog, tables, folder=settings.data_dir, live=live)

        return Origin(log, self.detections, self.catalog.copy, intake, lanes, dispatch)


def open_folder(settings: Settings, role: str) -> None:
    """Repair the data folder by rule and log every repair. The process holds its own roles.

    Raises FolderMismatch with the failure and the command that repairs it, RoleTaken, and OSError.
    """
    check_log(settings.data_dir, settings.log.url)
    folder, others = settings.data_dir, tuple(other for other in ROLES if other not in roles_of(role))
    for action in fit_folder(
        folder,
        database=not settings.database,
        store=settings.store.kind == "duckdb",
        alone=lambda: RoleLocks(folder, others),
        store_codes=store_codes,
        logs=not settings.log.url,
    ):
        log.warning("data folder %s: %s", folder, action)


def store_codes(path: Path) -> int:
    """Return the number of sensor codes in a file of the default store."""
    from ingest.stores.duckdb_parts import sensor_codes  # loads the engine only for a repair

    return sensor_codes(path)


@dataclass(frozen=True)
class Origin:
    """Sources of a flow in memory. Each function returns new objects that share no mutable state with the service.

    catalog: copy of the service's catalogue; intake and dispatch: their argument is whether log or database can be
    read; lanes: detection, urgent first.
    """

    log: TelemetryLog
    detections: DetectionLog
    catalog: Callable[[], Catalog]
    intake: Callable[[Catalog, bool], Intake]
    lanes: Callable[[Catalog], Sequence[DetectionLane]]
    dispatch: Callable[[bool], FallbackDispatch]


def accepted(settings: Settings, lorawan: LorawanTable | None = None) -> list[Decoder]:
    """Return new decoders of the foreign formats in use."""
    own = settings.intake
    return decoders(own.formats or FOREIGN, lorawan=lorawan, homie=own.homie_domain)


def subscriptions(settings: Settings) -> list[str]:
    """Return the topic filters of the formats in use, for a process without the durable session."""
    return Intake(Catalog(), accepted(settings)).subscriptions

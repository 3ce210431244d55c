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
from ingest.decode import FOREIGN, decoders
from ingest.stores import open_store

from .archive.checkpoints import CheckpointedStore, PausingStage
from .clock import Clock
from .data_folder.files import DATABASE_HEAD, DETECTIONS, STORE, TELEMETRY, damage_named, damaged
from .data_folder.fit import fit_folder
from .data_folder.locks import ROLES, RoleLocks, roles_of
from .data_folder.store import own_store
from .errors import FolderMismatch
from .latest import Latest
from .log import DetectionLog, TelemetryLog
from .log.shared_catalog import LogCatalog
from .retention_rules import RetentionPlanner
from .settings import LogSettings, Settings
from .stages import (
    DAY_NS,
    DETECT,
    DETECT_OFFLINE,
    DETECT_URGENT,
    AlertStage,
    DetectionLane,
    DetectStage,
    StoreStage,
)
from .tables import Tables

if TYPE_CHECKING:  # loaded when the stages are made
    from prometheus_client import Histogram
    from sqlalchemy import Engine

    from alerts import AlertDispatch, FallbackDispatch
    from alerts.notices.channels import Channel

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

    def __init__(self, settings: Settings, tables: Tables, clock: Clock, *, shared: bool = True) -> None:
        """Open both logs and load the catalogue from them; creates the data folder.

        shared: whether the intake of this process writes the log, so that its catalogue is complete. Raises OSError,
        sqlite3.Error, and FolderMismatch for a damaged log.
        """
        self.settings, self.tables, self.clock = settings, tables, clock
        folder, intake = settings.data_dir, settings.intake
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.catalog = Catalog(
            tables.registry.sensors,
            undeclared_max=intake.undeclared_max,
            sites_max=intake.undeclared_sites_max,
            sites={*tables.registry.sites, intake.site} if intake.strict else None,
        )
        with contextlib.ExitStack() as opened:
            with damage_named(folder / TELEMETRY):
                self.log = TelemetryLog(folder / TELEMETRY, clock=clock)
                opened.callback(self.log.close)
                self.catalog.load(*self.log.catalog())
            with damage_named(folder / DETECTIONS):
                self.detections = DetectionLog(folder / DETECTIONS, clock=clock)
            self._log_end, self._detections_end = self.log.head(), self.detections.head()
            opened.pop_all()
        self.catalog.drain_changes()
        self.refresh = LogCatalog(self.log, self.catalog, shared=shared)

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
                decoders(settings.intake.formats or FOREIGN, lorawan=self.tables.lorawan),
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
        lanes = detection_lanes(self.log, self.catalog, self.tables)
        return [Step(lane.source, DetectStage(lane, self.detections, self.refresh, clock=self.clock)) for lane in lanes]

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
        """Return the store stage, which also drops old entries of the logs."""
        retention = RetentionPlanner(self.tables.retention, self.catalog, self.settings.data_dir)
        logs = LogRetention(self.log, self.detections, self.settings.log, store=store, dispatch=dispatch)
        stage = StoreStage(
            store,
            latest,
            self.refresh,
            self.clock,
            end=self._log_end,
            keep=retention,
            retain_logs=logs.retain,
        )
        if isinstance(store, CheckpointedStore):
            return Step(self.log, PausingStage(stage, store, self.settings.data_dir))
        return Step(self.log, stage)

    def origin(self, engine: Engine, channels: Sequence[Channel], stuck: Callable[[], bool]) -> Origin:
        """Return the origin of flows in memory; engine: the alert database; stuck: whether its outbox fails now."""
        from alerts import FallbackDispatch

        settings, tables, log = self.settings, self.tables, self.log

        def intake(catalog: Catalog, readable: bool) -> Intake:  # noqa: FBT001 - signature of Origin
            return Intake(
                catalog,
                decoders(settings.intake.formats or FOREIGN, lorawan=tables.lorawan),
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
            return detection_lanes(log, catalog, tables)

        return Origin(log, self.detections, self.catalog.copy, intake, lanes, dispatch)


def open_folder(settings: Settings, role: str) -> None:
    """Repair the data folder by rule and log every repair. The process holds its own roles.

    Raises FolderMismatch with the failure and the command that repairs it, RoleTaken, and OSError.
    """
    folder, others = settings.data_dir, tuple(other for other in ROLES if other not in roles_of(role))
    for action in fit_folder(
        folder,
        database=not settings.database,
        store=settings.store.kind == "duckdb",
        alone=lambda: RoleLocks(folder, others),
        store_codes=store_codes,
    ):
        log.warning("data folder %s: %s", folder, action)


def store_codes(path: Path) -> int:
    """Return the number of sensor codes in a file of the default store."""
    from ingest.stores.duckdb_parts import sensor_codes  # loads the engine only for a repair

    return sensor_codes(path)


def detection_lanes(
    log: TelemetryLog, catalog: Catalog, tables: Tables
) -> tuple[DetectionLane, DetectionLane, DetectionLane]:
    """Return the lanes of `detect_urgent`, `detect` and `detect_offline`, without state."""
    from detectors import build, offline_rules, reading_rules

    readings = partial(build, reading_rules(tables.recipe), catalog, tables.calendar)
    offline = partial(build, offline_rules(tables.recipe), catalog, tables.calendar)
    return (
        DetectionLane(DETECT_URGENT, log.urgent(), readings),
        DetectionLane(DETECT, log, readings),
        DetectionLane(DETECT_OFFLINE, log, offline),
    )


class LogRetention:
    """Drops old entries of both logs that every stage has processed."""

    def __init__(
        self,
        log: TelemetryLog,
        detections: DetectionLog,
        settings: LogSettings,
        *,
        store: Store,
        dispatch: AlertDispatch,
    ) -> None:
        self._log, self._detections, self._settings = log, detections, settings
        self._store, self._dispatch = store, dispatch

    def retain(self, now_ns: int) -> None:
        """Drop entries beyond the age and size of the settings. Raises StoreError while the store does not answer."""
        before_ns = now_ns - int(self._settings.keep_days * DAY_NS)
        bytes_max = self._settings.keep_mb * 1_000_000
        saved = [self._detections.latest_snapshot(stage) for stage in (DETECT_URGENT, DETECT, DETECT_OFFLINE)]
        scored = min(snapshot[0] if snapshot else 0 for snapshot in saved)
        self._log.retain(before_ns=before_ns, up_to=min(self._store.cursor(), scored), bytes_max=bytes_max)
        applied = min(self._applied(lane) for lane in Priority)
        self._detections.retain(before_ns=before_ns, up_to=applied, bytes_max=bytes_max)

    def _applied(self, lane: Priority) -> int:
        """Return the position up to which the database contains every detection of the lane."""
        head, cursor = self._detections.head(), self._dispatch.cursor(lane)
        return cursor if self._detections.lane(lane).head() > cursor else head


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


def subscriptions(settings: Settings) -> list[str]:
    """Return the topic filters of the formats in use, for a process without the durable session."""
    return Intake(Catalog(), decoders(settings.intake.formats or FOREIGN)).subscriptions

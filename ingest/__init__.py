"""Device bytes to columnar telemetry: decode, validate, batch and store."""

from .catalog import SERVICE_DEVICE, SERVICE_SITE, Catalog
from .devices.accounting import (
    NO_DEVICE,
    REFUSED,
    UNSTORED,
    Charge,
    Count,
    Counts,
    QuarantineChanges,
    Quarantined,
    Waiting,
    residual,
)
from .devices.ledger import Ledger, LedgerDelta, LedgerEntries
from .devices.reasons import NOTICES, REASONS
from .devices.unread import Unread, unread_of
from .errors import BlockError, CatalogFull, HoldError, IngestError, RetentionError, StoreError, TableError
from .frame import Frame
from .intake.batch import BatchSettings
from .intake.duplicates import MessageKeys
from .intake.intake import Intake
from .intake.memory import Memory
from .intake.settings import IntakeSettings
from .intake.spool import SpoolChanges, Spooled
from .intake.values import ReadingChecks, ValueChecks
from .priority import URGENT_KINDS, Priority, split_by_priority
from .sealed import Fact, Sealed
from .sensor import CatalogChanges, Renaming, Sensor
from .stores.contract import Buckets, Retained, Series, Store
from .stores.holds import FOREVER_NS, Hold, Holds, held
from .stores.retention import HeldSpan, Level, RetentionClass, RetentionPlan, load_retention, raw_only_plan
from .tables import FilledText, Reads, TableReader, load_toml, one_of
from .telemetry import COLUMNS, TelemetryBatch, concat, empty_batch, from_columns
from .vocabulary import (
    DEVICE_METRICS,
    FIRST_LEARNED_METRIC,
    KINDS,
    LIFE_SAFETY,
    METRIC_BY_CODE,
    METRIC_BY_NAME,
    METRIC_NAME,
    METRICS,
    SERVICE_METRICS,
    Metric,
    Quality,
)

__all__ = [
    "COLUMNS",
    "DEVICE_METRICS",
    "FIRST_LEARNED_METRIC",
    "FOREVER_NS",
    "KINDS",
    "LIFE_SAFETY",
    "METRICS",
    "METRIC_BY_CODE",
    "METRIC_BY_NAME",
    "METRIC_NAME",
    "NOTICES",
    "NO_DEVICE",
    "REASONS",
    "REFUSED",
    "SERVICE_DEVICE",
    "SERVICE_METRICS",
    "SERVICE_SITE",
    "UNSTORED",
    "URGENT_KINDS",
    "BatchSettings",
    "BlockError",
    "Buckets",
    "Catalog",
    "CatalogChanges",
    "CatalogFull",
    "Charge",
    "Count",
    "Counts",
    "Fact",
    "FilledText",
    "Frame",
    "HeldSpan",
    "Hold",
    "HoldError",
    "Holds",
    "IngestError",
    "Intake",
    "IntakeSettings",
    "Ledger",
    "LedgerDelta",
    "LedgerEntries",
    "Level",
    "Memory",
    "MessageKeys",
    "Metric",
    "Priority",
    "Quality",
    "QuarantineChanges",
    "Quarantined",
    "ReadingChecks",
    "Reads",
    "Renaming",
    "Retained",
    "RetentionClass",
    "RetentionError",
    "RetentionPlan",
    "Sealed",
    "Sensor",
    "Series",
    "SpoolChanges",
    "Spooled",
    "Store",
    "StoreError",
    "TableError",
    "TableReader",
    "TelemetryBatch",
    "Unread",
    "ValueChecks",
    "Waiting",
    "concat",
    "empty_batch",
    "from_columns",
    "held",
    "load_retention",
    "load_toml",
    "one_of",
    "raw_only_plan",
    "residual",
    "split_by_priority",
    "unread_of",
]

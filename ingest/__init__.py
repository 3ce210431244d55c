"""Bytes from sensors -> columnar telemetry: decoded, checked, batched, ready to be logged and stored."""

from .catalog import SERVICE_DEVICE, SERVICE_SITE, Catalog, CatalogChanges, Sensor
from .devices.accounting import (
    NOBODY,
    NOTICES,
    REASONS,
    REFUSED,
    UNSTORED,
    Charge,
    Count,
    Quarantined,
    Sealed,
    Waiting,
    residual,
)
from .devices.ledger import Booked, Bookings, Ledger
from .errors import BlockError, CatalogFull, HoldError, IngestError, RetentionError, StoreError, TableError
from .frame import Frame
from .intake.batch import BatchSettings
from .intake.intake import Intake
from .intake.settings import IntakeSettings
from .intake.spool import Spooled
from .priority import URGENT_KINDS, Priority, parted
from .stores.contract import Buckets, Retained, Series, Store
from .stores.holds import FOREVER_NS, Hold, Holds, held
from .stores.retention import HeldSpan, Level, RetentionClass, RetentionPlan, load_retention, raw_only_plan
from .tables import FilledText, Reads, TableReader, load_toml, one_of
from .telemetry import COLUMNS, TelemetryBatch, concat, empty_batch, from_columns
from .vocabulary import DEVICE_METRICS, KINDS, METRIC_BY_CODE, METRIC_BY_NAME, METRICS, Metric, Quality

__all__ = [
    "COLUMNS",
    "DEVICE_METRICS",
    "FOREVER_NS",
    "KINDS",
    "METRICS",
    "METRIC_BY_CODE",
    "METRIC_BY_NAME",
    "NOBODY",
    "NOTICES",
    "REASONS",
    "REFUSED",
    "SERVICE_DEVICE",
    "SERVICE_SITE",
    "UNSTORED",
    "URGENT_KINDS",
    "BatchSettings",
    "BlockError",
    "Booked",
    "Bookings",
    "Buckets",
    "Catalog",
    "CatalogChanges",
    "CatalogFull",
    "Charge",
    "Count",
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
    "Level",
    "Metric",
    "Priority",
    "Quality",
    "Quarantined",
    "Reads",
    "Retained",
    "RetentionClass",
    "RetentionError",
    "RetentionPlan",
    "Sealed",
    "Sensor",
    "Series",
    "Spooled",
    "Store",
    "StoreError",
    "TableError",
    "TableReader",
    "TelemetryBatch",
    "Waiting",
    "concat",
    "empty_batch",
    "from_columns",
    "held",
    "load_retention",
    "load_toml",
    "one_of",
    "parted",
    "raw_only_plan",
    "residual",
]

"""Bytes from sensors -> columnar telemetry: decoded, checked, batched, ready to be logged and stored."""

from .accounting import NOTICES, REASONS, Count, Quarantined, Sealed, Waiting, residual
from .batch import BatchSettings
from .catalog import SERVICE_SITE, Catalog, CatalogChanges, Sensor
from .errors import BlockError, CatalogFull, IngestError, StoreError, TableError
from .intake import Intake, IntakeSettings
from .store import Buckets, Series, Store
from .telemetry import COLUMNS, TelemetryBatch, concat, empty_batch, from_columns
from .vocabulary import DEVICE_METRICS, KINDS, METRIC_BY_CODE, METRIC_BY_NAME, METRICS, Metric, Quality

__all__ = [
    "COLUMNS",
    "DEVICE_METRICS",
    "KINDS",
    "METRICS",
    "METRIC_BY_CODE",
    "METRIC_BY_NAME",
    "NOTICES",
    "REASONS",
    "SERVICE_SITE",
    "BatchSettings",
    "BlockError",
    "Buckets",
    "Catalog",
    "CatalogChanges",
    "CatalogFull",
    "Count",
    "IngestError",
    "Intake",
    "IntakeSettings",
    "Metric",
    "Quality",
    "Quarantined",
    "Sealed",
    "Sensor",
    "Series",
    "Store",
    "StoreError",
    "TableError",
    "TelemetryBatch",
    "Waiting",
    "concat",
    "empty_batch",
    "from_columns",
    "residual",
]

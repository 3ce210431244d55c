"""Durable facts of the telemetry log: one class per fact type, with its table, `put` and `load`."""

from .catalog import CatalogTable
from .counts import CountsTable
from .keys import KeysTable
from .ledger import LedgerTable
from .memory import MemoryTable
from .quarantine import QuarantineTable
from .spool import SpoolTable
from .table import FactTable

__all__ = [
    "CatalogTable",
    "CountsTable",
    "FactTable",
    "KeysTable",
    "LedgerTable",
    "MemoryTable",
    "QuarantineTable",
    "SpoolTable",
]

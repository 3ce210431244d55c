"""Durable logs: hash-chained telemetry and detections, quarantine, ledger, verification."""

from .detections import DetectionEntry, DetectionLog
from .telemetry import Entry, TelemetryLog
from .verify import Report

__all__ = ["DetectionEntry", "DetectionLog", "Entry", "Report", "TelemetryLog"]

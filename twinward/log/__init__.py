"""The two durable logs: telemetry as it was accepted, and detections as they were made."""

from .detections import DetectionEntry, DetectionLog
from .telemetry import Entry, TelemetryLog
from .verify import Report

__all__ = ["DetectionEntry", "DetectionLog", "Entry", "Report", "TelemetryLog"]

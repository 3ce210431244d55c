"""The two durable logs: telemetry as it was accepted, and detections as they were made."""

from .log_detections import DetectionEntry, DetectionLog
from .log_telemetry import Entry, TelemetryLog
from .log_verify import Report

__all__ = ["DetectionEntry", "DetectionLog", "Entry", "Report", "TelemetryLog"]

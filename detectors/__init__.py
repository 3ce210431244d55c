"""Columnar telemetry -> detections: what looks dangerous, since when, how sure, why, and what would clear it."""

from .detection import HAZARDS, DetectionBatch, Detector, Phase

__all__ = ["HAZARDS", "DetectionBatch", "Detector", "Phase"]

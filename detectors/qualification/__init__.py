"""Qualification of detectors: score of their detections against ground truth."""

from .files import read_alarms, read_forecasts, read_signal, read_truth, score_files
from .report import Alarm, Forecast, Report, Signal, TruthFile, Window
from .score import score
from .sheet import SheetRow, read_sheet

__all__ = [
    "Alarm",
    "Forecast",
    "Report",
    "SheetRow",
    "Signal",
    "TruthFile",
    "Window",
    "read_alarms",
    "read_forecasts",
    "read_sheet",
    "read_signal",
    "read_truth",
    "score",
    "score_files",
]

"""Degraded mode: pages from memory while the log or a later stage cannot write."""

from .controller import StandbyController
from .disk_probe import DiskProbe
from .faults import FaultDetector
from .memory_flow import MemoryFlow
from .receiver import Receiver, Sessions
from .self_monitor import FREE_SHARE_MIN, DiskSpace, FaultReporter
from .watchdog import WatchdogCollector, dead_man

__all__ = [
    "FREE_SHARE_MIN",
    "DiskProbe",
    "DiskSpace",
    "FaultDetector",
    "FaultReporter",
    "MemoryFlow",
    "Receiver",
    "Sessions",
    "StandbyController",
    "WatchdogCollector",
    "dead_man",
]

"""Settings, wiring, pump, log and command line: the only place that knows everything; imported by nobody."""

__version__ = "0.2.0"

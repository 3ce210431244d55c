"""Process assembly: settings, flow, service, pump, log and command line."""

__version__ = "0.2.0"

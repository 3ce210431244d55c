"""Degraded mode: pages from memory while the log or a later stage cannot write."""

"""Inspections and guard rounds: kinds, routes, sheets, entries, and missed rounds as findings."""

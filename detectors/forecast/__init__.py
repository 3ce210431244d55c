"""Forecasts: time to a limit, with intervals whose coverage is counted."""

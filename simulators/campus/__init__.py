"""Simulated campus: schools, weather, calendars, fleets of devices, gateways."""

"""Supervision of schools by district and city: counts, league, improbable silence, roll-ups."""

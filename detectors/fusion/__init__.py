"""Fusion: rules over several sensors of a place and its neighbours."""

"""Drills on the real roster: a drill alarm for a place, and its times against targets."""

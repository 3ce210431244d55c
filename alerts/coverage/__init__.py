"""Coverage of places by working detectors: rooms without one now, and tests of detectors."""

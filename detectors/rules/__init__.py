"""Rule detectors: threshold, rise, stuck value, no data, lasting state, battery."""

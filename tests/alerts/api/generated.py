"""Settings of generated requests: the same requests in each run, without shrinking."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

GENERATED = settings(deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))

"""Dead-man signal of this installation: withheld while alarms do not pass, or during a red fault."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from alerts import DeadMan, WatchdogChannel, read_monitors
from alerts.notices.channels import NotifySettings
from twinward.clock import Clock

from .controller import StandbyController


def dead_man(settings: NotifySettings, channel: WatchdogChannel, standby: StandbyController, clock: Clock) -> DeadMan:
    """Return the sender of the pings. Raises ChannelError for an unusable file of monitors."""

    def passes() -> bool:
        return channel.passes() and not any(fault.grade == "red" for fault in standby.faults)

    return DeadMan(
        read_monitors(settings.dead_man_file),
        passes,
        every_s=settings.watchdog_s,
        allow_private=settings.allow_private,
        clock=clock,
    )


class WatchdogCollector:
    """Prometheus metrics of the synthetic alarms and of the dead-man signal."""

    def __init__(self, channel: WatchdogChannel, pings: DeadMan) -> None:
        self._channel, self._pings = channel, pings

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families with their present values."""
        age = "Seconds since a synthetic alarm passed from the broker to the channels"
        yield GaugeMetricFamily("twinward_watchdog_age_seconds", age, value=self._channel.age_s())
        pings = CounterMetricFamily("twinward_dead_man_pings", "Pings to monitors outside", labels=("result",))
        pings.add_metric(("sent",), self._pings.sent_total)
        pings.add_metric(("failed",), self._pings.failed_total)
        pings.add_metric(("withheld",), self._pings.withheld_total)
        yield pings

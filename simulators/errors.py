"""What can go wrong between a scenario file and the broker.

SimulatorError
├── ScenarioInvalid    a scenario file says something that cannot be (all findings at once)
├── RecordingInvalid   a recording has rows that cannot be read (all findings at once, with line numbers)
└── BrokerUnreachable  the broker refused or stayed away longer than allowed
"""

from __future__ import annotations

from collections.abc import Sequence

SHOWN_MAX = 50


class SimulatorError(Exception):
    """Base of all errors of this package."""


class ProblemsError(SimulatorError):
    """Several findings about one file, told together."""

    def __init__(self, source: str, findings: Sequence[str]) -> None:
        shown = [f"{source}: {finding}" for finding in findings[:SHOWN_MAX]]
        if len(findings) > SHOWN_MAX:
            shown.append(f"{source}: and {len(findings) - SHOWN_MAX} more")
        super().__init__("\n".join(shown))
        self.source = source
        self.findings = tuple(findings)


class ScenarioInvalid(ProblemsError):  # noqa: N818 - names the state of the file
    """A scenario cannot be built; findings name key and allowed values."""


class RecordingInvalid(ProblemsError):  # noqa: N818 - names the state of the file
    """A recording cannot be played; findings name the line."""


class BrokerUnreachable(SimulatorError):  # noqa: N818 - names the state of the broker
    """No usable connection; url: where; reason: what the broker or the network said."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no connection to {url}: {reason}")
        self.url = url
        self.reason = reason


class PlotUnavailable(SimulatorError):  # noqa: N818 - names the state of the installation
    """A picture cannot be drawn: the extra is missing, or the kind of file is unknown."""

"""Command `detector new`: a plug-in package with one detector, its entry point and its contract tests."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import Any

from detectors.recipes.types import TYPES
from twinward.errors import InputError

NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_PROJECT = Template("""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "twinward-$name"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["twinward"]

[project.entry-points."twinward.detectors"]
$name = "twinward_$name:PLUGIN"

[tool.hatch.build.targets.wheel]
packages = ["twinward_$name"]
""")
_MODULE = Template('''\
"""Rule type `$name`: excess of a value over its running mean. Replace the measure by your own.

Source: exponentially weighted mean. Cost: about 1 us a reading. Limits: a slow change becomes the mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.makers import Setting
from detectors.recipes.kinds import LevelRule
from detectors.recipes.plugins import Plugin
from detectors.rule_detection import RuleDetection
from detectors.rules.levels import LevelDetector
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(LevelRule):
    """Excess over the running mean reaches a limit. weight: of a new value in the mean."""

    version: ClassVar[int] = 1  # raise it with each change of the algorithm: the score sheet belongs to it

    weight: float = 0.05


class Measure:
    """Excess over the running mean of each series and timeline."""

    kind, sign = "$name", 1.0

    def __init__(self, rule: Settings) -> None:
        self._weight = rule.weight
        self.columns = Columns({"mean": (np.float64, 1, np.nan)})
        self.baseline: NDArray[np.float64] | None = None

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the excess at each row; rows out of order leave the mean."""
        values, mean = view.batch.value[part.rows], self.columns["mean"]
        excess, baseline = np.zeros(len(values)), np.empty(len(values))
        for row, (state, older) in enumerate(zip(part.states.tolist(), part.older.tolist(), strict=True)):
            known = mean[state]
            baseline[row] = values[row] if np.isnan(known) else known
            excess[row] = values[row] - baseline[row]
            if not older:
                mean[state] = baseline[row] + self._weight * excess[row]
        self.baseline = baseline
        return excess


class Detector(LevelDetector):
    """Rising levels over the measure, with sentences of its own."""

    def _detection(self, *given: Any) -> RuleDetection:
        found = super()._detection(*given)
        value = found.value or 0.0
        text = (f"比平时高{value:.3g}", f"{value:.3g} above its running mean")
        return replace(found, text=text, clears=("回到平时水平后解除", "Clears when it is back at its running mean"))


def make(rule: Settings, given: Setting) -> Detector:
    """Return the detector of a rule."""
    return Detector(rule, given.table, Measure(rule))


PLUGIN = Plugin("$name", Settings, make, ("高于平时", "above its running mean"))
''')
_TEST = Template('''\
"""Contract of the detector, and one alarm."""

from __future__ import annotations

from detectors.proof.gate import Gate, Stage
from detectors.qualification.contract import check_all
from detectors.recipes.plugins import register
from twinward_$name import PLUGIN, Settings

register(PLUGIN, origin="test")
RULE = Settings(name="$name", hazard="anomaly", metric="temperature", limits=(5.0,), levels=(1,), counts=(2,))


def test_the_detector_keeps_the_contract() -> None:
    """No wall clock, no randomness; batches and restarts change nothing; memory is bounded."""
    check_all(RULE)


def test_it_runs_in_shadow_without_a_score_sheet() -> None:
    """Measure it with `twinward detector score $name --recipe recipe.toml`."""
    assert Gate().standing(RULE).stage is Stage.SHADOW
''')
_RECIPE = Template("""\
recipe = "$name"

[[rule]]
name = "$name"
type = "$name"
hazard = "anomaly"
metric = "temperature"
limits = [5]
levels = [1]
counts = [2]
""")
_RULES = Template("""\
recipe = "recipe.toml"

[[test]]
name = "a jump raises, the usual value does not"
[[test.series]]
sensor = "room-1"
kind = "env"
metric = "temperature"
values = "20 x 30, 30 x 2"
[[test.expect]]
at_s = 310
rule = "$name"
level = 1
page = false
""")


def new_detector(name: str, folder: Path) -> dict[str, Any]:
    """Write the package into FOLDER/twinward-NAME; return its files. Raises InputError for a bad or taken name."""
    if not NAME.fullmatch(name) or name in TYPES:
        raise InputError(
            f"name {name!r}: allowed are a small letter, then up to 40 small letters, digits and underscores, and no "
            f"packaged type ({', '.join(TYPES)})"
        )
    target = folder / f"twinward-{name}"
    if target.exists():
        raise InputError(f"{target} exists; allowed is a new folder")
    files = {
        "pyproject.toml": _PROJECT,
        f"twinward_{name}/__init__.py": _MODULE,
        f"tests/test_{name}.py": _TEST,
        "recipe.toml": _RECIPE,
        "rule-tests.toml": _RULES,
    }
    for path, text in files.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text.substitute(name=name), encoding="utf-8")
    return {"folder": str(target), "files": list(files), "next": f"pip install -e {target} && pytest {target}"}

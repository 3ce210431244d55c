"""Compilation before the first reading, and imports that compile nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

from detectors import warm

from .histories import ALARMING, QUIET, SENSORS, Row, make, readings

KERNELS = ("budget", "emission", "episodes", "levels", "measures", "silence", "timelines")


def compiled() -> dict[str, int]:
    """Return the number of compiled signatures of each entry point of the kernels, without what they inline."""
    modules = [import_module(f"detectors.kernels.{name}") for name in KERNELS]
    return {
        f"{module.__name__}.{name}": len(function.signatures)
        for module in modules
        for name, function in vars(module).items()
        if hasattr(function, "signatures")
        and function.py_func.__module__ == module.__name__
        and name[0] != "_"
        and name != "emit"
    }


def test_readings_after_warming_compile_nothing() -> None:
    """Every kernel is compiled, for the argument types of real batches."""
    warm()
    before = compiled()
    assert all(before.values()), [name for name, count in before.items() if not count]
    rows: list[Row] = [
        (metric, sensor, at, at, value, 0)
        for at in range(0, 300, 20)
        for metric, value in (ALARMING if at > 100 else QUIET).items()
        for sensor in range(SENSORS)
    ]
    assert len(make("campus").update(readings(rows)))
    assert compiled() == before


def test_public_interfaces_load_no_heavy_library() -> None:
    """Recipes, scoring and detections are read without numba, matplotlib and scikit-learn."""
    code = (
        "import sys, detectors, detectors.recipes, detectors.rules, detectors.qualification as q;"
        "detectors.load_recipe(); q.score([], q.TruthFile((), None));"
        "print([name for name in ('numba', 'matplotlib', 'sklearn') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

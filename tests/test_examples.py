"""Examples of the documentation: `>>>` lines in docstrings of the product and in documents run."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ingest", "detectors", "alerts", "simulators", "twinward")
PROMPT = ">>> "


def with_examples(*patterns: str) -> list[str]:
    """Return the files below the root that match a pattern and contain an example."""
    paths = (path for pattern in patterns for path in ROOT.glob(pattern) if "node_modules" not in path.parts)
    return sorted(str(path.relative_to(ROOT)) for path in paths if PROMPT in path.read_text(encoding="utf-8"))


MODULES = with_examples(*(f"{package}/**/*.py" for package in PACKAGES))
DOCUMENTS = with_examples("*.md", "docs/**/*.md")


@pytest.mark.parametrize("path", MODULES)
def test_examples_of_a_module_give_their_results(path: str) -> None:
    """Each docstring example of the module gives the printed result, and none is left out."""
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    found = [test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples]
    text = (ROOT / path).read_text(encoding="utf-8")
    assert sum(len(test.examples) for test in found) == text.count(PROMPT)
    run(found)


def test_modules_with_examples_are_found() -> None:
    """The search finds decoders, whose contract demands an example."""
    assert "ingest/decode/native.py" in MODULES


def test_examples_of_documents_give_their_results() -> None:
    """Each `>>>` example of a document gives the printed result; the formats' messages run in a test of their own."""
    parser = doctest.DocTestParser()
    for path in DOCUMENTS:
        run([parser.get_doctest((ROOT / path).read_text(encoding="utf-8"), {}, path, path, 0)])


def run(tests: list[doctest.DocTest]) -> None:
    """Run the examples; fail with the report of the first difference in each."""
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_ONLY_FIRST_FAILURE)
    for test in tests:
        runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)

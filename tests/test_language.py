"""Language of docstrings, comments and documents: idioms are rare, first lines are short.

`python tests/test_language.py [PATH ...]` lists every idiom with its place, and the rate of the named paths.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ingest", "detectors", "alerts", "simulators", "twinward")
PARTS = {
    "ingest": ("ingest",),
    "detectors": ("detectors",),
    "alerts": ("alerts",),
    "simulators": ("simulators",),
    "twinward": ("twinward",),
    "tests": ("tests",),
    "docs": ("docs", "*.md", "bootstrap.py", "pyproject.toml", "deploy"),
}
"""Parts whose language is checked, with their files."""

FIRST_LINE_PARTS = ("bootstrap.py", *PACKAGES, "tests")
"""Parts whose module docstrings have short first lines."""

NAME_PARTS = (
    "bootstrap.py",
    "detectors",
    "simulators",
    "twinward",
    "tests/detectors",
    "tests/simulators",
    "tests/bench",
)
"""Parts whose identifiers are checked."""

PUBLIC_NAMES = {"lock_tells", "first_heard", "last_heard", "told_at"}
"""Keys of scenario files, and fields of the HTTP interface."""

DRILL, FORMER_DRILL = "演练", "\u6f14\u4e60"
"""Chinese term of a drill, and the one that it replaces."""

PER_10_000_WORDS_MAX = 5.0
FIRST_LINE_MAX = 100
SUFFIXES = {".py", ".md", ".toml", ".ts", ".svelte", ".conf", ".service"}
IDIOMS = re.compile(
    r"""\b(?:
    what(?!\?)|whatever|whoever|whichever|
    how\ (?:far|well|long|often|much|many|it|they)|whose\ turn|
    tells?|told|telling|says?|said|hears?|heard|overhear\w*|unheard|speaks?|spoke|spoken|knows?|knew|
    judges?|judged|judging|judgements?|verdicts?|
    mends?|mended|by\ (?:itself|themselves)|all\ the\ same|once\ more|
    fall(?:s|en)?\ silent|fell\ silent|signs?\ of\ life|(?:old|good|bad)\ news|latecomers?|testament|
    lookout|stand-in|desk|heaps?|houses?|faces?|spine|beyond\ all\ measure|running\ numbers?|bookings?|
    gives?\ back|gave\ back|takes?\ in|taken\ in|took\ in|lets?\ go\ of|goes\ by|go\ by|comes?\ of|
    br(?:ing|ings|ought)\ up|stands?\ (?:for|in|there|beside|still)|
    is\ there\ to|be\ had|
    quieten\w*|restless\w*|abreast|amiss
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
NAME_IDIOMS = re.compile(
    r"(?:told|tells|heard|hears?|overhear\w*|judge[sd]?|desk|lookout|ear|messenger|verdicts?|mend(?:s|ed)?|"
    r"book(?:ed|ings?)|latecomers?|news|said|says|knows|hush|what\w*|whose|house|testament)"
)
"""Words of an identifier that the style guide replaces."""

PERSONAL_DATA = re.compile(
    r"\bplates and faces\b|\bfaces and plates\b|\bnames, faces\b|\bblurs? faces\b", re.IGNORECASE
)
"""Faces of people, in lists of personal data, are no idiom."""

WORDS = re.compile(r"[A-Za-z][A-Za-z'-]*")
CODE = re.compile(r"```.*?```|`[^`\n]*`|https?://\S+", re.DOTALL)
DOCTEST = re.compile(r"^ *(?:>>>|\.\.\.) .*$", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|<!--.*?-->|(?<!:)//[^\n]*", re.DOTALL)


def files(patterns: Iterable[str]) -> list[Path]:
    """Return the tracked sources and documents that match, without captured cases and without this file."""
    listed = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    own = (ROOT / name for name in listed if not name.startswith("tests/cases/") and ROOT / name != Path(__file__))
    return [path for path in own if path.suffix in SUFFIXES and path.is_file()]


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line numbers and texts: docstrings and comments of code, a document without its code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _python_prose(text)
    elif path.suffix == ".md":
        yield 1, _without_code(text)
    elif path.suffix in {".toml", ".conf", ".service"}:
        comments = ((number, line.partition("#")[2]) for number, line in enumerate(text.splitlines(), 1))
        yield from ((number, _without_code(comment)) for number, comment in comments if comment)
    else:
        for comment in COMMENT.finditer(text):
            yield text.count("\n", 0, comment.start()) + 1, _without_code(comment.group())


def _python_prose(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        value = getattr(node, "value", None)
        if isinstance(node, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield node.lineno, _without_code(value.value)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith("#!"):
            yield token.start[0], _without_code(token.string)


def _without_code(text: str) -> str:
    plain = CODE.sub(lambda code: "\n" * code.group().count("\n"), text)
    return PERSONAL_DATA.sub("", DOCTEST.sub("", plain))


def count(paths: Iterable[Path]) -> tuple[int, list[str]]:
    """Return the number of words of all paths, and each idiom with its place."""
    words, found = 0, []
    for path in paths:
        for line, text in prose(path):
            words += len(WORDS.findall(text))
            found += [
                f"{path.relative_to(ROOT)}:{line + text.count(chr(10), 0, idiom.start())}: {idiom.group()}"
                for idiom in IDIOMS.finditer(text)
            ]
    return words, found


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line numbers and names of the functions, classes, parameters, variables and attributes of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def idiomatic_names(paths: Iterable[Path]) -> list[str]:
    """Return each identifier that contains a word of NAME_IDIOMS, with its place."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in paths
        if path.suffix == ".py"
        for line, name in identifiers(path)
        if name not in PUBLIC_NAMES
        and any(NAME_IDIOMS.fullmatch(word.lower()) for word in re.findall(r"[A-Z]?[a-z]+", name))
    ]


@pytest.mark.parametrize("part", PARTS)
def test_idioms_are_rare(part: str) -> None:
    """A part has fewer than 5 idioms per 10,000 words of docstrings, comments and documents."""
    words, found = count(files(PARTS[part]))
    assert words > 1_000
    assert len(found) / words * 10_000 < PER_10_000_WORDS_MAX, "\n".join(found)


def test_an_idiom_is_counted() -> None:
    """The expression finds each idiom of a sentence, and none in a plain sentence or in code."""
    assert len(IDIOMS.findall("What came was told by itself; the desk judged it.")) == 5
    assert IDIOMS.findall("Return the readings that the log rejected.") == []
    assert IDIOMS.findall(_without_code("Call `told()`.\n\n    >>> what = 1\n\nMask plates and faces.")) == []


@pytest.mark.parametrize("part", NAME_PARTS)
def test_names_are_terms_of_the_field(part: str) -> None:
    """No identifier contains an idiom."""
    assert idiomatic_names(files([part])) == []


def test_a_drill_has_one_chinese_term() -> None:
    """Console, notices, forms and documents use the same word; the other one is nowhere."""
    texts = {path: path.read_text(encoding="utf-8") for path in files([*PACKAGES, "docs", "tests"])}
    assert any(DRILL in text for text in texts.values())
    assert [str(path.relative_to(ROOT)) for path, text in texts.items() if FORMER_DRILL in text] == []


@pytest.mark.parametrize("part", FIRST_LINE_PARTS)
def test_first_lines_of_modules_are_short(part: str) -> None:
    """The first line of each module's docstring has 1 to 100 characters."""
    lines = {
        str(path.relative_to(ROOT)): (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[
            0
        ]
        for path in files([part])
        if path.suffix == ".py"
    }
    assert {name: len(line) for name, line in lines.items() if not 1 <= len(line) <= FIRST_LINE_MAX} == {}


if __name__ == "__main__":
    named = files(sys.argv[1:])
    total, places = count(named)
    rate = len(places) / max(1, total) * 10_000
    sys.stdout.write(
        "\n".join([*idiomatic_names(named), *places, f"{len(places)} idioms in {total} words: {rate:.1f} per 10,000\n"])
    )

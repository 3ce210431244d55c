"""Grading methods: every cell has the colour of its band."""

from __future__ import annotations

import itertools

import pytest

from alerts import Grade, Invalid, methods

LS_BANDS = {
    # severity 1 to 5, for likelihood 1 to 5; 4 red, 3 orange, 2 yellow, 1 blue, as a school's poster shows it
    1: "bbbbb",
    2: "bbbby",
    3: "bbyyo",
    4: "bbyor",
    5: "byorr",
}
LETTERS = {"r": Grade.RED, "o": Grade.ORANGE, "y": Grade.YELLOW, "b": Grade.BLUE}
LEC = (
    (0.1, 0.2, 0.5, 1, 3, 6, 10),
    (0.5, 1, 2, 3, 6, 10),
    (1, 3, 7, 15, 40, 100),
)


@pytest.mark.parametrize(("likelihood", "row"), LS_BANDS.items())
def test_ls_grades_all_25_cells_as_the_matrix(likelihood: int, row: str) -> None:
    """The matrix is written out by hand, not computed by the code under test."""
    for severity, letter in enumerate(row, 1):
        assessed = methods()["ls"].assess(likelihood=likelihood, severity=severity)
        assert assessed.grade is LETTERS[letter], (likelihood, severity)
        assert assessed.score == likelihood * severity


def lec_grade(thousandths: int) -> Grade:
    """The band of D, given in whole thousandths so that no float decides a tie."""
    if thousandths >= 320_000:
        return Grade.RED
    if thousandths >= 160_000:
        return Grade.ORANGE
    return Grade.YELLOW if thousandths >= 70_000 else Grade.BLUE


def test_lec_grades_all_252_cells_and_ties_go_up() -> None:
    """All combinations against exact integer arithmetic; the only ties with a band's edge at 70 are two."""
    cells = list(itertools.product(*LEC))
    assert len(cells) == 252
    ties = 0
    for likelihood, exposure, severity in cells:
        thousandths = round(likelihood * 10) * round(exposure * 10) * severity * 10
        ties += thousandths == 70_000
        assessed = methods()["lec"].assess(likelihood=likelihood, exposure=exposure, severity=severity)
        assert assessed.grade is lec_grade(thousandths), (likelihood, exposure, severity)
    assert ties == 2


@pytest.mark.parametrize("name", ["ls", "lec"])
def test_an_assessment_names_method_version_and_inputs(name: str) -> None:
    """A stored grade is reproducible from its inputs."""
    method = methods()[name]
    inputs = {factor: values[-1] for factor, values in method.factors.items()}
    assessed = method.assess(**inputs)
    assert (assessed.method, assessed.version, dict(assessed.inputs)) == (name, method.version, inputs)
    assert method.assess(**assessed.inputs) == assessed


def test_every_wrong_factor_is_named_with_what_is_allowed() -> None:
    """Values outside the table are rejected together; none is rounded."""
    with pytest.raises(Invalid) as caught:
        methods()["ls"].assess(likelihood=0, severity=2.5)
    assert set(caught.value.fields) == {"likelihood", "severity"}
    assert "1, 2, 3, 4, 5" in caught.value.fields["severity"]


def test_a_higher_level_never_grades_lower() -> None:
    """Live likelihood grows with the level of the finding, for every severity."""
    for method, severity in itertools.product(methods().values(), range(1, 6)):
        grades = [method.live(level, severity=severity).grade for level in range(4)]
        assert grades == sorted(grades, reverse=True)


def test_live_grades_of_lec_are_those_of_ls_but_one() -> None:
    """Of 20 cells only the early finding of severity 3 differs, as the method file states."""
    ls, lec = methods()["ls"], methods()["lec"]
    cells = itertools.product(range(4), range(1, 6))
    differing = {
        (level, severity)
        for level, severity in cells
        if ls.live(level, severity=severity).grade != lec.live(level, severity=severity).grade
    }
    assert differing == {(1, 3)}
    assert dict(lec.live(2, severity=5).inputs) == {"likelihood": 3, "exposure": 6, "severity": 40}

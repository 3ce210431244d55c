"""Options of `detector list|sheets|score|promote|new|test`: stages of the rules, score sheets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from .output import Config, Json, print_lines, print_result

detector_app = typer.Typer(no_args_is_help=True, help="Detectors: stages, score sheets, promotion, tests, new ones.")
Names = Annotated[list[str] | None, typer.Argument(help="Rules of the recipe.")]
RecipeFile = Annotated[Path | None, typer.Option(help="Recipe in place of the campus recipe.")]


@detector_app.command("list")
def show(*, recipe: RecipeFile = None, config: Config = None, as_json: Json = False) -> None:
    """List the rules with stage and reason, as the service would run them."""
    from .stage_list import listed

    rows = listed(recipe, config)
    if as_json:
        for row in rows:
            print_result(row, as_json=True)
        return
    print_lines(f"{row['rule']:<28}{row['stage']:<11}{row['reason']}" for row in rows)


@detector_app.command("sheets")
def sheets(
    name: Names = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also rules whose sheet fits.")] = False,
    as_json: Json = False,
) -> None:
    """Measure rules of the campus recipe on the bank and write their packaged sheets; default: the missing ones."""
    from .sheets import make_sheets, table, to_json

    made = make_sheets(name or [], everything=everything, quiet=as_json)
    print_lines(to_json(made) if as_json else table(made))


@detector_app.command("score")
def score(
    name: Annotated[str, typer.Argument(help="Rule of the recipe.")],
    *,
    recipe: RecipeFile = None,
    output: Annotated[Path, typer.Option(help="Folder for the sheet, NAME.json.")] = Path(),
    as_json: Json = False,
) -> None:
    """Measure one rule on the bank and write its score sheet."""
    from .sheets import make_sheets, table, to_json

    made = make_sheets([name], recipe=recipe, output=output, quiet=as_json)
    print_lines(to_json(made) if as_json else table(made))


@detector_app.command("promote")
def promote(
    name: Annotated[str, typer.Argument(help="Rule of the recipe.")],
    *,
    sheet: Annotated[Path, typer.Option(help="Score sheet of `detector score`.")],
    recipe: RecipeFile = None,
    who: Annotated[str, typer.Option(help="Name of the person; default: the account's name.")] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Let a rule page by its score sheet; measures it again and writes an audit entry."""
    from twinward.settings import read_settings

    from .promote import promote as decide

    settings = read_settings(config, os.environ)
    print_result(decide(settings, name, sheet, recipe=recipe, who=who, quiet=as_json), as_json=as_json)


@detector_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Name of the rule type: small letters, digits, underscores.")],
    *,
    folder: Annotated[Path, typer.Option(help="Folder for the new package.")] = Path(),
    as_json: Json = False,
) -> None:
    """Write the package of a plug-in: rule type, detector, entry point, contract tests, recipe, rule tests."""
    from .new_detector import new_detector

    print_result(new_detector(name, folder), as_json=as_json)


def check_rules(
    path: Annotated[Path, typer.Argument(help="TOML file of series and expected detections.")],
    *,
    as_json: Json = False,
) -> None:
    """Run rule tests on synthetic series; exit status 1 and each difference after a failure."""
    from .rule_tests import check_rules as checked

    rows = checked(path)
    for row in rows:
        if as_json:
            print_result(row, as_json=True)
        else:
            print_lines(
                [f"{'ok  ' if row['ok'] else 'FAIL'} {row['test']}", *(f"       {one}" for one in row["faults"])]
            )
    if not rows or not all(row["ok"] for row in rows):
        raise typer.Exit(1)


detector_app.command("test")(check_rules)

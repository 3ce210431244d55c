"""Persons who hold a post by the roster: those of its shifts, and its deputies."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Roster


@dataclass(frozen=True, slots=True)
class Holders:
    """Persons of a post, each once, in the order of the roster. deputies: without the persons themselves."""

    persons: tuple[str, ...]
    deputies: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Persons, then deputies."""
        return self.persons + self.deputies


def holders(roster: Roster | None, post: str) -> Holders:
    """Return the persons of a post; nobody without a roster or for a post that it does not have.

    The first deputy of a post without shifts is its person, as the deputies cover hours without a shift.
    """
    if roster is None or post not in roster.posts:
        return Holders((), ())
    own = [name for shift in roster.shifts if shift.post == post for name in shift.persons]
    named = tuple(dict.fromkeys(own))
    deputies = tuple(name for name in dict.fromkeys(roster.posts[post].deputies) if name not in named)
    return Holders(named, deputies) if named else Holders(deputies[:1], deputies[1:])

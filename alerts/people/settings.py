"""Settings of accounts and sign-in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import doc

Role = Literal["viewer", "operator", "officer", "fixer", "district", "city", "admin"]


@dataclass(frozen=True, slots=True)
class PeopleSettings:
    """Rules of the sign-in."""

    second_factor: Annotated[
        tuple[Role, ...],
        doc(
            'roles that need a one-time code, such as ["admin", "city"]; an account without an authenticator enrols '
            "one at its next sign-in"
        ),
    ] = ()

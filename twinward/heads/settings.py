"""Settings of the audit's signed heads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import doc


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Copies of the signed heads. The journal itself is never deleted, so its retention has no setting."""

    heads_folder: Annotated[
        Path | None, doc("second folder for the daily signed heads, such as a share of another machine")
    ] = None

"""Trained models as files, and the rule type that reads them.

A model is data: JSON with a version, the checksum of its content, the fitted channels and span, the digest of the
readings, and plain arrays. No code is loaded. `twinward train` keeps the model before beside a new one; a damaged file
is refused and the one before is used.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval, doc

from detectors.errors import ModelError
from ingest import Reads

from .kinds import Rule

VERSION = 1
BEFORE = ".before"
"""Suffix of the model that a new one replaced."""
METHODS = ("subspace", "forest")
_NEEDED = ("method", "site", "channels", "step_s", "limit", "center", "scale", "inputs", "from", "to", "rows", "arrays")

log = logging.getLogger(__name__)


class Model:
    """Trained model. Two models are equal if their contents are; its text names its digest."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        """Raises ModelError if a part is missing."""
        missing = [name for name in _NEEDED if name not in content]
        if missing or content["method"] not in METHODS:
            raise ModelError("", f"without {', '.join(missing) or 'a known method'}")
        self.content = content
        self.digest = checksum(content)

    @property
    def channels(self) -> list[tuple[str, str]]:
        """Sensor and metric of each channel, in the order of the arrays."""
        return [(str(sensor), str(metric)) for sensor, metric in self.content["channels"]]

    def __repr__(self) -> str:
        return f"Model({self.digest})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def checksum(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a content in canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def model_text(model: Model) -> str:
    """Return the file of a model."""
    return json.dumps({"version": VERSION, "checksum": model.digest, "content": model.content}, allow_nan=False) + "\n"


def read_model(path: Path) -> Model:
    """Return the model of a file. Raises ModelError for a missing, cut or altered one, and for another version."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        version, stated, content = fields["version"], fields["checksum"], fields["content"]
        if version != VERSION:
            raise ModelError(str(path), f"version {version!r}; allowed is {VERSION}")
        model = Model(content)
    except OSError as error:
        raise ModelError(str(path), error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(str(path), "cut or altered; train it again") from error
    if model.digest != stated:
        raise ModelError(str(path), "altered: the checksum does not match; train it again")
    return model


def load_model(path: Path) -> Model:
    """Return the model of a file, or the one before if the file is refused. Raises ModelError if both are."""
    try:
        return read_model(path)
    except ModelError as error:
        try:
            model = read_model(path.with_name(path.name + BEFORE))
        except ModelError:
            raise error from None
        log.warning("%s; the model before it stays in use", error)
        return model


def _refused(given: object) -> Model:
    raise ValueError(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained(Rule):
    """Deviation of the named sensors of a trained model, from readings of the same step.

    model: its file, relative to the recipe's. It raises after `raise_steps` steps in a row above the model's limit and
    clears after clear_steps below it. loaded: filled in from the file.
    """

    model: Annotated[str, doc("file that `twinward train` wrote")]
    raise_steps: Annotated[int, Interval(ge=1, le=1_000)] = 3
    clear_steps: Annotated[int, Interval(ge=1, le=1_000)] = 3
    loaded: Annotated[Model | None, Reads(_refused, "no value: the recipe fills it")] = None

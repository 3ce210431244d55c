"""Recipe of a running service, read again when recipe, overrides, models or score sheets change."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from detectors import Recipe, recipe_digest
from detectors.recipes.recipe import DEFAULT
from detectors.recipes.trained import Trained
from ingest import Sensor
from twinward.errors import ConfigError
from twinward.heads.sheet_folder import SHEETS
from twinward.settings import Settings
from twinward.tables import read_rules

LOOK_S = 1.0
"""Interval of checks of the files. An edit counts once its files are unchanged from one check to the next."""

log = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int], ...]


class LiveRecipe:
    """The recipe as it runs. Several threads may call it.

    An edit with errors changes nothing: the recipe before it stays, and `fault` has the errors.
    """

    def __init__(
        self,
        settings: Settings,
        recipe: Recipe,
        sensors: Sequence[Sensor],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """recipe: as read at the start; sensors: of the registry."""
        self._settings, self._recipe, self._sensors, self._monotonic = settings, recipe, sensors, monotonic
        self._lock = threading.Lock()
        self._seen = self._read = self._stamp()
        self._looked_s = monotonic()
        self.version, self.fault = 0, ""

    def recipe(self) -> Recipe:
        """Return the present recipe, after a check of the files."""
        self.look()
        return self._recipe

    def look(self) -> int:
        """Read changed files, once a second; return the number of accepted edits since the start."""
        if self._lock.acquire(blocking=False):  # no stage waits while another one reads
            try:
                self._turn()
            finally:
                self._lock.release()
        return self.version

    def _turn(self) -> None:
        if self._monotonic() - self._looked_s < LOOK_S:
            return
        self._looked_s = self._monotonic()
        stamp, self._seen = self._seen, self._stamp()
        if stamp == self._seen != self._read:
            self._read = stamp
            self._accept()

    def _accept(self) -> None:
        """Read the files; keep the recipe before them after an error."""
        try:
            recipe = read_rules(self._settings, self._sensors)
        except ConfigError as error:
            self.fault = str(error)
            log.error("the edit of the recipe is refused, the one before it runs: %s", error)  # noqa: TRY400 - lines
            return
        self.fault = ""
        before, after = recipe_digest(self._recipe), recipe_digest(recipe)
        self._recipe = recipe
        if before != after:
            self.version += 1
            log.warning("recipe %s %s runs in place of %s", recipe.name, after, before)

    def _stamp(self) -> Stamp:
        """Return path, time of change and size of each file that the recipe rests on."""
        return tuple(_of(path) for path in self._files())

    def _files(self) -> Iterator[Path]:
        settings = self._settings
        recipe = settings.recipe or Path(str(DEFAULT))
        named = (recipe, settings.overrides, settings.cells)
        yield from (path for path in named if path is not None)
        yield from (recipe.parent / rule.model for rule in self._recipe.rules if isinstance(rule, Trained))
        if settings.overrides is not None:
            yield settings.data_dir / SHEETS  # a promoted rule of the site replaces its rule


def _of(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_mtime_ns, found.st_size

"""Watch of the rules: a refused edit of the recipe, and rules that their false pages demoted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alerts import StorageFault
from detectors import rule_digest
from twinward.detection.live_recipe import LiveRecipe
from twinward.heads.sheet_folder import SheetFolder, demoted

RECIPE, DETECTORS = "recipe", "detectors"
"""Parts."""
REFUSED = StorageFault("recipe_refused", "规则文件的修改有错误", "an edit of the rules has errors")
LOOK_S = 1.0
NAMES_MAX = 5


class RuleWatch:
    """An edit of the recipe is refused, or a rule of the recipe is demoted."""

    def __init__(self, live: LiveRecipe, folder: Path) -> None:
        """folder: data folder of the sheets."""
        self._live, self._sheets, self._folder = live, SheetFolder(folder), folder
        self._looked_s, self._seen = -LOOK_S, (-1, -1)
        self._names: tuple[str, ...] = ()

    def look(self, now_s: float) -> Mapping[str, StorageFault]:
        """Return the faults, read once a second."""
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            self._read()
        found = {RECIPE: REFUSED} if self._live.fault else {}
        return found | ({DETECTORS: _demotion(self._names)} if self._names else {})

    def _read(self) -> None:
        """Read the demotions again after a change of recipe or sheets."""
        seen = (self._live.look(), self._sheets.changed_ns())
        if seen != self._seen:
            self._seen, gone = seen, demoted(self._folder)
            self._names = tuple(rule.name for rule in self._live.recipe().rules if rule_digest(rule) in gone)


def _demotion(names: tuple[str, ...]) -> StorageFault:
    shown = ", ".join(names[:NAMES_MAX]) + (f" (+{len(names) - NAMES_MAX})" if len(names) > NAMES_MAX else "")
    return StorageFault(
        "rule_demoted", f"规则 {shown} 误报超过评分表，已降级", f"false pages of {shown} exceed the score sheet"
    )
